"""The changelog and the package agree on the version."""

import re
from datetime import date
from pathlib import Path

import gauntlet

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"
VERSION = re.compile(r"^## \[(.+?)\] - (.+)$", re.MULTILINE)


def versions() -> list[tuple[str, date]]:
    """Every version with its date, as they stand from top to bottom."""
    return [(name, date.fromisoformat(day)) for name, day in VERSION.findall(CHANGELOG.read_text())]


def test_the_top_version_is_the_package() -> None:
    assert versions()[0][0] == gauntlet.__version__


def test_every_version_has_its_place() -> None:
    days = [day for _, day in versions()]
    assert days == sorted(days, reverse=True)
    assert len(VERSION.findall(CHANGELOG.read_text())) == CHANGELOG.read_text().count("\n## ")
