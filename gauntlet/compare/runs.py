"""Reads run records of any age from folders of results."""

import json
from pathlib import Path

from pydantic import ValidationError

from gauntlet.errors import UsageError
from gauntlet.report.record import VERSION, RunRecord

FILE = "run.json"


class Unreadable(UsageError):
    """A file that is no run record that this version can read."""


def load(place: Path) -> RunRecord:
    """The record in a folder of results, or in a file; Unreadable with what is wrong."""
    path = place / FILE if place.is_dir() else place
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise Unreadable(f"{path}: expected a run record, got none ({reason})") from None
    try:
        return RunRecord.model_validate_json(text)
    except ValidationError as error:
        raise Unreadable(f"{path}: {_reason(text, error)}") from None


def _reason(text: str, error: ValidationError) -> str:
    """Why a text is no record: none at all, of another version, or wrong somewhere."""
    try:
        content = json.loads(text)
    except ValueError:
        return "expected a run record, got something that is no JSON"
    if not isinstance(content, dict) or "outcome" not in content:
        return "expected a run record, got other JSON"
    version = content.get("version")
    if version != VERSION:
        return f"expected a run record of version {VERSION}, got one of {version!r}"
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    more = error.error_count() - 1
    others = f", and {more} more" if more else ""
    what = f"{where}: {first['msg'].lower()}{others}"
    return f"expected a run record of this version, got another: {what}"
