"""JUnit XML as a CI server reads it."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gauntlet.report import junit
from gauntlet.report.record import RunRecord

MakeRecord = Callable[..., RunRecord]
MEASURED = {("GET", "/a"): [100, 200, 300], ("POST", "/a"): [1000, -1100]}

Case = tuple[str, str | None, str | None]
"""A case's name, what became of it, and why."""


def suite(record: RunRecord, folder: Path) -> ElementTree.Element:
    path = folder / "junit.xml"
    junit.write(record, path)
    [suite] = ElementTree.parse(path).getroot()
    return suite


def cases(element: ElementTree.Element) -> list[Case]:
    found: list[Case] = []
    for case in element.iter("testcase"):
        results = list(case)
        assert len(results) < 2
        result = results[0] if results else None
        found.append(
            (
                case.attrib["name"],
                None if result is None else result.tag,
                None if result is None else result.attrib["message"],
            )
        )
    return found


VALID: Case = ("measurement is valid", None, None)
RAISED: Case = ("no exception in user code", "failure", "2 x KeyError('a')")
UNTRUSTED = "the measurement cannot be trusted"
NO_MATCH = 'the threshold p95("/x") < 1s matched no request; check its name'


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param(
            ["p95 < 2s", "rps > 1/s"],
            [VALID, ("p95 < 2s", None, None), ("rps > 1/s", None, None), RAISED],
            id="all thresholds held",
        ),
        pytest.param(
            ["p95 < 1s", "rps > 1/s"],
            [
                VALID,
                ("p95 < 1s", "failure", "p95 < 1s broke: 1.1s"),
                ("rps > 1/s", None, None),
                RAISED,
            ],
            id="one threshold broke",
        ),
        pytest.param(
            ["p95 < 1s", 'p95("/x") < 1s'],
            [
                ("measurement is valid", "error", NO_MATCH),
                ("p95 < 1s", "error", UNTRUSTED),
                ('p95("/x") < 1s', "error", UNTRUSTED),
            ],
            id="an invalid run is an error of every case",
        ),
        pytest.param(
            [],
            [
                VALID,
                (
                    "no request failed",
                    "failure",
                    "1 request failed and no threshold judges that; user code raised 2 exceptions",
                ),
            ],
            id="failures that no threshold judges",
        ),
    ],
)
def test_every_threshold_is_a_case(
    make_record: MakeRecord, tmp_path: Path, rules: list[str], expected: list[Case]
) -> None:
    record = make_record(MEASURED, rules, user_errors={"KeyError('a')": 2})
    assert cases(suite(record, tmp_path)) == expected


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        pytest.param(
            {("GET", "/a"): [1]}, [VALID, ("no request failed", None, None)], id="nothing failed"
        ),
        pytest.param(
            {},
            [
                (
                    "measurement is valid",
                    "error",
                    "no request was made; check host, tags and duration",
                ),
                ("no request failed", "error", UNTRUSTED),
            ],
            id="an invalid run passes no case",
        ),
    ],
)
def test_without_thresholds_there_is_a_case_for_failures(
    make_record: MakeRecord,
    tmp_path: Path,
    measured: dict[tuple[str, str], list[float]],
    expected: list[Case],
) -> None:
    assert cases(suite(make_record(measured), tmp_path)) == expected


@pytest.mark.parametrize(
    ("rules", "counts"),
    [
        pytest.param(["p95 < 9s"], ("2", "0", "0"), id="a pass"),
        pytest.param(["p95 < 1s", "p50 < 1ms"], ("3", "2", "0"), id="two failures"),
        pytest.param(['p95("/x") < 1s'], ("2", "0", "2"), id="two errors"),
    ],
)
def test_the_suite_counts_its_cases(
    make_record: MakeRecord, tmp_path: Path, rules: list[str], counts: tuple[str, str, str]
) -> None:
    found = suite(make_record(MEASURED, rules), tmp_path).attrib
    assert (found["tests"], found["failures"], found["errors"]) == counts


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        pytest.param({}, "gauntlet.predict.smoke", id="system and profile"),
        pytest.param({"profile": None}, "gauntlet.predict.custom", id="no profile"),
        pytest.param({"system": None, "profile": None}, "gauntlet.custom.custom", id="neither"),
    ],
)
def test_the_suite_is_named_after_system_and_profile(
    make_record: MakeRecord, tmp_path: Path, changes: dict[str, object], name: str
) -> None:
    found = suite(make_record(MEASURED, **changes), tmp_path)
    assert {
        found.attrib["name"],
        *(case.attrib["classname"] for case in found.iter("testcase")),
    } == {name}


def test_the_suite_says_when_and_how_long(make_record: MakeRecord, tmp_path: Path) -> None:
    found = suite(make_record(MEASURED, ["p95 < 9s"]), tmp_path).attrib
    assert found["timestamp"] == "2026-01-02T03:04:05+00:00"
    assert float(found["time"]) == 30.0


def test_signs_of_xml_and_characters_that_it_cannot_write_are_no_trouble(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    rule = "p95(\"<a & 'b' \x1b\x00\ud800 ü 漢 😀>*\") < 9s"
    element = suite(make_record({("GET", "/a"): [1]}, [rule]), tmp_path)
    assert cases(element)[1][0] == "p95(\"<a & 'b' \ufffd\ufffd\ufffd ü 漢 😀>*\") < 9s"


def test_failures_are_counted_by_class(make_record: MakeRecord, tmp_path: Path) -> None:
    found = suite(make_record({("GET", "/a"): [10, -20, -30]}), tmp_path)
    properties = {one.attrib["name"]: one.attrib["value"] for one in found.iter("property")}
    assert properties == {"failures: status": "2"}
