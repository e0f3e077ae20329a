"""What may stand behind a rule's limit: when it counts, over how long, and what breaking it ends.

    clauses := [ "in" phase ] [ "over" duration ] [ "abort" [ "after" duration ] ]

    in steady          only requests of that phase of the profile
    over 10s           the worst of all windows of that length, a second apart; 1s to 10m
    abort after 30s    end the run as soon as the rule is broken, not before its 30th second

They may come in any order, each once. Pure.
"""

import re
from typing import NamedTuple

from gauntlet.text import shown
from gauntlet.units import format_duration, parse_duration

LONGEST_S = 600
"""Seconds of a window; it is judged from all its seconds at once."""

_KEYWORD = re.compile(r"\s(?:in|over|abort)(?=\s|$)")
_CLAUSE = re.compile(
    r"\s+(?:(in)\s+([\w-]+)|(over)\s+(.+?)|(abort)(?:\s+after\s+(.+?))?)"
    r"(?=\s+(?:in|over|abort)(?:\s|$)|\s*$)"
)


class Clauses(NamedTuple):
    """The clauses of a rule; times in seconds, None where there is none."""

    phase: str | None = None
    over: int | None = None
    abort: float | None = None

    def __str__(self) -> str:
        text = f" in {self.phase}" if self.phase else ""
        text += f" over {format_duration(self.over)}" if self.over else ""
        text += " abort" if self.abort is not None else ""
        return text + (f" after {format_duration(self.abort)}" if self.abort else "")


def split(text: str) -> tuple[str, Clauses]:
    """A rule without its clauses, and the clauses; ValueError where they are none."""
    behind = text.rfind('"') + 1  # a glob may hold any word
    found = _KEYWORD.search(text, behind)
    if found is None:
        return text, Clauses()
    body, rest = text[: found.start()], text[found.start() :]
    matches = [*_CLAUSE.finditer(rest)]
    given = {match[1] or match[3] or match[5]: match for match in matches}
    whole = "".join(match[0] for match in matches)
    if len(given) < len(matches) or whole.split() != rest.split():
        expected = "'in PHASE', 'over DURATION', 'abort [after DURATION]', once each"
        raise ValueError(f"expected {expected}, got {shown(rest.strip())}")
    return body, Clauses(
        phase=given["in"][2] if "in" in given else None,
        over=_window(given["over"][4]) if "over" in given else None,
        abort=parse_duration(given["abort"][6] or "0s") if "abort" in given else None,
    )


def _window(text: str) -> int:
    seconds = parse_duration(text)
    if not seconds.is_integer() or not 1 <= seconds <= LONGEST_S:
        longest = format_duration(LONGEST_S)
        raise ValueError(f"expected a window of whole seconds from 1s to {longest}, got {text!r}")
    return int(seconds)
