"""What the steps of a search say, in figures and in words."""

import pytest

from gauntlet.capacity.result import Step, find_knee, lines, summary
from gauntlet.capacity.search import Finding


def step(load: float, rps: float, p50_ms: float = 10.0, verdict: str = "PASS") -> Step:
    reasons = () if verdict == "PASS" else ("p95 < 1s broke: 2s",)
    return Step(
        number=1,
        load=load,
        verdict=verdict,
        melted=False,
        rps=rps,
        p50_ms=p50_ms,
        p95_ms=2 * p50_ms,
        p99_ms=3 * p50_ms,
        fail_ratio=0.0,
        generator_cpu=None,
        reasons=reasons,
        folder="results/x",
    )


def text(steps: list[Step], finding: Finding | None, expected: float | None = None) -> str:
    found = summary("predict", "arrivals/s", ["p95 < 1s"], "http://x", steps, finding, expected)
    return "\n".join(lines(found))


CLIMB = [step(10, 10), step(20, 20), step(40, 29, 15, "FAIL"), step(30, 28.5, 12), step(30, 28.3)]


@pytest.mark.parametrize(
    ("steps", "knee"),
    [
        pytest.param(CLIMB, (30, 40), id="where throughput stays behind"),
        pytest.param([step(10, 10), step(20, 20, 21)], (10, 20), id="where the median doubles"),
        pytest.param([step(10, 10), step(20, 19, 19)], None, id="nowhere"),
        pytest.param([step(10, 10)], None, id="in one step there is none"),
        pytest.param([], None, id="nor in none"),
    ],
)
def test_the_knee_lies_between_two_loads(
    steps: list[Step], knee: tuple[float, float] | None
) -> None:
    found = find_knee(steps)
    assert (found and (found.after, found.before)) == knee


def test_the_outcome_in_words() -> None:
    said = text(CLIMB, Finding(30, 40))
    assert "Capacity: 30/s, 28.4 requests/s; held in 2 of 2 tries" in said
    assert "40/s did not hold: p95 < 1s broke: 2s" in said
    assert "Knee: between 30/s and 40/s, where throughput is 72% of what the load asks for" in said
    assert "Headroom: 0% over the knee at 30/s" in said
    assert "Headroom: 50% over the expected 20/s" in text(CLIMB, Finding(30, 40), expected=20)


def test_where_only_the_measurement_broke_it_is_at_least_that() -> None:
    steps = [step(10, 10), step(20, 20, verdict="INVALID")]
    assert "at least 10/s" in text(steps, Finding(10, 20))
    steps.append(step(20, 20, verdict="FAIL"))
    assert "at least" not in text(steps, Finding(10, 20))
    assert "at least 10/s" in text([step(10, 10)], Finding(10, None))


def test_an_interrupted_search_tells_what_it_knows() -> None:
    said = text(CLIMB[:3], None)
    assert said.startswith("Interrupted")
    assert "Capacity: 20/s" in said
    assert "no load was measured" in text([], None)


def test_where_nothing_held_the_least_load_is_told_with_what_it_broke() -> None:
    said = text([step(10, 5, verdict="FAIL"), step(5, 4, verdict="FAIL")], Finding(None, 5))
    assert said == "Capacity: no load held, not even 5/s: p95 < 1s broke: 2s"
    said = text([step(5, 5), step(10, 5), step(10, 5, verdict="FAIL")], Finding(None, 10))
    assert said.startswith("Capacity: no load held again when it was repeated, last 10/s: p95 < 1s")
