"""The part that makes the load: the mix is laid on the user classes, payloads are made.

Every process has it. In a worker it takes over what the master forwards; on a master, which runs
no users, it proves that the payloads can be made before workers are asked for them.
"""

from typing import Any

import gevent
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from gauntlet import config
from gauntlet.draws import Streams
from gauntlet.models import Model
from gauntlet.preparing import settle_memory
from gauntlet.systems import System
from gauntlet.user import Preparation, SuiteUser, choose, concrete_users

MIX = "gauntlet_mix"
"""The mix on its way to the workers, among the parsed options that Locust forwards."""

ADDRESSES = "gauntlet_addresses"
"""All addresses by name, of a system that has several; on the same way."""

COMING = "gauntlet_coming"
"""The number of the run that is being prepared; of the one that goes on, after that."""

FORWARDED = ("seed", MIX, ADDRESSES, COMING)
"""What workers need to make their payloads."""


class Worker:
    """The user classes of this process and the mix that is laid on them."""

    def __init__(self, system: System | None) -> None:
        self.system = system
        self.mix: Model | None = None
        self._environment: Environment | None = None
        self._prepared: tuple[int, int, int] | None = None
        self._repeats = 0

    def read_mix(self, parser: LocustArgumentParser) -> None:
        """Read the system's mix, and the variables that stand for options of Locust."""
        if self.system:
            self.mix, defaults = config.load_settings(self.system)
            parser.set_defaults(**defaults)

    def join(self, environment: Environment) -> None:
        """Take up the environment, as soon as Locust has one; tags count from then on."""
        self._environment = environment

    def configure(self) -> None:
        """Lay the mix on all classes of the suite that the locustfile made concrete."""
        options = self._environment.parsed_options if self._environment else None
        for user in concrete_users():
            if self.mix is not None and issubclass(user, SuiteUser):
                user.configure(self.mix)
                if options is not None:
                    choose(user, options.tags, options.exclude_tags)

    def forward(self) -> None:
        """Put the mix among the options that workers are given."""
        dumped = self.mix.model_dump(mode="json") if self.mix else None
        setattr(self._parsed, MIX, dumped)

    def take_over(self) -> None:
        """Take over the master's mix and make the payloads."""
        forwarded = getattr(self._parsed, MIX, None)
        if forwarded and self.system:
            self.mix = self.system.mix.model_validate(forwarded, strict=False)
            self.configure()
        self.prepare()

    def prepare(self) -> None:
        """Make the payloads that users will send; may be asked for several times for a run."""
        assert self._environment is not None
        number = getattr(self._environment.runner, "worker_index", 0)
        seed, run = int(self._parsed.seed), getattr(self._parsed, COMING, 0)
        self._count(seed, number, run)
        addresses = getattr(self._parsed, ADDRESSES, None) or {}
        preparation = Preparation(seed, number, _breathe, addresses, self._repeats)
        for user in self._environment.user_classes:
            if issubclass(user, SuiteUser):
                user.prepare(preparation)
        settle_memory()

    def _count(self, seed: int, number: int, run: int) -> None:
        """Begin a run's draws anew, once for the run."""
        if self._prepared == (seed, number, run):
            return
        again = self._prepared is not None and self._prepared[:2] == (seed, number)
        self._repeats = self._repeats + 1 if again else 0
        self._prepared = seed, number, run
        SuiteUser.streams = Streams(seed, number)

    @property
    def _parsed(self) -> Any:
        assert self._environment is not None
        return self._environment.parsed_options


def _breathe() -> None:
    """Let all others go on; gevent looks at its timers after a real pause alone."""
    gevent.sleep(0.0001)
