"""What the records of tests hold where nobody looks: half a minute of `smoke` at predict."""

from datetime import UTC, datetime
from typing import Any

from gauntlet.report.record import Fleet

USUAL: dict[str, Any] = {
    "gauntlet": "0.1.0",
    "locust": "2.47.0",
    "python": "3.11.7",
    "system": "predict",
    "profile": "smoke",
    "environment": "local",
    "target": "http://localhost:8000",
    "started": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "ended": datetime(2026, 1, 2, 3, 4, 35, tzinfo=UTC),
    "duration": 30.0,
    "planned": 30.0,
    "peak_users": 5,
    "seed": 7,
    "tags": (),
    "excluded_tags": (),
    "test_env": "",
    "test_version": "",
    "description": "",
    "mix": None,
    "fleet": Fleet(workers=0, lost=()),
    "iterations": None,
    "failures": (),
    "user_errors": {},
    "preflight": (),
    "timeline": (),
}
