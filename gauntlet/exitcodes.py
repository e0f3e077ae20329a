"""Every exit code of the suite, a sentence each; nothing else in the project names a number."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a finished process says to the shell, to CI and to Kubernetes."""

    PASS = 0
    """Every threshold held, or nothing failed where no threshold judges."""

    REQUESTS_FAILED = 1
    """Requests or user code failed and no threshold judges them (Locust's own meaning)."""

    USAGE = 2
    """An option, a variable, a file or an address is wrong; nothing was sent."""

    THRESHOLD = 3
    """A threshold broke (the code locust-plugins' checks use as well)."""

    INVALID = 4
    """The measurement itself cannot be trusted, so it judges nothing."""

    UNREACHABLE = 5
    """The target did not answer the preflight and preflight is strict."""

    ORPHANED = 6
    """A worker's: its master was not heard for a minute, so nobody has its last figures."""

    INTERRUPTED = 130
    """Ctrl-C before a run had anything to tell; a worker that was ended by it."""

    TERMINATED = 143
    """SIGTERM ended a worker, or a master whose run had no planned end and passed so far; so that
    Kubernetes does not take either for done."""
