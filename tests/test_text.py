"""How names near a wrong one are found, and how a wrong value is shown."""

from datetime import date

import pytest

from gauntlet.text import LONGEST, counted, nearest, shown

PROFILES = ["smoke", "quick", "standard", "load", "spike", "endurance", "stress"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("smok", "; did you mean smoke?", id="a letter missing"),
        pytest.param("somke", "; did you mean smoke?", id="letters swapped"),
        pytest.param("smoke1", "; did you mean smoke?", id="a letter too many"),
        pytest.param("STANDARD", "; did you mean standard?", id="in capitals"),
        pytest.param("endurence", "; did you mean endurance?", id="misspelled"),
        pytest.param("xyz", "", id="near to none"),
        pytest.param("", "", id="empty"),
    ],
)
def test_only_a_near_name_is_proposed(name: str, hint: str) -> None:
    assert nearest(name, PROFILES) == hint


def test_nothing_is_near_where_nothing_is_known() -> None:
    assert nearest("smoke", []) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("5 minutes", "'5 minutes'", id="text"),
        pytest.param("", "''", id="empty text"),
        pytest.param("a\nb", r"'a\nb'", id="text of two lines"),
        pytest.param("y" * LONGEST, f"'{'y' * LONGEST}'", id="text as long as is shown"),
        pytest.param("y" * (LONGEST + 1), f"'{'y' * LONGEST}'…", id="longer text"),
        pytest.param(5, "5", id="a whole number"),
        pytest.param(0.5, "0.5", id="a number"),
        pytest.param(True, "true", id="true"),
        pytest.param(False, "false", id="false"),
        pytest.param(None, "nothing", id="nothing"),
        pytest.param([1], "a list", id="a list"),
        pytest.param((1, 2), "a list", id="a tuple"),
        pytest.param({"a": 1}, "a mapping", id="a mapping"),
        pytest.param(date(2026, 1, 2), "2026-01-02", id="anything else as it reads"),
    ],
)
def test_a_value_is_shown_without_words_of_python(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 requests"), (1, "1 request"), (2, "2 requests")]
)
def test_things_are_counted_in_english(count: int, text: str) -> None:
    assert counted(count, "request") == text
