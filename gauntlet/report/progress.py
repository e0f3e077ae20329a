"""One line of progress while a headless run goes on; on a terminal only."""

import sys
from argparse import Namespace
from io import StringIO

from rich.console import Console
from rich.progress_bar import ProgressBar

from gauntlet.curves import stretch_at
from gauntlet.models import Profile
from gauntlet.report.record import Moment
from gauntlet.units import format_duration
from gauntlet.verdict import Tally

_CLEAR = "\r\x1b[K"


def wanted(options: Namespace | None) -> bool:
    """Locust's own tables show progress unless `--only-summary` leaves them out."""
    return bool(options and options.headless and options.only_summary and sys.stderr.isatty())


def line(
    moment: Moment,
    planned: float | None,
    profile: Profile | None,
    iterations: Tally | None = None,
) -> str:
    """A bar and a rate where iterations are counted; time, phase, users, requests, failures.

    Arrivals that wait or were dropped, where there are any.
    """
    stretch = stretch_at(profile.curve, moment.t) if profile else None
    now = format_duration(round(moment.t)) if moment.t >= 0.5 else "0s"
    parts = [
        now + (f" of {format_duration(planned)}" if planned else ""),
        stretch.name if stretch else "",
        f"{moment.users} users",
        f"{moment.requests} requests",
        f"{moment.failures} failed",
        f"{moment.waiting} waiting" if moment.waiting else "",
        f"{moment.dropped} dropped" if moment.dropped else "",
    ]
    if iterations is not None:
        share = iterations.done / iterations.total
        rate = f"{moment.requests / max(moment.t, 1.0):.1f} requests/s"
        parts = [f"{bar(share)} {iterations.done}/{iterations.total}", rate, *parts]
    return " · ".join(part for part in parts if part)


def bar(share: float, width: int = 24) -> str:
    """A bar of `width` characters, drawn by rich."""
    console = Console(file=StringIO(), width=width, color_system=None, legacy_windows=False)
    with console.capture() as drawn:
        console.print(ProgressBar(total=1.0, completed=share, width=width), end="")
    return drawn.get().strip().ljust(width)


def show(text: str) -> None:
    """Put `text` on the terminal's last line; an empty text clears it."""
    sys.stderr.write(_CLEAR + text)
    sys.stderr.flush()
