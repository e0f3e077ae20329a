"""What Walrus users are besides their tasks: two addresses, preparation, patient requests."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import ClassVar

from locust.env import Environment

from gauntlet import config
from gauntlet.clients import walrus as api
from gauntlet.clients.http import Deadlines, HttpClient, HttpResponse, Rules
from gauntlet.errors import UsageError
from gauntlet.mixes.walrus import Token, WalrusMix
from gauntlet.payloads.blobs import BlobPool, Run
from gauntlet.report.walrus import BlobSummary
from gauntlet.report.walrus_lines import Lines
from gauntlet.user import Preparation, SuiteUser, wait, weigh

from ._walrus_ask import Asked, Manners, ask
from ._walrus_checks import check_read, preflight, services
from .http import HttpUser, Response

SECRET = "WALRUS_JWT_SECRET"

PROBE = 0
"""Serial of the preflight's blob, which no user draws."""


class WalrusBase(SuiteUser, HttpUser):
    """A client of a publisher (`client`) and an aggregator, without tasks."""

    abstract = True
    system = "walrus"

    mix: ClassVar[WalrusMix]
    pool: ClassVar[BlobPool]
    manners: ClassVar[Manners]
    tokens: ClassVar[api.Tokens | None] = None
    addresses: ClassVar[Mapping[str, str]] = {}
    extra: ClassVar[BlobSummary] = BlobSummary()
    lines: ClassVar[Lines] = Lines()
    _made_for: ClassVar[tuple[object, ...]] = ()

    @classmethod
    def configure(cls, mix: WalrusMix) -> None:
        """Take over weights, wait time, sizes and deadlines."""
        cls.mix = mix
        cls.extra.export = mix.export
        cls.deadlines = Deadlines(first_byte=mix.deadlines.first_byte, total=mix.deadlines.total)
        weigh(cls, mix.weights.model_dump())
        wait(cls, mix.seconds)

    @classmethod
    def prepare(cls, preparation: Preparation) -> None:
        """Make the block that blobs are cut out of; read the secret of the tokens."""
        mix = cls.mix
        cls.addresses = preparation.addresses
        cls.manners = Manners(mix.patience, Random(f"{preparation.seed}:{preparation.worker}"))
        cls.tokens = _tokens(mix.token)
        key = (preparation.seed, preparation.worker, mix.blobs, preparation.repeats)
        if cls._made_for == key:
            return
        cls._made_for = key
        cls.pool = BlobPool.make(
            sizes=(mix.blobs.smallest * 1024, mix.blobs.largest * 1024),
            seed=preparation.seed,
            # The publisher still has the blobs of an earlier run: those of the next one are new.
            stream=(preparation.worker, *filter(None, [preparation.repeats])),
            text_share=mix.blobs.text_share,
            pause=preparation.pause,
        )

    @classmethod
    def preflight(cls, host: str, tasks: set[str]) -> Iterator[str]:
        """Store a blob as large as those of the load; read it back if the load reads."""
        verify = cls.verify and not cls.insecure
        blob = cls.pool.blob(PROBE)

        def put(publisher: HttpClient) -> HttpResponse:
            path, headers = cls._put(api.UPLOAD, blob.length)
            return publisher.request("PUT", path, data=blob.parts, headers=headers)

        addresses, rules = services(host, cls.addresses), Rules(cls.deadlines)
        publisher, aggregator = (HttpClient(one, rules=rules, verify=verify) for one in addresses)
        reads = bool(tasks - {"upload", "quilt"})
        yield from preflight(put, publisher, aggregator, blob, cls.manners, reads)
        publisher.close()
        aggregator.close()

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        assert self.host is not None
        publisher, aggregator = services(self.host, self.addresses)
        self.client = self.session(publisher)
        self.aggregator = self.client if aggregator == publisher else self.session(aggregator)
        self._tells = self.lines.wanted(environment.parsed_options)

    def run(self) -> None:  # type: ignore[misc]  # the HTTP user's own, with two clients
        """Live from `on_start` to `on_stop`; Locust calls it."""
        try:
            super().run()
        finally:
            self.aggregator.close()

    # -- requests --------------------------------------------------------------------------------

    @classmethod
    def _put(cls, path: str, length: int | None) -> tuple[str, dict[str, str]]:
        """Path and headers of an upload, with a token of its own; a quilt's length is not known."""
        store, headers = cls.mix.store, {} if length is None else api.OCTETS
        if cls.tokens is not None:
            headers = {**headers, **cls.tokens.header(length, store.epochs)}
        return api.upload_path(path, store.epochs, store.kind), headers

    def _get(
        self,
        path: str,
        name: str,
        runs: Sequence[Run],
        unseen_since: float | None,
        check: Callable[[HttpResponse], None] = check_read,
        headers: Mapping[str, str] | None = None,
    ) -> Asked[Response]:
        """Read something whose bytes are known."""
        session = self.aggregator

        def call() -> Response:
            sink = api.Compare(runs)
            return session.request("GET", path, name, True, headers=headers, sink=sink)

        return self._ask(call, check, unseen_since, verified=True)

    def _ask(
        self,
        call: Callable[[], Response],
        check: Callable[[HttpResponse], None],
        unseen_since: float | None,
        verified: bool = False,
    ) -> Asked[Response]:
        """Make a request, again where that is worth it, and report it once.

        `unseen_since` is when an upload ended of which nothing was seen yet; `verified` says that
        `check` looks at every byte.
        """
        asked = ask(call, check, self.manners, unseen_since, self.extra.count)
        response = asked.response
        if asked.problem is None:
            if verified:
                response.context["verified"] = True
            if asked.stale and unseen_since is not None:
                self.extra.visible(asked.ended - unseen_since)
        meta = response.request_meta
        meta["exception"] = asked.problem
        if asked.attempts > 1:
            _tell_all_attempts(asked)
        response.report()
        return asked


def _tell_all_attempts(asked: Asked[Response]) -> None:
    """Let what is reported begin with the first attempt."""
    response = asked.response
    context, meta = response.context, response.request_meta
    meta["start_time"] = response.start_time = asked.began
    meta["response_time"] = asked.elapsed * 1000
    context["attempts"] = context.get("attempts", 1) + asked.attempts - 1
    if response.first_byte_s is not None:
        first_byte = response.started + response.first_byte_s - asked.started
        context["time_to_first_byte"] = first_byte * 1000


def _tokens(token: Token) -> api.Tokens | None:
    secret = None if token.use == "never" else config.secret(SECRET)
    if secret is not None:
        return api.Tokens(secret, token.algorithm, token.lifetime, token.claims)
    if token.use == "always":
        raise UsageError(f"{SECRET}: expected the publisher's secret, got nothing")
    return None
