"""The JSON Schemas of all declarative input and of the run record, made from the models.

    python -m gauntlet.schemas           writes profiles/schema/*.json
    python -m gauntlet.schemas --check   exits 1 where a committed file differs

Editors find them by the first line of each YAML file.
"""

import json
import sys
from pathlib import Path
from typing import Any

from gauntlet.matrix.plan import Axes
from gauntlet.models import Environment, Profile
from gauntlet.report.record import RunRecord
from gauntlet.systems import SYSTEMS

FOLDER = Path(__file__).resolve().parent.parent / "profiles" / "schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by file name; `override` is a profile of which no key is required."""
    override = Profile.model_json_schema()
    override["title"] = "Override"
    override.pop("required", None)
    found = {
        "profile": Profile.model_json_schema(),
        "override": override,
        "environment": Environment.model_json_schema(),
        "run": RunRecord.model_json_schema(mode="serialization"),
    }
    found["matrix"] = Axes.model_json_schema()
    for system in SYSTEMS.values():
        found[f"{system.name.replace('_', '-')}-mix"] = system.mix.model_json_schema()
    return {f"{name}.json": schema for name, schema in found.items()}


def drifted(folder: Path = FOLDER) -> list[str]:
    """Names of files that do not hold what the models say."""
    return [
        name
        for name, schema in schemas().items()
        if not (folder / name).is_file() or (folder / name).read_text() != _text(schema)
    ]


def main() -> None:
    """Write the files, or with `--check` compare them."""
    if "--check" in sys.argv[1:]:
        for name in (wrong := drifted()):
            print(f"profiles/schema/{name}: expected what `make schema` writes, got a difference")
        raise SystemExit(1 if wrong else 0)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (FOLDER / name).write_text(_text(schema))


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    main()
