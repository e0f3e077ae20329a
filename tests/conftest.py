"""What all tests share."""

import os

import locust  # noqa: F401  # first: its gevent patching must happen before anything imports ssl

from hypothesis import settings  # isort: skip

# The cores may be busy with load processes; a slow example is not a wrong one. A continuous
# integration looks at the same examples every time; whoever tests by hand finds new ones.
settings.register_profile("suite", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("suite")
