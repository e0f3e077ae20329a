"""Quantities as people write them, both ways."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauntlet.units import (
    format_duration,
    parse_duration,
    parse_interval,
    parse_number,
    parse_ratio,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("30s", 30.0, id="seconds"),
        pytest.param("500ms", 0.5, id="milliseconds"),
        pytest.param("2h", 7200.0, id="hours"),
        pytest.param("1m30s", 90.0, id="minutes and seconds"),
        pytest.param("1h 2m 3s 4ms", 3723.004, id="all units with blanks between"),
        pytest.param(" 5m ", 300.0, id="blanks around"),
        pytest.param("0.1s", 0.1, id="a fraction"),
        pytest.param("0s", 0.0, id="no time at all"),
        pytest.param("9ms", 9 / 1000, id="the very float that a measured 9 ms is"),
        pytest.param("0.001ms", 1e-6, id="a microsecond"),
    ],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("30", "'30'", id="no unit"),
        pytest.param(30, "30", id="a bare number"),
        pytest.param("", "''", id="empty"),
        pytest.param("  ", "'  '", id="blank"),
        pytest.param("30 s", "'30 s'", id="a blank before the unit"),
        pytest.param("3 0s", "'3 0s'", id="a blank inside the number"),
        pytest.param("-30s", "'-30s'", id="negative"),
        pytest.param("1d", "'1d'", id="an unknown unit"),
        pytest.param("30S", "'30S'", id="a unit in capitals"),
        pytest.param(".5s", "'.5s'", id="no digit before the point"),
        pytest.param("1.s", "'1.s'", id="no digit after the point"),
        pytest.param("1e3s", "'1e3s'", id="an exponent"),
        pytest.param("٣s", "'٣s'", id="digits of another script"),
        pytest.param("9" * 400 + "s", f"'{'9' * 80}'…", id="beyond all floats"),
        pytest.param(None, "nothing", id="nothing"),
        pytest.param(True, "true", id="a truth value"),
        pytest.param(["30s"], "a list", id="a list"),
        pytest.param({"s": 30}, "a mapping", id="a mapping"),
    ],
)
def test_what_is_no_duration_is_named(value: object, shown: str) -> None:
    expected = f'expected a duration such as "30s" or "1m30s", got {shown}'
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(0, "0ms", id="nothing"),
        pytest.param(1e-6, "0.001ms", id="a microsecond"),
        pytest.param(4e-9, "0ms", id="below what is measured"),
        pytest.param(0.00123456, "1.23ms", id="three digits below a second"),
        pytest.param(0.5, "500ms", id="half a second"),
        pytest.param(0.9994, "999ms", id="just below a second"),
        pytest.param(0.9996, "1s", id="rounded up to a second"),
        pytest.param(1.5, "1.5s", id="a second and a half"),
        pytest.param(59.9996, "1m", id="rounded up to a minute"),
        pytest.param(90, "1m30s", id="minutes and seconds"),
        pytest.param(3600, "1h", id="an hour"),
        pytest.param(3661.5, "1h1m1.5s", id="hours, minutes and seconds"),
        pytest.param(7203, "2h3s", id="no minutes"),
        pytest.param(1e9, "277777h46m40s", id="more hours than six digits"),
    ],
)
def test_a_duration_is_written_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e9))
def test_what_is_written_reads_as_nearly_the_same(seconds: float) -> None:
    again = parse_duration(format_duration(seconds))
    within = 0.00051 if again >= 1 else max(0.0051 * seconds, 5.1e-8)
    assert again == pytest.approx(seconds, abs=within, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        pytest.param("0.1s-0.5s", (0.1, 0.5), id="two durations"),
        pytest.param("100ms - 1m", (0.1, 60.0), id="blanks around the dash"),
        pytest.param("2s", (2.0, 2.0), id="one duration"),
        pytest.param("0s-0s", (0.0, 0.0), id="no wait"),
        pytest.param("1s-1s", (1.0, 1.0), id="both ends the same"),
    ],
)
def test_an_interval_has_two_ends(text: str, interval: tuple[float, float]) -> None:
    assert parse_interval(text) == interval


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("0.5s-0.1s", "'0.5s-0.1s'", id="the wrong way round"),
        pytest.param("0.5s-", "'0.5s-'", id="no upper end"),
        pytest.param("-0.5s", "'-0.5s'", id="no lower end"),
        pytest.param("1s-2s-3s", "'1s-2s-3s'", id="three ends"),
        pytest.param("1-2", "'1-2'", id="no units"),
        pytest.param("", "''", id="empty"),
        pytest.param(5, "5", id="a number"),
        pytest.param([1, 2], "a list", id="a list"),
        pytest.param(None, "nothing", id="nothing"),
    ],
)
def test_what_is_no_interval_is_named(value: object, shown: str) -> None:
    expected = f'expected an interval such as "0.1s-0.5s", got {shown}'
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        parse_interval(value)


@pytest.mark.parametrize(
    ("text", "suffix", "number"),
    [
        pytest.param("10", "", 10.0, id="whole"),
        pytest.param("0.25", "", 0.25, id="a fraction"),
        pytest.param(" 10/s ", "/s", 10.0, id="a suffix and blanks"),
        pytest.param("10 /s", "/s", 10.0, id="a blank before the suffix"),
        pytest.param("10", "/s", 10.0, id="the suffix left out"),
    ],
)
def test_a_number_is_read(text: str, suffix: str, number: float) -> None:
    assert parse_number(text, suffix) == number


@pytest.mark.parametrize(
    "text", ["", "ten", "-1", "+1", "1e3", "inf", "nan", "1_000", "1,5", "10/m", "9" * 400]
)
def test_what_is_no_number_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="^expected a number, got '"):
        parse_number(text, "/s")


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        pytest.param("1%", 0.01, id="percent"),
        pytest.param("0.01", 0.01, id="a ratio"),
        pytest.param("0.7%", 7 / 1000, id="the very float that 7 of 1000 is"),
        pytest.param("29%", 29 / 100, id="the very float that 29 of 100 is"),
        pytest.param("100 %", 1.0, id="all"),
        pytest.param("0", 0.0, id="none"),
        pytest.param("1", 1.0, id="a ratio of one"),
    ],
)
def test_a_ratio_is_read(text: str, ratio: float) -> None:
    assert parse_ratio(text) == ratio


@pytest.mark.parametrize("text", ["", "%", "101%", "1.01", "-1%", "5s", "one", "1%%", "%1"])
def test_what_is_no_ratio_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="^expected a ratio such as 1% or 0.01, got '"):
        parse_ratio(text)


@given(st.integers(0, 1000))
def test_a_measured_ratio_equals_the_limit_that_says_it(failures: int) -> None:
    assert parse_ratio(f"{failures / 10:g}%") == failures / 1000
