"""The exit codes are a contract with shells and CI."""

from gauntlet.exitcodes import ExitCode


def test_the_codes_are_those_that_are_documented() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "PASS": 0,
        "REQUESTS_FAILED": 1,
        "USAGE": 2,
        "THRESHOLD": 3,
        "INVALID": 4,
        "UNREACHABLE": 5,
        "ORPHANED": 6,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }
