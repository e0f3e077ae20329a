"""What the Gauntlet tab says of a run besides its thresholds."""

from gauntlet.report import weblines
from tests.report.conftest import MakeRecord
from tests.report.samples import sample


def test_a_line_each_for_all_that_is_known() -> None:
    record = sample(60)
    lines = weblines.lines(record)
    assert [one.partition(":")[0] for one in lines] == [
        "Diagnosis",
        "Diagnosis",
        "Phase ramp",
        "Phase steady",
        "Phase spike",
        "Phase recovery",
        "Server server 1",
        "Server server 2",
        "Server server 3",
        "Response against service time",
        "Arrivals",
        "Generator",
    ]
    arrivals = record.arrivals
    assert arrivals is not None
    assert lines[-2] == (
        f"Arrivals: {arrivals.scheduled} scheduled · {arrivals.started} started · "
        f"340 over 10 ms late · 120 dropped · {record.timeline[-1].waiting} waiting"
    )
    assert lines[-1] == (
        "Generator: processes 2 workers · lost none · CPU of the busiest process, of a core "
        "41 % on average, 73 % at most · clock drift 2.00 ms"
    )


def test_what_is_not_known_has_no_line(make_record: MakeRecord) -> None:
    assert weblines.lines(make_record({("GET", "/a"): [10.0]})) == ["Generator: processes one"]
