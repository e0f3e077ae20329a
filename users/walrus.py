"""Users of Walrus: blobs through a publisher and an aggregator, every byte that returns compared.

| task         | tag        | requests                                                      |
|--------------|------------|---------------------------------------------------------------|
| `roundtrip`  | roundtrip  | PUT `/v1/blobs`, GET `/v1/blobs/{id} first`, GET `… cached`   |
| `upload`     | upload     | PUT `/v1/blobs`                                               |
| `download`   | download   | GET a blob of this process, `first` once and then `cached`    |
| `head`       | head       | HEAD `/v1/blobs/{id}`: is it there, and how long              |
| `by_object`  | object     | GET `/v1/blobs/by-object-id/{id}`: a whole blob               |
| `range`      | range      | GET `/v1/blobs/{id} range`: a part, by a Range field          |
| `byte_range` | range      | GET `/v1/blobs/{id}/byte-range`: a part, by the query         |
| `quilt`      | quilt      | PUT `/v1/quilts`: several files; GET one by patch or by name  |

Weights, sizes and manners come from `profiles/walrus/mix.yaml`. What is answered with 429 for too
many requests, with 503, or with 404 right after an own upload is asked again: one request in the
statistics, whose time has all attempts and pauses in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from locust import tag, task

from gauntlet.clients import walrus as api
from gauntlet.clients.http import HttpResponse
from gauntlet.measure.outcomes import outcome_of
from gauntlet.payloads.blobs import Blob, Run
from gauntlet.report.walrus import CACHED, FIRST, Row
from gauntlet.user import Preparation

from ._walrus_ask import Asked
from ._walrus_base import WalrusBase
from ._walrus_checks import check_head, check_part, check_read, checked, checks_stored
from .http import Response

KNOWN = 1000
"""Blobs that a process remembers, to read them or to upload them again."""


@dataclass(slots=True)
class Known:
    """A blob that the aggregator should have."""

    blob_id: str
    object_id: str | None
    serial: int
    unseen_since: float | None
    """When it was stored, by `perf_counter`; None once it was seen."""
    new: bool
    """Whether nobody can have asked for any of it before."""
    read: bool = False
    """Whether all of it was read."""


class Upload(NamedTuple):
    """An upload that is over."""

    blob: Blob
    asked: Asked[Response]
    known: Known | None
    """None where it failed."""
    status: str
    """The publisher's word for the result, or the class of the failure."""


class WalrusUser(WalrusBase):
    """One client of a publisher (`client`) and an aggregator; subclass it in a locustfile."""

    abstract = True
    known: ClassVar[list[Known]] = []

    @classmethod
    def prepare(cls, preparation: Preparation) -> None:
        """Begin with no blob known."""
        super().prepare(preparation)
        cls.known = []

    # -- tasks -----------------------------------------------------------------------------------

    @tag("roundtrip")
    @task
    def roundtrip(self) -> None:
        """Upload a blob and download it twice: uncached, cached."""
        upload = self._store()
        known, blob = upload.known, upload.blob
        reads: list[Asked[Response]] = []
        if known is not None:
            reads.append(self._read(known, blob))
            if reads[0].problem is None:
                reads.append(self._read(known, blob))
        self._note(upload, reads)

    @tag("upload")
    @task
    def upload(self) -> None:
        """Upload a blob and leave it there."""
        self._note(self._store())

    @tag("download")
    @task
    def download(self) -> None:
        """Download a blob of this process."""
        if known := self._some_known():
            self._read(known, self.pool.blob(known.serial))

    @tag("head")
    @task
    def head(self) -> None:
        """Ask whether a blob is there, and how long it is."""
        if known := self._some_known():
            path, length = api.blob_path(known.blob_id), self.pool.blob(known.serial).length
            known.new = False  # the aggregator reads all of it

            def call() -> Response:
                return self.aggregator.request("HEAD", path, api.HEAD, True)

            self._saw(known, self._ask(call, check_head(length), known.unseen_since))

    @tag("object")
    @task
    def by_object(self) -> None:
        """Download a blob by the object that stands for it on the chain."""
        known = self._some_known()
        if known is not None and known.object_id is not None:
            path = api.object_path(known.object_id)
            self._part(known, path, api.OBJECT, self.pool.blob(known.serial).runs())

    @tag("range")
    @task
    def range(self) -> None:
        """Read a part of a blob, asked for by a Range field."""
        if known := self._some_known():
            blob, start, length = self._stretch(known)

            def check(answer: HttpResponse) -> None:
                check_part(answer)
                api.check_content_range(answer.headers, start, length, blob.length)

            path, headers = api.blob_path(known.blob_id), api.range_header(start, length)
            self._part(known, path, api.RANGE, blob.runs(start, length), check, headers)

    @tag("range")
    @task
    def byte_range(self) -> None:
        """Read a part of a blob as an answer of its own."""
        if known := self._some_known():
            blob, start, length = self._stretch(known)
            path = api.byte_range_path(known.blob_id, start, length)
            self._part(known, path, api.BYTE_RANGE, blob.runs(start, length))

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
            if self.mix.quilts.read == "patch":
                path, label = api.patch_path(patches[name]), api.PATCH
            else:
                path, label = api.named_path(stored.blob_id, name), api.NAMED
            self._get(path, label, files[name].runs(), asked.ended)

    # -- blobs -----------------------------------------------------------------------------------

    def _store(self) -> Upload:
        """Upload a blob."""
        blob, again = self._next()
        found: list[api.Stored] = []

        def call() -> Response:
            path, headers = self._put(api.UPLOAD, blob.length)
            return self.client.request(
                "PUT", path, api.UPLOAD, True, data=blob.parts, headers=headers
            )

        asked = self._ask(call, checks_stored(found, blob.length), None)
        if asked.problem is not None:
            return Upload(blob, asked, None, outcome_of(asked.problem))
        blob_id, new, object_id = found[-1]
        self.extra.stored(new, again)
        known = Known(blob_id, object_id, blob.serial, asked.ended, new and not again)
        return Upload(blob, asked, known, "newlyCreated" if new else "alreadyCertified")

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
        untouched, known.new = known.new, False
        kind, name = (CACHED, api.CACHED) if known.read else (FIRST, api.FIRST)
        asked = self._get(api.blob_path(known.blob_id), name, blob.runs(), known.unseen_since)
        if asked.problem is None:
            if asked.attempts > 1:
                if kind == CACHED:
                    self.extra.read_again(asked.elapsed)
            elif untouched or kind == CACHED:
                state = api.cache_state(asked.response.headers)
                self.extra.read(kind, asked.elapsed, state)
            known.unseen_since, known.read = None, True
        return asked

    def _part(
        self,
        known: Known,
        path: str,
        name: str,
        runs: Sequence[Run],
        check: Callable[[HttpResponse], None] = check_read,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Read a blob in another way than as a whole by its id."""
        known.new = False
        self._saw(known, self._get(path, name, runs, known.unseen_since, check, headers))

    def _saw(self, known: Known, asked: Asked[Response]) -> None:
        if asked.problem is None:
            known.unseen_since = None

    def _some_known(self) -> Known | None:
        """A blob that this process uploaded; one more upload where there is none."""
        if self.known:
            return self.draws.choice(self.known)
        upload = self._store()
        self._note(upload)
        return upload.known

    def _remember(self, known: Known) -> None:
        """Let other tasks have a blob, once its own one is done with it."""
        if len(self.known) < KNOWN:
            self.known.append(known)
        else:
            self.known[int(self.draws.random() * KNOWN)] = known

    def _stretch(self, known: Known) -> tuple[Blob, int, int]:
        """A blob of which a part is to be read: which bytes."""
        blob = self.pool.blob(known.serial)
        length = self.draws.randint(1, min(self.mix.longest_range * 1024, blob.length))
        return blob, self.draws.randint(0, blob.length - length), length

    def _note(self, upload: Upload, reads: Sequence[Asked[Response]] = ()) -> None:
        """Remember a blob, tell the summary of it, and the terminal."""
        blob, asked, known, status = upload
        if known is not None:
            self._remember(known)
        attempts, seconds = asked.attempts, list[float | None]()
        for read in reads:
            attempts += read.attempts
            if read.problem is None:
                seconds.append(read.elapsed)
            else:
                seconds.append(None)
                status = outcome_of(read.problem)
        first, cached = (*seconds, None, None)[:2]
        row = Row(
            start=asked.began,
            blob_id=None if known is None else known.blob_id,
            upload=None if known is None else asked.elapsed,
            size=blob.length,
            first=first,
            cached=cached,
            status=status,
            verified=cached is not None,  # which nobody asks for unless the first was right
            attempts=attempts,
        )
        self.extra.add(row)
        if self._tells:
            self.lines.tell(row)
