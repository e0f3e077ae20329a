"""Numbers as the report writes them: three digits, the unit where the column does not say it."""

from gauntlet.units import format_duration

_SIZES = ("B", "kB", "MB", "GB", "TB")


def digits(value: float) -> str:
    """Three significant digits, whole from 100 on, thousands apart: `0.42`, `42.1`, `1,234`."""
    if value == 0:
        return "0"
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 9.995 else f"{value:.2f}"


def count(value: int) -> str:
    """A whole number, thousands apart."""
    return f"{value:,}"


def milliseconds(value: float) -> str:
    """A time with its unit: `420 ms`, `1.23 s`."""
    if value < 999.5:
        return f"{digits(value)} ms"
    return f"{digits(value / 1000)} s" if value < 60_000 else format_duration(round(value / 1000))


def ratio(share: float, places: int = 2) -> str:
    """A share of one in percent: `0 %`, `0.02 %`, `12.50 %`; never a 0 or 100 that is none."""
    percent, least = share * 100, 10**-places
    if percent in (0, 100):
        return f"{percent:.0f} %"
    if percent < least / 2:
        return f"< {least:g} %"
    return f"{min(percent, 100 - least):.{places}f} %"


def margin(share: float | None) -> str:
    """A threshold's margin in percent; nothing where it has none."""
    if share is None:
        return ""
    return f"{share:.0%}" if abs(share) >= 0.01 or share == 0 else f"{share * 100:.2g}%"


def size(value: int) -> str:
    """Bytes in the largest unit that leaves a number from 1 on."""
    amount, unit = float(value), 0
    while amount >= 999.5 and unit < len(_SIZES) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{digits(amount)} {_SIZES[unit]}" if unit else f"{value} B"


def clock(seconds: float) -> str:
    """A moment of the run: `0:07`, `12:30`, `1:05:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
