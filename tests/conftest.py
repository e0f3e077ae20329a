"""What all tests share."""

import os
import signal
from collections import Counter

import locust  # noqa: F401  # first: its gevent patching must happen before anything imports ssl

import pytest  # isort: skip
from hypothesis import HealthCheck, settings  # isort: skip

# The cores may be busy with load processes; a slow example is not a wrong one. A continuous
# integration looks at the same examples every time; whoever tests by hand finds new ones.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=bool(os.environ.get("CI") or os.environ.get("GAUNTLET_REQUIRE_TOOLS")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")

# A shell lets what it starts in the background ignore Ctrl-C, and that is inherited: the processes
# of tests would, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let lots of the tests run side by side, each in a process of its own."""
    parser.addoption("--lot", metavar="K/N", help="run the Kth of N lots of test modules")


@pytest.hookimpl(trylast=True)  # of what -m leaves
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the modules of one lot, dealt out from the longest to the shortest."""
    if not (lot := config.getoption("--lot")):
        return
    mine, lots = map(int, lot.split("/"))
    if not 1 <= mine <= lots:
        raise pytest.UsageError(f"--lot: expected 1/{lots} to {lots}/{lots}, got {lot}")
    sizes = Counter(item.path for item in items)
    filled = [0] * lots
    chosen = set()
    for path in sorted(sizes, key=lambda path: (-sizes[path], path)):
        emptiest = filled.index(min(filled))
        filled[emptiest] += sizes[path]
        if emptiest == mine - 1:
            chosen.add(path)
    config.hook.pytest_deselected(items=[item for item in items if item.path not in chosen])
    items[:] = [item for item in items if item.path in chosen]
