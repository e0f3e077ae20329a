"""Users of Walrus: blobs through a publisher and an aggregator, every byte that comes back compared.

| task         | tag        | requests                                                          |
|--------------|------------|-------------------------------------------------------------------|
| `roundtrip`  | roundtrip  | PUT `/v1/blobs`, GET `/v1/blobs/{id} first`, GET `… cached`       |
| `upload`     | upload     | PUT `/v1/blobs`                                                   |
| `download`   | download   | GET of a blob that this process uploaded; `first` once, `cached`  |
| `range`      | range      | GET `/v1/blobs/{id} range`: a part, by a Range field              |
| `byte_range` | range      | GET `/v1/blobs/{id}/byte-range`: a part, by the query             |
| `quilt`      | quilt      | PUT `/v1/quilts`: several files, GET of one by patch or by name   |

Weights, sizes and manners come from `profiles/walrus/mix.yaml`. What is answered with 429 for too
many requests, with 503, or with 404 right after an own upload is asked again, as one request in the
statistics: its time has all attempts and pauses in it.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from time import perf_counter, time
from typing import Any, ClassVar, NamedTuple

import gevent
from locust import tag, task
from locust.env import Environment

from gauntlet import config
from gauntlet.clients import walrus as api
from gauntlet.clients.http import Deadlines, HttpClient, HttpError, HttpResponse, Rules
from gauntlet.errors import UsageError, WrongAnswer
from gauntlet.measure.outcomes import outcome_of
from gauntlet.mixes import WalrusMix
from gauntlet.payloads.blobs import STAMP_BYTES, Blob, BlobPool
from gauntlet.report.walrus import CACHED, FIRST, BlobSummary, Row
from gauntlet.report.walrus_lines import Lines
from gauntlet.user import Preparation, SuiteUser, wait, weigh

from .http import HttpUser, Response, Session

SECRET = "WALRUS_JWT_SECRET"
KNOWN = 1000
"""Blobs that a process remembers, to read parts of them or to upload them again."""

PROBE = 2**47
"""Serial of the blob of the preflight; users count from 0."""


@dataclass(slots=True)
class Known:
    """A blob that the aggregator should have."""

    blob_id: str
    serial: int
    stored_at: float
    """By `perf_counter`."""
    read: bool = False


class Asked(NamedTuple):
    """A request that is over: its last answer, and what became of the earlier attempts."""

    problem: Exception | None
    started: float
    elapsed: float
    attempts: int
    stale: int
    """Answers of 404 before the last one."""


class WalrusUser(SuiteUser, HttpUser):
    """One client of a publisher (`client`) and an aggregator; subclass it in a locustfile."""

    abstract = True
    system = "walrus"

    mix: ClassVar[WalrusMix]
    pool: ClassVar[BlobPool]
    tokens: ClassVar[api.Tokens | None] = None
    extra: ClassVar[BlobSummary] = BlobSummary()
    lines: ClassVar[Lines] = Lines(sys.stdout)
    addresses: ClassVar[Mapping[str, str]] = {}
    known: ClassVar[list[Known]] = []
    dice: ClassVar[Random] = Random(0)

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
        cls.addresses = preparation.addresses
        cls.known = []
        cls.dice = Random(f"{preparation.seed}:{preparation.worker}")
        cls.tokens = _tokens(cls.mix)
        blobs = cls.mix.blobs
        cls.pool = BlobPool.make(
            sizes=(blobs.smallest * 1024, blobs.largest * 1024),
            seed=preparation.seed,
            stream=(preparation.worker,),
            text_share=blobs.text_share,
            pause=preparation.pause,
        )

    @classmethod
    def preflight(cls, host: str, tasks: set[str]) -> Iterator[str]:
        """Store a blob as large as those of the load and read it back."""
        yield from _Probe(cls, host).ask(tasks)

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        assert self.host is not None
        publisher = self.host.rstrip("/")
        aggregator = self.addresses.get("aggregator", publisher).rstrip("/")
        self.client = self.session(publisher)
        self.aggregator = self.client if aggregator == publisher else self.session(aggregator)

    def run(self) -> None:  # type: ignore[misc]  # the HTTP user's own, for two clients
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
        blob, again = self._next()
        known, upload, status = self._upload(blob, again)
        first = cached = None
        asked = [upload]
        if known is not None:
            first = self._read(known, api.FIRST, blob)
            asked.append(first)
            if first.problem is None:
                cached = self._read(known, api.CACHED, blob)
                asked.append(cached)
        self._tell(blob, known, status, asked)

    @tag("upload")
    @task
    def upload(self) -> None:
        """Upload a blob and leave it there."""
        blob, again = self._next()
        known, upload, status = self._upload(blob, again)
        self._tell(blob, known, status, [upload])

    @tag("download")
    @task
    def download(self) -> None:
        """Download a blob of this process; it uploads one where there is none."""
        known = self._some_known()
        if known is not None:
            name = api.CACHED if known.read else api.FIRST
            self._read(known, name, self.pool.blob(known.serial))

    @tag("range")
    @task
    def range(self) -> None:
        """Read a part of a blob, asked for by a Range field."""
        known = self._some_known()
        if known is None:
            return
        blob, start, length = self._part(known)
        self._get(
            api.blob_path(known.blob_id),
            api.RANGE,
            api.part_of(blob.parts, start, length),
            known.stored_at,
            headers=api.range_header(start, length),
            expected=206,
            also=lambda answer: api.check_content_range(
                answer.headers, start, length, blob.length
            ),
        )

    @tag("range")
    @task
    def byte_range(self) -> None:
        """Read a part of a blob as an answer of its own."""
        known = self._some_known()
        if known is None:
            return
        blob, start, length = self._part(known)
        path = api.byte_range_path(known.blob_id, start, length)
        parts = api.part_of(blob.parts, start, length)
        self._get(path, api.BYTE_RANGE, parts, known.stored_at)

    @tag("quilt")
    @task
    def quilt(self) -> None:
        """Store several files as one quilt and read one of them back."""
        files = {f"file-{n}.bin": self.pool.next() for n in range_(self.mix.quilts.files)}
        found: list[tuple[api.Stored, dict[str, str]]] = []

        def check(answer: HttpResponse) -> None:
            found.append(api.check_quilt(*_answer(answer), list(files)))

        store = self.mix.store
        body = {name: (name, blob.parts) for name, blob in files.items()}
        path = api.upload_path(api.QUILT, store.epochs, store.kind)
        length = sum(blob.length for blob in files.values())
        asked = self._ask(
            self.client,
            "PUT",
            path,
            api.QUILT,
            lambda: {"files": body, "headers": self._token(None)},
            check,
            facts={"sent": length},
        )
        if asked.problem is not None:
            return
        stored, patches = found[-1]
        name = self.dice.choice(list(files))
        at = asked.started + asked.elapsed
        if self.mix.quilts.read == "patch":
            self._get(api.patch_path(patches[name]), api.PATCH, files[name].parts, at)
        else:
            self._get(api.named_path(stored.blob_id, name), api.NAMED, files[name].parts, at)

    # -- requests --------------------------------------------------------------------------------

    def _next(self) -> tuple[Blob, bool]:
        """A blob to upload, and whether its content was uploaded before."""
        share = self.mix.blobs.reupload_share
        if share and self.known and self.dice.random() < share:
            return self.pool.blob(self.dice.choice(self.known).serial), True
        return self.pool.next(), False

    def _upload(self, blob: Blob, again: bool) -> tuple[Known | None, Asked, str]:
        """Store a blob; what is known of it then, and the word for what happened."""
        found: list[api.Stored] = []
        store = self.mix.store

        def check(answer: HttpResponse) -> None:
            found.append(api.check_stored(*_answer(answer), blob.length))

        def options() -> dict[str, Any]:
            headers = api.OCTETS
            if self.tokens is not None:
                headers = {**headers, **self.tokens.header(blob.length, store.epochs)}
            return {"data": blob.parts, "headers": headers}

        path = api.upload_path(api.UPLOAD, store.epochs, store.kind)
        facts = {"sent": blob.length}
        asked = self._ask(self.client, "PUT", path, api.UPLOAD, options, check, facts=facts)
        if asked.problem is not None:
            return None, asked, outcome_of(asked.problem)
        stored = found[-1]
        self.extra.stored(stored.new, again)
        known = Known(stored.blob_id, blob.serial, asked.started + asked.elapsed)
        self._remember(known)
        return known, asked, "newlyCreated" if stored.new else "alreadyCertified"

    def _read(self, known: Known, name: str, blob: Blob) -> Asked:
        """Download a whole blob."""
        states: list[str] = []

        def note(answer: HttpResponse) -> None:
            states.append(api.cache_state(answer.headers))

        path = api.blob_path(known.blob_id)
        asked = self._get(path, name, blob.parts, known.stored_at, also=note)
        if asked.problem is None:
            known.read = True
            if asked.attempts == 1:
                kind = FIRST if name == api.FIRST else CACHED
                self.extra.read(kind, asked.elapsed, states[-1])
        return asked

    def _get(
        self,
        path: str,
        name: str,
        parts: Any,
        stored_at: float,
        *,
        headers: Mapping[str, str] | None = None,
        expected: int = 200,
        also: Callable[[HttpResponse], None] | None = None,
    ) -> Asked:
        """Read something whose bytes are known."""

        def check(answer: HttpResponse) -> None:
            if isinstance(answer.error, HttpError):
                raise answer.error
            api.check_read(*_answer(answer), expected)
            if answer.error is not None:
                raise answer.error
            if also is not None:
                also(answer)

        return self._ask(
            self.aggregator,
            "GET",
            path,
            name,
            lambda: {"headers": headers, "sink": api.Compare(parts)},
            check,
            stored_at=stored_at,
            facts={"verified": True},
        )

    def _ask(
        self,
        session: Session,
        method: str,
        path: str,
        name: str,
        options: Callable[[], dict[str, Any]],
        check: Callable[[HttpResponse], None],
        *,
        stored_at: float | None = None,
        facts: dict[str, Any],
    ) -> Asked:
        """Make a request, again where that is worth it, and report it once."""
        began = time()
        started = 0.0
        attempts = stale = 0
        while True:
            attempts += 1
            given = options()
            response = session.request(method, path, name, True, **given)
            started = started or response.started
            problem = _problem(check, response)
            if problem is None:
                break
            pause = self._pause(problem, response, attempts - stale, stored_at)
            if pause is None:
                break
            stale += isinstance(problem, api.Refused) and problem.is_missing
            gevent.sleep(pause)
        elapsed = response.started + response.elapsed_s - started
        if stale and problem is None and stored_at is not None:
            self.extra.visible(stale, started + elapsed - stored_at)
        self._report(response, problem, began, started, elapsed, attempts, facts)
        return Asked(problem, started, elapsed, attempts, stale)

    def _report(
        self,
        response: Response,
        problem: Exception | None,
        began: float,
        started: float,
        elapsed: float,
        attempts: int,
        facts: dict[str, Any],
    ) -> None:
        """Fire the request event, with the times of all attempts together."""
        context = response.context
        if problem is None or "verified" not in facts:
            context |= facts
        response.start_time = began
        meta = response.request_meta
        meta["exception"] = problem
        if attempts > 1:
            context["attempts"] = attempts
            meta["response_time"] = elapsed * 1000
            if response.first_byte_s is not None:
                first_byte = response.started + response.first_byte_s - started
                context["time_to_first_byte"] = first_byte * 1000
        response.report()

    def _pause(
        self, problem: Exception, response: Response, attempts: int, stored_at: float | None
    ) -> float | None:
        """Seconds until the next attempt; None where there is none."""
        pause = _pause(self.mix, problem, response, attempts, stored_at)
        if pause is not None and isinstance(problem, api.Refused) and problem.is_transient:
            self.extra.counts[f"backed off {problem.status}"] += 1
            pause *= 0.5 + self.dice.random() / 2  # so that users do not come back in step
        return pause
