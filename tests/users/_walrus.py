"""Reference targets and users of Walrus for the tests beside this file."""

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

from locust.env import Environment

from gauntlet.measure.outcomes import outcome_of
from gauntlet.mixes.walrus import WalrusMix
from gauntlet.report.walrus import BlobSummary
from gauntlet.user import Preparation
from users.walrus import WalrusUser

SECRET = "a secret of the publisher, 40 bytes long"
QUICK = {"attempts": 4, "pause": "10ms", "longest_pause": "40ms", "visible_pause": "20ms"}
FLOW = ["PUT /v1/blobs", "GET /v1/blobs/{id} first", "GET /v1/blobs/{id} cached"]
PUT, FIRST = "/v1/blobs", "/v1/blobs/{id} first"
ALL = "100%"
READS = ("--fault-scope", "reads")

SEEDS = count()
"""A run never repeats the blobs of another."""

Meta = dict[str, Any]


class Client:
    """A user in no runner, and what its requests said."""

    def __init__(self, publisher: str, aggregator: str | None = None, **mix: Any) -> None:
        class Someone(WalrusUser):
            host = publisher
            extra = BlobSummary()

        sizes = {"smallest": 1, "largest": 4} | mix.pop("blobs", {})
        whole = {"weights": {"roundtrip": 1}, "wait": "0s", "blobs": sizes, "patience": QUICK}
        Someone.configure(WalrusMix.model_validate(whole | mix))
        named = {"publisher": publisher, "aggregator": aggregator or publisher}
        self.preparation = Preparation(next(SEEDS), 0, lambda: None, named)
        Someone.prepare(self.preparation)
        self.events: list[Meta] = []
        environment = Environment()
        environment.events.request.add_listener(lambda **meta: self.events.append(meta))
        self.user = Someone(environment)

    def close(self) -> None:
        self.user.client.close()
        self.user.aggregator.close()

    @property
    def extra(self) -> BlobSummary:
        return self.user.extra

    @property
    def last(self) -> Meta:
        return self.events[-1]

    @property
    def names(self) -> list[str]:
        return [f"{meta['request_type']} {meta['name']}" for meta in self.events]

    @property
    def outcomes(self) -> Counter[str]:
        """Requests by name and class of failure."""
        found: Counter[str] = Counter()
        for meta in self.events:
            if meta["exception"] is not None:
                found[f"{meta['name']}: {outcome_of(meta['exception'])}"] += 1
        return found

    def figure(self, name: str) -> str | None:
        section = self.extra.section()
        assert section is not None
        return next((one.shown for one in section.figures if one.name == name), None)


Make = Callable[..., Client]
