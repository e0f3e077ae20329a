"""What all tests share."""

import locust  # noqa: F401  # first: its gevent patching must happen before anything imports ssl

from hypothesis import settings  # isort: skip

# The cores may be busy with load processes; a slow example is not a wrong one.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
