"""One judged run, from the start of the load to its verdict and reports.

It lives where runs are judged: in a single process or on the master.
"""

import math
import platform
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import gevent
import locust
from locust.env import Environment
from locust.runners import LocalRunner

import gauntlet
from gauntlet import curves
from gauntlet.arriving import Arriving
from gauntlet.books import Count
from gauntlet.causes import Flaw
from gauntlet.extras import Extras
from gauntlet.fleet import Ledger
from gauntlet.iterating import Iterations
from gauntlet.measure.recorder import Recorder
from gauntlet.measure.series import Key, Series
from gauntlet.plan import Plan
from gauntlet.pulse import Pulse
from gauntlet.report import files, locust_files, progress
from gauntlet.report.diagnosis import diagnose
from gauntlet.report.entries import (
    arrivals,
    health,
    histograms,
    outcome,
    slices,
    statistics,
    table,
    threshold_result,
)
from gauntlet.report.record import (
    Arrivals,
    Failure,
    Fleet,
    IterationCount,
    Moment,
    RunRecord,
    Slow,
    Statistics,
)
from gauntlet.scraping import Scraper
from gauntlet.stopping import end_load
from gauntlet.thresholds import Check, Threshold, broke_by_itself, evaluate
from gauntlet.timeline import Timeline
from gauntlet.verdict import Abort, Evidence, Judgement, Tally, judge, naming_servers
from gauntlet.vitals import Following
from gauntlet.windows import Span, Windows

EARLY_S = 1.0
"""A run that no signal ends, less than this before its plan, is whole: the timer of `-t` started
before it."""
TEXTS = 500
"""Most failure texts and most exception texts kept."""

LAG_S = 2.0
"""How old a second is when all that ended in it is counted, in a single process."""
FLEET_LAG_S = 6.0
"""The same on a master: workers report every three seconds."""


class Run:
    """A run in progress, then its record."""

    def __init__(
        self,
        environment: Environment,
        plan: Plan,
        recorder: Recorder,
        ledger: Ledger | None,
        iterations: Iterations,
        extras: Extras | None = None,
        pulse: Pulse | None = None,
        arriving: Arriving | None = None,
    ) -> None:
        self.plan = plan
        self._environment = environment
        self._recorder = recorder
        self._ledger = ledger
        self._iterations = iterations
        self._arriving = arriving
        self._extras = extras or Extras(environment)
        self._begun, self._began = time.perf_counter(), time.time()
        self._started = datetime.now(UTC)
        self._timeline = Timeline()
        self._pulse = pulse or Pulse(environment)
        self._curve = list(plan.profile.curve) if plan.profile else []
        self._following = Following(self._curve, environment.stop_timeout)
        self._windows = recorder.watcher = Windows(plan.rules, self._measured)
        self._aborted: tuple[Check, Abort] | None = None
        self.interrupted = self.terminated = False
        """Whether a signal ends it, and whether that is SIGTERM."""
        self._early_s = EARLY_S
        self.ended = False
        self._waits = True
        """Whether the load has yet to begin."""
        self._loaded = self._began
        self._lasted: float | None = None
        self.folder: Path = files.new_folder(
            plan.results, self._started, plan.system, plan.profile_name
        )
        self._files = locust_files.LocustFiles(environment, self.folder)
        if ledger is not None:
            ledger.begin()
        self._watcher = gevent.spawn(self._watch)
        self._scraper = Scraper(plan.metrics, plan.rules)
        self._scraper.start()

    def interrupt(self, terminated: bool) -> None:
        """A signal ends it, SIGTERM or Ctrl-C; what its load had still to do is missing."""
        self.interrupted, self.terminated = True, terminated
        if self._lasted is None:
            self._early_s = 0.0

    @property
    def aborted(self) -> bool:
        """Whether a rule ends it that broke."""
        return self._aborted is not None

    def start_clock(self) -> None:
        """The preparation is over and a profile's load begins; `-t` has counted from the start."""
        self._waits = False
        self._loaded = time.time()
        if self.plan.profile is not None:
            self._begun, self._began = time.perf_counter(), self._loaded
            self._timeline = Timeline()  # moments of the preparation count from another start

    def checks(self) -> list[Check]:
        """Every rule against what is measured so far; one that ended the run as it was then."""
        found = evaluate(list(self.plan.rules), self._recorder.series, self._figure)
        broken = self._aborted[0] if self._aborted else None
        return [broken if broken and one.threshold == broken.threshold else one for one in found]

    def _figure(self, rule: Threshold) -> tuple[float | None, int]:
        """The value of a rule about windows or the target, and what number of what it is made."""
        if rule.selector is not None:
            span, ahead = self._span(rule), self._begun - self._began
            return self._scraper.figure(rule, (span.start + ahead, span.end + ahead))
        return self._windows.figure(rule, self._counted_until, self.ended)

    @property
    def _counted_until(self) -> float:
        """The Unix second before which all that ended is counted."""
        alone = isinstance(self._environment.runner, LocalRunner)
        return time.time() - (LAG_S if alone else FLEET_LAG_S)

    def _span(self, rule: Threshold) -> Span:
        """From when to when the phase goes that a rule judges, or the load."""
        ends = math.inf if self._lasted is None else self._lasted
        phase = next((one for one in curves.stretches(self._curve) if one.name == rule.phase), None)
        if phase is None:
            return Span(self._loaded, self._began + ends)
        return Span(self._began + phase.start, self._began + min(phase.end, ends))

    def _measured(self, rule: Threshold) -> Span:
        """That span, without what came before a reset of the statistics, which is no silence."""
        span = self._span(rule)
        return span if rule.inner else span._replace(start=max(span.start, self._recorder.cleared))

    def so_far(self) -> RunRecord:
        """The record of the run as it stands, without histograms and without anything written."""
        checks = self.checks()
        lasted = time.perf_counter() - self._begun
        return self._record(checks, judge(self._evidence(checks), False), lasted, final=False)

    def judgement(self, final: bool = False) -> Judgement:
        """The verdict so far, or the final one."""
        return judge(self._evidence(self.checks()), final)

    def stop_clock(self) -> None:
        """The load ends now; users may take their time to finish."""
        if self._lasted is None:
            self._lasted = time.perf_counter() - self._begun

    def finish(self, stopped_early: bool) -> RunRecord:
        """End the run: last reports of all workers, the verdict, and every file."""
        self.stop_clock()
        lasted = self._lasted or 0.0
        self.ended = True
        self._watcher.kill()
        self._scraper.stop()
        if self._ledger is not None:
            self._ledger.finish()
        checks = self.checks()
        judgement = naming_servers(
            judge(self._evidence(checks, lasted, stopped_early)),
            [(one.server, one.requests, one.failures) for one in self.servers()],
        )
        record = self._record(checks, judgement, lasted)
        files.write(record, self.folder)
        self._extras.write(self.folder)
        self._files.close()
        return record

    def _evidence(
        self, checks: Sequence[Check], lasted: float = 0.0, stopped_early: bool = False
    ) -> Evidence:
        total, planned = self._recorder.total(), self.plan.planned
        runner = self._environment.runner
        return Evidence(
            requests=total.requests,
            failures=total.failures,
            user_errors=sum(row["count"] for row in runner.exceptions.values()) if runner else 0,
            checks=checks,
            planned=planned,
            lasted=lasted,
            cut_short=stopped_early and planned is not None and lasted < planned - self._early_s,
            cut=self._cut,
            patience=self._environment.stop_timeout,
            terminated=self.terminated,
            aborted=self._aborted[1] if self._aborted else None,
            troubles=tuple(self._troubles()),
            crowded=tuple(rule.text for rule in self.plan.rules if self._scraper.ignores(rule)),
            lost_workers=self._ledger.losses if self._ledger and lasted else (),
            gaps=self._ledger.gaps if self._ledger and lasted else (),
            iterations=self._iterations.tally(),
            arrivals=self._arrivals(),
            tolerated_losses=self.plan.profile.lost_workers if self.plan.profile else 0,
        )

    @property
    def _cut(self) -> int:
        """Tasks that were killed half-way, here or in workers; a master runs none itself."""
        return self._ledger.cut if self._ledger else self._iterations.cut

    def _troubles(self) -> Iterator[Flaw]:
        """What those that make the load say against the measurement."""
        yield from self._pulse.vitals.findings()
        if not (self._ledger and self._ledger.lost) and self._iterations.tally() is None:
            yield from self._following.findings()

    def _steer(self, t: float) -> None:
        """Tell where Locust's own ramp goes, where no other shape, arrival or count moves users."""
        options, runner = self._environment.parsed_options, self._environment.runner
        if self._environment.shape_class or self.is_open or getattr(options, "iterations", None):
            return
        if runner is not None and options is not None and options.spawn_rate:
            self._following.steer(t, runner.target_user_count, float(options.spawn_rate))

    def _abort_if_broken(self, t: float) -> None:
        """End the run where a rule is broken that may end it by now."""
        rules = [rule for rule in self.plan.rules if rule.abort is not None and t >= rule.abort]
        if not rules or self._lasted is not None or self._aborted:
            return
        for check in evaluate(rules, self._recorder.series, self._figure):
            if check.value is not None and not check.held:
                count = self._arrivals()
                sure = not (count and count.dropped) or broke_by_itself(
                    check.threshold, self._recorder.series
                )
                self._aborted = check, Abort(check.threshold.text, t, sure)
                gevent.spawn(end_load, self._environment)
                return

    def _arrivals(self) -> Count | None:
        """What came of the arrivals so far, where the run is open."""
        return self._arriving.count() if self._arriving is not None else None

    def _told_arrivals(self, count: Count | None, final: bool) -> Arrivals | None:
        if count is None or self._arriving is None:
            return None
        return arrivals(count, self._arriving.distribution, final)

    @property
    def is_open(self) -> bool:
        """Whether its curve has arrivals, however many users it also wants."""
        return self._arriving is not None and self._arriving.is_open

    def _wanted(self, t: float) -> float | None:
        """Users; in an open run arrivals per second."""
        if self._arriving is not None and self.is_open:
            return self._arriving.wanted
        return self._following.wanted(t)

    def _watch(self) -> None:
        shown = progress.wanted(self._environment.parsed_options)
        try:
            while True:
                moment = self.moment()
                self._timeline.add(moment)
                if self._lasted is None and not self._waits:
                    self._steer(moment.t)
                    self._following.note(moment.t, moment.users)
                    self._windows.judge(self._counted_until)
                    self._abort_if_broken(moment.t)
                if shown:
                    tally = self._iterations.tally()
                    plan = self.plan
                    progress.show(progress.line(moment, plan.planned, plan.profile, tally))
                gevent.sleep(1.0)
        finally:
            if shown:
                progress.show("")

    def servers(self) -> tuple[Statistics, ...]:
        """What each server did so far, where requests say which one answered."""
        return table(self._recorder.series, "server")

    def moment(self) -> Moment:
        """Users, requests and failures right now."""
        every = self._recorder.series.values()
        t = round(time.perf_counter() - self._begun, 3)
        arrivals = self._arrivals() or Count()
        return Moment(
            t=t,
            users=self._environment.runner.user_count if self._environment.runner else 0,
            requests=sum(series.requests for series in every),
            failures=sum(series.failures for series in every),
            wanted=self._wanted(t),
            cpu=self._pulse.vitals.latest,
            waiting=arrivals.waiting,
            dropped=arrivals.dropped + arrivals.missing,
        )

    def _record(
        self, checks: Sequence[Check], judgement: Judgement, lasted: float, final: bool = True
    ) -> RunRecord:
        plan, options, runner = (
            self.plan,
            self._environment.parsed_options,
            self._environment.runner,
        )
        assert runner is not None and options is not None
        series, count = self._recorder.series, self._arrivals()
        record = RunRecord(
            gauntlet=gauntlet.__version__,
            locust=locust.__version__,
            python=platform.python_version(),
            system=plan.system,
            profile=plan.profile_name,
            scale=plan.scale,
            environment=plan.environment,
            target=plan.target,
            addresses=dict(plan.addresses),
            started=self._started,
            ended=datetime.now(UTC),
            duration=round(lasted, 3),
            planned=plan.planned,
            stop_timeout=self._environment.stop_timeout,
            peak_users=self._timeline.peak,
            seed=plan.seed,
            tags=tuple(options.tags or ()),
            excluded_tags=tuple(options.exclude_tags or ()),
            test_env=getattr(options, "test_env", ""),
            test_version=getattr(options, "test_version", ""),
            description=getattr(options, "description", ""),
            mix=plan.mix.model_dump(mode="json") if plan.mix else None,
            iterations=_iterations(self._iterations.tally()),
            fleet=(
                self._ledger.fleet(final)
                if self._ledger
                else Fleet(workers=0, lost=(), cut=self._cut)
            ),
            outcome=outcome(judgement),
            thresholds=tuple(map(threshold_result, checks)),
            total=statistics(Key("", "Aggregated"), Series.merged(series.values())),
            endpoints=table(series, "name", "method"),
            servers=table(series, "server"),
            phases=table(series, "phase"),
            phase_endpoints=table(series, "phase", "name", "method"),
            sections=(*self._extras.sections(), *self._scraper.sections()),
            histograms=histograms(series) if final else (),
            failures=tuple(
                Failure(
                    method=row.method, name=row.name, text=str(row.error), count=row.occurrences
                )
                for row in list(runner.errors.values())[:TEXTS]
            ),
            user_errors={
                row["msg"]: row["count"] for row in list(runner.exceptions.values())[:TEXTS]
            },
            preflight=tuple(plan.preflight),
            timeline=self._timeline.moments,
            slices=slices(self._recorder.slices, self._began),
            health=health(self._pulse.vitals),
            arrivals=self._told_arrivals(count, final),
            slowest=self._slowest(),
            target_metrics=tuple(self._scraper.metrics(self._begun)),
        )
        return record.model_copy(update={"diagnosis": diagnose(record)})

    def _slowest(self) -> tuple[Slow, ...]:
        return tuple(
            Slow(
                t=round(max(one.start - self._began, 0.0), 3),
                response_ms=one.ms,
                outcome=one.outcome,
                **one.key._asdict(),
            )
            for one in self._recorder.slowest.kept
        )


def _iterations(tally: Tally | None) -> IterationCount | None:
    if tally is None:
        return None
    return IterationCount(total=tally.total, done=tally.done, lost=tally.lost)
