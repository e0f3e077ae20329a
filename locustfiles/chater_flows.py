"""Chater under its users: meals, weights, drinks, advice; protobuf behind bearer tokens.

locust -f locustfiles/chater_flows.py --headless --load-profile smoke
"""

import gauntlet
from users.chater import ChaterUser

gauntlet.register(system="chater")


class Eater(ChaterUser):
    """A person who photographs meals."""
