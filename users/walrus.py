"""Users of Walrus: blobs through a publisher and an aggregator, every byte that returns compared.

| task         | tag        | requests                                                      |
|--------------|------------|---------------------------------------------------------------|
| `roundtrip`  | roundtrip  | PUT `/v1/blobs`, GET `/v1/blobs/{id} first`, GET `… cached`   |
| `upload`     | upload     | PUT `/v1/blobs`                                               |
| `download`   | download   | GET a blob of this process, `first` once and then `cached`    |
| `range`      | range      | GET `/v1/blobs/{id} range`: a part, by a Range field          |
| `byte_range` | range      | GET `/v1/blobs/{id}/byte-range`: a part, by the query         |
| `quilt`      | quilt      | PUT `/v1/quilts`: several files; GET one by patch or by name  |

Weights, sizes and manners come from `profiles/walrus/mix.yaml`. What is answered with 429 for too
many requests, with 503, or with 404 right after an own upload is asked again: one request in the
statistics, whose time has all attempts and pauses in it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from locust import tag, task
from locust.env import Environment

from gauntlet import config
from gauntlet.clients import walrus as api
from gauntlet.clients.http import Deadlines, HttpClient, HttpResponse, Rules
from gauntlet.errors import UsageError
from gauntlet.measure.outcomes import outcome_of
from gauntlet.mixes.walrus import Token, WalrusMix
from gauntlet.payloads.blobs import Blob, BlobPool, Run
from gauntlet.report.walrus import CACHED, FIRST, BlobSummary, Row
from gauntlet.report.walrus_lines import Lines
from gauntlet.user import Preparation, SuiteUser, wait, weigh

from ._walrus_ask import Asked, Manners, ask
from ._walrus_checks import check_part, check_read, checked, checks_stored, preflight, services
from .http import HttpUser, Response

SECRET = "WALRUS_JWT_SECRET"
KNOWN = 1000
"""Blobs that a process remembers, to read them or to upload them again."""

PROBE = 0
"""Serial of the preflight's blob, which no user draws."""


@dataclass(slots=True)
class Known:
    """A blob that the aggregator should have; `stored_at` by `perf_counter`."""

    blob_id: str
    serial: int
    stored_at: float
    new: bool
    """Whether nobody can have read it before."""
    seen: bool = False

    @property
    def unseen_since(self) -> float | None:
        """Since when it could be seen; None once it was."""
        return None if self.seen else self.stored_at


class WalrusUser(SuiteUser, HttpUser):
    """One client of a publisher (`client`) and an aggregator; subclass it in a locustfile."""

    abstract = True
    system = "walrus"

    mix: ClassVar[WalrusMix]
    pool: ClassVar[BlobPool]
    manners: ClassVar[Manners]
    tokens: ClassVar[api.Tokens | None] = None
    addresses: ClassVar[Mapping[str, str]] = {}
    known: ClassVar[list[Known]] = []
    _made_for: ClassVar[tuple[object, ...]] = ()
    extra: ClassVar[BlobSummary] = BlobSummary()
    lines: ClassVar[Lines] = Lines()

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
        cls.known = []
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

    # -- tasks -----------------------------------------------------------------------------------

    @tag("roundtrip")
    @task
    def roundtrip(self) -> None:
        """Upload a blob and download it twice: uncached, cached."""
        known, blob, asked, status = self._store()
        reads: list[Asked[Response]] = []
        if known is not None:
            reads.append(self._read(known, blob))
            if reads[0].problem is None:
                reads.append(self._read(known, blob))
        self._note(blob, known, status, asked, reads)

    @tag("upload")
    @task
    def upload(self) -> None:
        """Upload a blob and leave it there."""
        known, blob, asked, status = self._store()
        self._note(blob, known, status, asked, [])

    @tag("download")
    @task
    def download(self) -> None:
        """Download a blob of this process."""
        known = self._some_known()
        if known is not None:
            self._read(known, self.pool.blob(known.serial))

    @tag("range")
    @task
    def range(self) -> None:
        """Read a part of a blob, asked for by a Range field."""
        known = self._some_known()
        if known is not None:
            blob, start, length = self._stretch(known)

            def check(answer: HttpResponse) -> None:
                check_part(answer)
                api.check_content_range(answer.headers, start, length, blob.length)

            path, headers = api.blob_path(known.blob_id), api.range_header(start, length)
            runs = blob.runs(start, length)
            self._get(path, api.RANGE, runs, known.unseen_since, check, headers)

    @tag("range")
    @task
    def byte_range(self) -> None:
        """Read a part of a blob as an answer of its own."""
        known = self._some_known()
        if known is not None:
            blob, start, length = self._stretch(known)
            path = api.byte_range_path(known.blob_id, start, length)
            self._get(path, api.BYTE_RANGE, blob.runs(start, length), known.unseen_since)

    @tag("quilt")
    @task
    def quilt(self) -> None:
        """Store several files as one quilt and read one of them back."""
        files = {f"file-{n}": self._new() for n in range(self.mix.quilts.files)}
        parts = {name: (name, blob.parts) for name, blob in files.items()}
        found: list[tuple[api.Stored, dict[str, str]]] = []

        def call() -> Response:
            path, headers = self._put(api.QUILT, None)
            return self.client.request("PUT", path, api.QUILT, True, files=parts, headers=headers)

        def check(answer: HttpResponse) -> None:
            found.append(api.check_quilt(*checked(answer), list(files)))

        asked = self._ask(call, check, None)
        if asked.problem is None:
            stored, patches = found[-1]
            name = self.draws.choice(list(files))
            path, label = api.patch_path(patches[name]), api.PATCH
            if self.mix.quilts.read == "name":
                path, label = api.named_path(stored.blob_id, name), api.NAMED
            self._get(path, label, files[name].runs(), asked.ended)

    # -- blobs -----------------------------------------------------------------------------------

    def _store(self) -> tuple[Known | None, Blob, Asked[Response], str]:
        """Upload a blob: what is known of it then, and the word for what became of it."""
        blob, again = self._next()
        found: list[api.Stored] = []

        def call() -> Response:
            path, headers = self._put(api.UPLOAD, blob.length)
            return self.client.request(
                "PUT", path, api.UPLOAD, True, data=blob.parts, headers=headers
            )

        asked = self._ask(call, checks_stored(found, blob.length), None)
        if asked.problem is not None:
            return None, blob, asked, outcome_of(asked.problem)
        stored = found[-1]
        self.extra.stored(stored.new, again)
        known = Known(stored.blob_id, blob.serial, asked.ended, stored.new and not again)
        if len(self.known) < KNOWN:
            self.known.append(known)
        else:
            self.known[int(self.draws.random() * KNOWN)] = known
        return known, blob, asked, "newlyCreated" if stored.new else "alreadyCertified"

    def _next(self) -> tuple[Blob, bool]:
        """A blob to upload, and whether its content was uploaded before."""
        share = self.mix.blobs.reupload_share
        if share and self.known and self.draws.random() < share:
            return self.pool.blob(self.draws.choice(self.known).serial), True
        return self._new(), False

    def _new(self) -> Blob:
        return self.pool.blob(self.draws.serial())

    def _read(self, known: Known, blob: Blob) -> Asked[Response]:
        """Download a whole blob, for the first time or again."""
        kind, name = (CACHED, api.CACHED) if known.seen else (FIRST, api.FIRST)
        asked = self._get(api.blob_path(known.blob_id), name, blob.runs(), known.unseen_since)
        if asked.problem is None:
            telling = asked.attempts == 1 and (known.seen or known.new)
            known.seen = True
            if telling:
                state = api.cache_state(asked.response.headers)
                self.extra.read(kind, asked.elapsed, state)
        return asked

    def _some_known(self) -> Known | None:
        """A blob that this process uploaded; one more upload where there is none."""
        return self.draws.choice(self.known) if self.known else self._store()[0]

    def _stretch(self, known: Known) -> tuple[Blob, int, int]:
        """A blob of which a part is to be read: which bytes."""
        blob = self.pool.blob(known.serial)
        length = self.draws.randint(1, min(self.mix.longest_range * 1024, blob.length))
        return blob, self.draws.randint(0, blob.length - length), length

    def _note(
        self,
        blob: Blob,
        known: Known | None,
        status: str,
        asked: Asked[Response],
        reads: Sequence[Asked[Response]],
    ) -> None:
        """Tell the summary of a blob that is done with, and the terminal."""
        blob_id = upload = None
        attempts, seconds = asked.attempts, list[float | None]()
        verified = len(reads) == 2
        if known is not None:
            blob_id, upload = known.blob_id, asked.elapsed
        for read in reads:
            attempts += read.attempts
            if read.problem is None:
                seconds.append(read.elapsed)
            else:
                seconds.append(None)
                status, verified = outcome_of(read.problem), False
        first, cached = (*seconds, None, None)[:2]
        row = Row(
            asked.began, blob_id, upload, blob.length, first, cached, status, verified, attempts
        )
        self.extra.add(row)
        if self._tells:
            self.lines.tell(row)

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
        check: Callable[[HttpResponse], None] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Asked[Response]:
        """Read something whose bytes are known."""

        session = self.aggregator

        def call() -> Response:
            sink = api.Compare(runs)
            return session.request("GET", path, name, True, headers=headers, sink=sink)

        return self._ask(call, check or check_read, unseen_since, verified=True)

    def _ask(
        self,
        call: Callable[[], Response],
        check: Callable[[HttpResponse], None],
        unseen_since: float | None,
        **facts: Any,
    ) -> Asked[Response]:
        """Make a request, again where that is worth it, and report it once."""
        asked = ask(call, check, self.manners, unseen_since, self.extra.count)
        response, context = asked.response, asked.response.context
        if asked.problem is not None:
            facts.pop("verified", None)
        elif asked.stale and unseen_since is not None:
            self.extra.visible(asked.ended - unseen_since)
        context |= facts
        response.start_time = asked.began
        meta = response.request_meta
        meta["exception"] = asked.problem
        if asked.attempts > 1:
            context["attempts"] = context.get("attempts", 1) + asked.attempts - 1
            meta["response_time"] = asked.elapsed * 1000
            if response.first_byte_s is not None:
                first_byte = response.started + response.first_byte_s - asked.started
                context["time_to_first_byte"] = first_byte * 1000
        response.report()
        return asked


def _tokens(token: Token) -> api.Tokens | None:
    secret = None if token.use == "never" else config.secret(SECRET)
    if secret is not None:
        return api.Tokens(secret, token.algorithm, token.lifetime, token.claims)
    if token.use == "always":
        raise UsageError(f"{SECRET}: expected the publisher's secret, got nothing")
    return None
