"""What the judging process reads before a run: options, shape, target, rules; makes the plan."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

from locust.env import Environment

from gauntlet import config, options, rules
from gauntlet.addresses import Target, check_address, check_form, joined, resolve, targets
from gauntlet.arrivals import Schedule, steady
from gauntlet.embedded import EmbeddedTarget
from gauntlet.errors import UsageError, gathering
from gauntlet.plan import Plan
from gauntlet.pool import MOST
from gauntlet.report import files
from gauntlet.shape import ProfileShape, shape_for
from gauntlet.systems import System
from gauntlet.text import nearest, shown
from gauntlet.thresholds import Threshold, override
from gauntlet.user import SuiteUser, tags_of
from gauntlet.worker import ADDRESSES, Worker

logger = logging.getLogger(__name__)

_CURVE = {"num_users": "-u", "spawn_rate": "-r", "run_time": "-t", "arrivals": "--arrivals"}
"""Options that a profile makes meaningless."""


class Planner:
    """What was asked for; raises UsageError where that is wrong."""

    def __init__(self, environment: Environment, worker: Worker) -> None:
        self._environment = environment
        assert environment.parsed_options is not None
        self._parsed = environment.parsed_options
        self._worker = worker
        self._label: str | None = None
        self._embedded: EmbeddedTarget | None = None
        self.system = worker.system
        self.options = options.read(self._parsed)
        if self.options.wait is not None and worker.mix is not None:
            worker.mix = worker.mix.model_copy(update={"wait": self.options.wait})
        self._check_tags()
        worker.configure()
        files.check_writable(self.options.results)
        self._choose_shape()
        self.target = self._find_target()
        if self.target.address and not environment.host:
            environment.host = self.target.address
        worker.forward()
        # Now: Locust's page shows the address before a start.
        self._look_at(*self._given(environment.host), check_form)

    @property
    def shape(self) -> ProfileShape | None:
        """The profile's shape that drives the users, if one does."""
        shape = self._environment.shape_class
        return shape if isinstance(shape, ProfileShape) else None

    @property
    def total_iterations(self) -> int | None:
        """Iterations of the run that begins now: the option's, else the profile's."""
        return self.options.total_iterations or (self.shape.plan.iterations if self.shape else None)

    @property
    def max_users(self) -> int:
        """The most users of a process that serves arrivals: the option's, else the profile's."""
        given = options.max_users(self._parsed)
        return given or (self.shape.plan.max_users if self.shape else None) or MOST

    def schedule(self) -> Schedule | None:
        """The arrivals of the run that begins now; None where users set the pace."""
        seed = int(self._parsed.seed)
        if self.shape is not None:
            return self.shape.plan.schedule(seed)
        arrivals = options.arrivals(self._parsed)
        if arrivals is None:
            return None
        return steady(arrivals.rate, self._run_time(), arrivals.distribution, seed)

    def rules(self) -> list[Threshold]:
        """The profile's thresholds with those given by hand over them."""
        profile, given = self.shape.plan if self.shape else None, list(self.options.rules)
        found = override(list(profile.thresholds) if profile else [], given)
        return rules.settled(found, profile.curve if profile else ())

    def aim(self, host: str | None) -> str | None:
        """Take up the address that load will go to, `host` or the target's; refuse a wrong one."""
        self._check_rules()
        address, addresses = self._given(host)
        protected = self.options.allow_protected
        self._look_at(
            address, addresses, lambda one, system, at: check_address(one, system, protected, at)
        )
        setattr(self._parsed, ADDRESSES, addresses)
        return address

    def fill_in(self) -> None:
        """Fill what the web form left empty: the host, and Locust's label with the profile."""
        environment, profile = self._environment, self.shape.profile if self.shape else None
        environment.host = environment.host or self.target.address
        if environment.profile in (None, "", self._label):
            environment.profile = profile
        self._label = profile

    def plan(self, preflight: Sequence[str]) -> Plan:
        """The plan of the run that begins now."""
        shape, environment = self.shape, self._environment
        given = environment.host == self.target.address
        return Plan(
            system=self.system.name if self.system else None,
            profile_name=shape.profile if shape else None,
            profile=shape.plan if shape else None,
            scale=self.options.scale if shape else 1.0,
            environment=self.target.environment if given else None,
            target=environment.host or "by user class",
            rules=self.rules(),
            planned=shape.plan.duration if shape else self._run_time(),
            results=self.options.results,
            seed=self._parsed.seed,
            mix=self._worker.mix,
            preflight=preflight,
            addresses=getattr(self._parsed, ADDRESSES, {}),
            metrics=self._metrics(given),
        )

    def _metrics(self, ours: bool) -> Mapping[str, str]:
        """What to scrape: what the option says, else what belongs to the target."""
        chosen = self.options.target_metrics
        if chosen is not None:
            return {} if chosen == "off" else {"": chosen}
        return self.target.metrics if ours else {}

    def close(self) -> None:
        """End the targets that were started."""
        if self._embedded is not None:
            self._embedded.stop()

    def _find_target(self) -> Target:
        target = resolve(self.system, self._environment, self.options.environment)
        if not target.embedded:
            return target
        assert self.system is not None
        names, running = self.system.addresses, config.running_target()
        if running is None:
            self._embedded = EmbeddedTarget(
                self.system.target, self.system.target_options, self.system.embedded
            )
            running = config.RunningTarget(self._embedded.addresses, self._embedded.metrics)
        addresses, told = running
        metrics = dict(zip(names if len(told) > 1 else ("",), told, strict=True))
        if not names:
            return Target(joined(self.system, addresses), "embedded", metrics=metrics)
        found = dict(zip(names, addresses, strict=True))
        return targets(self.system, found, "embedded", metrics)

    def _given(self, host: str | None) -> tuple[str | None, dict[str, str]]:
        """The first address of a run against `host`, or the target, and all by name."""
        address = host or self.target.address
        return address, self.target.named(self.system, address) if self.system and address else {}

    def _look_at(
        self,
        address: str | None,
        named: Mapping[str, str],
        check: Callable[[str, System | None, str], None],
    ) -> None:
        """Check every address and say all that is wrong at once."""
        mistakes: list[str] = []
        for where, one, system in self._addresses(address, named):
            with gathering(mistakes):
                check(one, system, where)
        if mistakes:
            raise UsageError(mistakes)

    def _addresses(
        self, address: str | None, named: Mapping[str, str]
    ) -> Iterator[tuple[str, str, System | None]]:
        """Where it was given and what load will go to; without any, those of the user classes."""
        if address:
            given = config.given_addresses(self.system)
            for name, one in named.items():
                # One variable may stand for all addresses.
                by = [other for other in (name, *given) if given.get(other) == one]
                yield config.variable_of(by[0]) if by else "host", one, self.system
            if not named:
                yield "host", address, self.system
            return
        for user in self._environment.user_classes:
            if user.host:
                yield "host", user.host, self.system if issubclass(user, SuiteUser) else None

    def _choose_shape(self) -> None:
        environment = self._environment
        system, scale = self.system, self.options.scale
        shapes = {name: shape_for(name, system, scale) for name in config.profile_names(system)}
        if isinstance(environment.shape_class, ProfileShape):
            environment.shape_class.system, environment.shape_class.scale = system, scale
        if self.options.profile:
            chosen = shapes.get(self.options.profile) or shape_for(
                self.options.profile, system, scale
            )
            environment.shape_class = chosen
            self._warn_of_curve_options()
        self._check_scale()
        if isinstance(environment.shape_class, ProfileShape):
            environment.shape_class.runner = environment.runner
            _ = environment.shape_class.plan  # read now: a mistake in it ends the process here
        environment.available_shape_classes = {
            **(environment.available_shape_classes or {}),
            **shapes,
        }

    def _check_scale(self) -> None:
        """Refuse a scale that no profile takes; on the page one may still be chosen."""
        begins = self._parsed.headless or self._parsed.autostart
        if self.options.scale != 1 and begins and self.shape is None:
            raise UsageError("--scale: expected --load-profile with it, got none")

    def _check_tags(self) -> None:
        """Refuse tags that no task has: Locust runs what is left, or nothing."""
        known = set().union(*map(tags_of, self._environment.user_classes))
        given = {"--tags": self._parsed.tags, "--exclude-tags": self._parsed.exclude_tags}
        mistakes = [
            f"{option}: expected {_one_of(known)}, got {shown(tag)}{nearest(tag, known)}"
            for option, tags in given.items()
            for tag in tags or ()
            if tag not in known
        ]
        if mistakes:
            raise UsageError(mistakes)

    def _check_rules(self) -> None:
        """Refuse rules given by hand about phases that the run does not have."""
        curve = self.shape.plan.curve if self.shape else ()
        found = rules.mistakes(self.options.rules, curve)
        mistakes = [f"--threshold: {mistake}" for _, mistake in found]
        if mistakes:
            raise UsageError(mistakes)

    def _warn_of_curve_options(self) -> None:
        given = [option for name, option in _CURVE.items() if getattr(self._parsed, name)]
        if given:
            outranked = ", ".join(given)
            logger.warning("%s: the profile %s outranks it", outranked, self.options.profile)

    def _run_time(self) -> float | None:
        """Seconds of `-t`; None where another shape decides or the load goes on until stopped."""
        seconds = self._parsed.run_time
        return float(seconds) if seconds and self._environment.shape_class is None else None


def _one_of(tags: set[str]) -> str:
    return f"one of {', '.join(sorted(tags))}" if tags else "none, because no task has a tag"
