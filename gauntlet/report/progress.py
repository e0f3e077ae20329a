"""One line of progress while a headless run goes on; on a terminal only."""

import sys
from argparse import Namespace

from gauntlet.curves import stretch_at
from gauntlet.models import Profile
from gauntlet.report.record import Moment
from gauntlet.units import format_duration

_CLEAR = "\r\x1b[K"


def wanted(options: Namespace | None) -> bool:
    """Locust's own tables show progress unless `--only-summary` leaves them out."""
    return bool(options and options.headless and options.only_summary and sys.stderr.isatty())


def line(moment: Moment, planned: float | None, profile: Profile | None) -> str:
    """Time, phase, users, requests and failures so far."""
    stretch = stretch_at(profile.curve, moment.t) if profile else None
    parts = [
        format_duration(round(moment.t)) + (f" of {format_duration(planned)}" if planned else ""),
        stretch.name if stretch else "",
        f"{moment.users} users",
        f"{moment.requests} requests",
        f"{moment.failures} failed",
    ]
    return " · ".join(part for part in parts if part)


def show(text: str) -> None:
    """Put `text` on the terminal's last line; an empty text clears it."""
    sys.stderr.write(_CLEAR + text)
    sys.stderr.flush()
