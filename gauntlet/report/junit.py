"""JUnit XML: a case per threshold, and one for the validity of the measurement."""

from pathlib import Path

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from gauntlet.report.record import RunRecord


def write(record: RunRecord, path: Path) -> None:
    """Write the cases; a broken threshold is a failure, an INVALID run an error of every case."""
    name = f"gauntlet.{record.system or 'custom'}.{record.profile or 'custom'}"
    suite = TestSuite(name)
    suite.timestamp = record.started.isoformat()
    invalid = record.outcome.verdict == "INVALID"
    validity = TestCase("measurement is valid", name, record.duration)
    if invalid:
        validity.result = [Error("; ".join(record.outcome.reasons), "INVALID")]
    suite.add_testcase(validity)
    if not record.thresholds:
        suite.add_testcase(_without_thresholds(record, name))
    for check in record.thresholds:
        case = TestCase(check.rule, name, 0.0)
        if invalid:
            case.result = [Error("the measurement cannot be trusted", "INVALID")]
        elif not check.held:
            case.result = [Failure(f"{check.rule} broke: {check.shown}", "threshold")]
        suite.add_testcase(case)
    xml = JUnitXml()
    xml.add_testsuite(suite)
    xml.write(str(path), pretty=True)


def _without_thresholds(record: RunRecord, name: str) -> TestCase:
    case = TestCase("no request failed", name, 0.0)
    if record.outcome.verdict == "FAIL":
        case.result = [Failure("; ".join(record.outcome.reasons), "requests")]
    return case
