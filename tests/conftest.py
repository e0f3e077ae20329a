"""What all tests share."""

import warnings

# Locust comes first: its gevent patching must happen before anything imports ssl. Only anyio's
# pytest plugin was earlier, which warns; no test speaks TLS through it.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import locust  # noqa: F401

from hypothesis import settings

# The cores may be busy with load processes; a slow example is not a wrong one.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
