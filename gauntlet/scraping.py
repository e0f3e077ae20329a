"""Asks a target once a second what it tells Prometheus of itself, while it is under load.

Runs in the process that judges, whatever the workers do. A scrape that fails is counted and said
once; the rules that lack its values say the rest.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter

import gevent

from gauntlet.clients.http import HttpClient, Limits, Rules
from gauntlet.measure.told import Told, samples
from gauntlet.report.record import Figure, Section, TargetMetric
from gauntlet.target_rules import Selector
from gauntlet.text import counted
from gauntlet.thresholds import Threshold

logger = logging.getLogger(__name__)

EVERY_S = 1.0
TIMEOUT_S = 5.0
LONGEST = 4 << 20
"""Bytes of an answer."""


class Scraper:
    """All sources of a run: addresses by the label that tells them apart, one alone by none."""

    def __init__(self, sources: Mapping[str, str], rules: Sequence[Threshold]) -> None:
        selectors = [rule.selector for rule in rules if rule.selector is not None]
        several = len(set(sources.values())) > 1
        unique = {url: label for label, url in reversed(list(sources.items()))}
        self._sources = [
            _Source(url, selectors, label if several else "") for url, label in unique.items()
        ]

    def start(self) -> None:
        """Ask from now on."""
        for source in self._sources:
            source.start()

    def stop(self) -> None:
        """Ask no more."""
        for source in self._sources:
            source.stop()

    def figure(self, rule: Threshold, window: tuple[float, float]) -> tuple[float | None, int]:
        """What a rule judges, within a stretch of `perf_counter`, and from how many values.

        None also where one source withholds what it may have: others do not speak for it.
        """
        assert rule.selector is not None
        if any(source.told.withholds(rule.selector, window) for source in self._sources):
            return None, 0
        found = [
            source.told.figure(rule.selector, rule.stat, rule.op, window)
            for source in self._sources
        ]
        values = [value for value, _ in found if value is not None]
        worst = min if rule.op.startswith(">") else max
        return (worst(values) if values else None), sum(count for _, count in found)

    def ignores(self, rule: Threshold) -> bool:
        """Whether a rule is about series for which there was no room."""
        selector = rule.selector
        return selector is not None and any(one.told.ignores(selector) for one in self._sources)

    def metrics(self, since: float) -> Iterator[TargetMetric]:
        """Every series as the record keeps it, from `since` on."""
        for source in self._sources:
            for name, points in source.told.series(since):
                yield TargetMetric(name=name, points=tuple(points))

    def sections(self) -> Iterator[Section]:
        """What there is to say where scrapes failed."""
        scrapes = sum(source.told.scrapes for source in self._sources)
        failed = sum(source.told.failed for source in self._sources)
        if failed:
            said = f"{failed} of {counted(scrapes, 'scrape')}"
            figure = Figure(name="failed", value=failed, shown=said)
            yield Section(title="Target metrics", figures=(figure,))


class _Source:
    def __init__(self, url: str, selectors: Sequence[Selector], label: str) -> None:
        self.told = Told(selectors, label)
        self._url = url
        self._client = HttpClient(url, rules=Rules(limits=Limits(kept=LONGEST)))
        self._greenlet: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._go_on)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill()
        self._client.close()

    def _go_on(self) -> None:
        while True:
            begun = perf_counter()
            self._scrape(begun)
            gevent.sleep(max(0.0, begun + EVERY_S - perf_counter()))

    def _scrape(self, now: float) -> None:
        response = self._client.request("GET", self._url, timeout=TIMEOUT_S)
        try:
            if response.error is not None:
                raise ValueError(str(response.error))
            if response.status_code != 200:
                raise ValueError(f"expected the status 200, got {response.status_code}")
            self.told.add(now, samples(response.text, self.told.selectors))
        except ValueError as error:
            if not self.told.failed:
                logger.warning("target metrics: %s: %s", self._url, error)
            self.told.miss(now)
