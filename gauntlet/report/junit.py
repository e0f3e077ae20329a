"""JUnit XML: a case per threshold, and one for the validity of the measurement."""

import re
from pathlib import Path

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from gauntlet.report.record import RunRecord


def write(record: RunRecord, path: Path) -> None:
    """Write the cases; a broken threshold is a failure, an INVALID run an error of every case."""
    name = _clean(f"gauntlet.{record.system or 'custom'}.{record.profile or 'custom'}")
    suite = TestSuite(name)
    suite.timestamp = record.started.isoformat()
    invalid = record.outcome.verdict == "INVALID"
    validity = TestCase("measurement is valid", name, record.duration)
    if invalid:
        validity.result = [Error(_reasons(record), "INVALID")]
    suite.add_testcase(validity)
    if not record.thresholds:
        suite.add_testcase(_without_thresholds(record, name))
    for check in record.thresholds:
        case = TestCase(_clean(check.rule), name, 0.0)
        if invalid:
            case.result = [_untrusted()]
        elif not check.held:
            case.result = [Failure(_clean(f"{check.rule} broke: {check.shown}"), "threshold")]
        suite.add_testcase(case)
    if record.thresholds and record.user_errors and not invalid:
        case = TestCase("no exception in user code", name, 0.0)
        raised = [f"{count} x {error}" for error, count in record.user_errors.items()]
        case.result = [Failure(_clean("; ".join(raised[:10])), "user code")]
        suite.add_testcase(case)
    for outcome, count in record.total.outcomes.items():
        suite.add_property(f"failures: {outcome}", str(count))
    xml = JUnitXml()
    xml.add_testsuite(suite)
    xml.write(str(path), pretty=True)


def _without_thresholds(record: RunRecord, name: str) -> TestCase:
    case = TestCase("no request failed", name, 0.0)
    if record.outcome.verdict == "INVALID":
        case.result = [_untrusted()]
    elif record.outcome.verdict == "FAIL":
        case.result = [Failure(_reasons(record), "requests")]
    return case


def _untrusted() -> Error:
    return Error("the measurement cannot be trusted", "INVALID")


def _reasons(record: RunRecord) -> str:
    return _clean("; ".join(record.outcome.reasons))


def _clean(text: str) -> str:
    """The text without what XML has no way to write."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
