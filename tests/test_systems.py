"""The systems by name."""

from pathlib import Path

import pytest

from gauntlet.errors import UsageError
from gauntlet.systems import SYSTEMS, system

ROOT = Path(__file__).parents[1]


def test_a_system_is_found_by_its_name() -> None:
    assert {name: system(name) for name in SYSTEMS} == SYSTEMS
    assert {name: found.name for name, found in SYSTEMS.items()} == {name: name for name in SYSTEMS}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("predikt", "; did you mean predict?", id="misspelled"),
        pytest.param("Predict", "; did you mean predict?", id="with a capital"),
        pytest.param("ftp", "", id="near to none"),
        pytest.param("", "", id="empty"),
    ],
)
def test_an_unknown_system_gets_the_known_ones(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        system(name)
    assert caught.value.mistakes == [
        f"system: expected one of {', '.join(sorted(SYSTEMS))}, got {name!r}{hint}"
    ]


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_has_its_locustfile_its_mix_and_its_target(name: str) -> None:
    found = SYSTEMS[name]
    assert (ROOT / "locustfiles" / found.locustfile).is_file()
    assert (ROOT / "profiles" / name / "mix.yaml").is_file()
    assert found.schemes
