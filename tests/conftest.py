"""What all tests share."""

import os
import signal

import locust  # noqa: F401  # first: its gevent patching must happen before anything imports ssl

from hypothesis import settings  # isort: skip

# The cores may be busy with load processes; a slow example is not a wrong one. A continuous
# integration looks at the same examples every time; whoever tests by hand finds new ones.
settings.register_profile("suite", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("suite")

# A shell lets what it starts in the background ignore Ctrl-C, and that is inherited: the processes
# of tests would, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
