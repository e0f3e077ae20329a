"""Users of the TCP file server: lists, downloads, uploads, each answer verified.

| task     | tag    | operation                                    | statistics name |
|----------|--------|----------------------------------------------|-----------------|
| `list`   | list   | LIST                                         | `LIST`          |
| `get`    | get    | GET of a served file or of an own upload     | `GET 10MB`      |
| `upload` | upload | UPLOAD of a unique file, DELETE of it after  | `UPLOAD 10MB`   |

Weights, volumes and manners come from `profiles/file_server/mix.yaml`. A time reaches from the
connect, where the operation makes one, to the verified result. An upload is right if the answer is
OK and the name holds the MD5 of its bytes. A download is right if it has the length and the hash of
its source: of the own upload, of the manifest (`--files-manifest`), else of the first download of
that name, which is told as unverified source. The request type is TCP.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar

import gevent
from locust import User, tag, task
from locust.env import Environment

from gauntlet.clients import file_server as api
from gauntlet.clients.file_server import Deadlines, FileClient, FileServerError
from gauntlet.errors import WrongAnswer
from gauntlet.mixes import FileServerMix
from gauntlet.payloads import manifest
from gauntlet.payloads.files import FilePool
from gauntlet.report.file_server import MEGABYTE, TransferSummary
from gauntlet.user import Preparation, SuiteUser, wait, weigh

logger = logging.getLogger(__name__)

T = TypeVar("T")

TYPE = "TCP"
PREFLIGHT = Deadlines(connect=5.0, handshake=10.0, idle=10.0, total=60.0)
PROBE_BYTES = 1024
"""Of the preflight's upload."""
NOTHING_TO_GET_S = 0.1
"""A download that is skipped takes so long, lest users without a file spin."""


class Kept(NamedTuple):
    """An own upload that the server still has."""

    name: str
    xxh3: str


class FileServerUser(SuiteUser, User):
    """One client of the file server; subclass it in a locustfile."""

    abstract = True
    system = "file_server"
    extra: ClassVar[TransferSummary] = TransferSummary()

    mix: ClassVar[FileServerMix]
    pool: ClassVar[FilePool]
    kept: ClassVar[dict[int, Kept]] = {}
    served: ClassVar[Mapping[str, str] | None] = None
    """Names that the server listed, by themselves in lower case."""
    first: ClassVar[dict[str, str]] = {}
    """Hashes of first downloads, by name."""
    warned: ClassVar[set[int]] = set()
    _made_for: ClassVar[tuple[object, ...]] = ()

    @classmethod
    def configure(cls, mix: FileServerMix) -> None:
        """Take over weights, wait time and volumes."""
        cls.mix = mix
        weigh(cls, mix.weights.model_dump())
        wait(cls, mix.seconds)

    @classmethod
    def prepare(cls, preparation: Preparation) -> None:
        """Make the block that uploads are made of, and their hashes up to the stamp."""
        cls.kept, cls.first, cls.served, cls.warned = {}, {}, None, set()
        key = (preparation.seed, preparation.worker, cls.mix.volumes, preparation.repeats)
        if cls._made_for == key:
            return
        cls._made_for = key
        sizes = [PROBE_BYTES, *(volume * MEGABYTE for volume in cls.mix.volumes)]
        # The server may still have the uploads of an earlier run: those of the next one are new.
        stream = preparation.worker, *filter(None, [preparation.repeats])
        cls.pool = FilePool.make(sizes, preparation.seed, stream, preparation.pause)

    @classmethod
    def preflight(cls, host: str, tasks: set[str]) -> Iterator[str]:
        """List; download the smallest volume; upload a kilobyte, and delete it."""
        client = FileClient(api.address_of(host), PREFLIGHT)
        names: dict[str, str] = {}
        yield from _probe("LIST", lambda: names.update(_by_name(client.names())))
        if "get" in tasks and cls.mix.read == "served" and names:
            found = [names[one] for one in map(_served, sorted(cls.mix.volumes)) if one in names]
            if found:
                yield from _probe("GET", lambda: client.get(found[0], lambda _: None))
        if "upload" in tasks or cls.mix.read == "own":
            file = cls.pool.next(PROBE_BYTES)
            yield from _probe("UPLOAD", lambda: client.delete(client.upload(file)))
        client.close()

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        given = self.mix.deadlines
        deadlines = Deadlines(given.connect, given.handshake, given.idle, given.total)
        self.client = FileClient(api.address_of(str(self.host)), deadlines, self.extra.watch)
        self._hashes: Mapping[str, str] = getattr(environment.parsed_options, "files_hashes", {})

    def run(self) -> None:  # type: ignore[misc]  # Locust's, and what closes the connection
        """Live from `on_start` to `on_stop`; Locust calls it."""
        try:
            super().run()
        finally:
            self.client.close()

    def on_stop(self) -> None:
        """Delete the uploads that were kept for reading."""
        if not self.mix.keep_uploads:
            while self.kept:
                _, upload = self.kept.popitem()
                self._delete(upload.name)
        self._leave()

    # -- tasks -----------------------------------------------------------------------------------

    @tag("list")
    @task
    def list(self) -> None:
        """Ask which files there are."""
        self._list()
        self._leave()

    @tag("get")
    @task
    def get(self) -> None:
        """Download a file and compare it with its source."""
        volume = self.draws.choice(self.mix.volumes)
        if self.mix.read == "own":
            self._get_own(volume)
        else:
            self._get_served(volume)
        self._leave()

    @tag("upload")
    @task
    def upload(self) -> None:
        """Upload a file that nobody had before; delete it again."""
        kept = self._upload(self.draws.choice(self.mix.volumes))
        if kept is not None and not self.mix.keep_uploads:
            self._delete(kept.name)
        self._leave()

    # -- operations ------------------------------------------------------------------------------

    def _list(self) -> None:
        names = self._call("LIST", self.client.names)
        if names is not None:
            type(self).served = _by_name(names)

    def _get_served(self, volume: int) -> None:
        wanted = _served(volume)
        if self.served is None:
            self._list()
        name = (self.served or {}).get(wanted)
        if name is None:
            if self.served is not None:
                self._skip(volume)
            gevent.sleep(NOTHING_TO_GET_S)
            return
        known = self._hashes.get(wanted) or self.first.get(wanted)
        found = self._get(volume, name, known, verified=wanted in self._hashes)
        if found is not None and wanted not in self._hashes:
            self.first.setdefault(wanted, found)
            self.extra.count("unverified source")

    def _get_own(self, volume: int) -> None:
        kept = self.kept.get(volume)
        if kept is None:
            kept = self._upload(volume)
            if kept is None:
                return
            self.kept.setdefault(volume, kept)
            if self.kept[volume] is not kept:  # another user was quicker
                self._delete(kept.name)
                kept = self.kept[volume]
        self._get(volume, kept.name, kept.xxh3, verified=True)

    def _get(self, volume: int, name: str, known: str | None, verified: bool) -> str | None:
        """Download a file; its hash if it is right."""

        def operation() -> str:
            digest = manifest.new(known or "")
            length = self.client.get(name, digest.update)
            if length != volume * MEGABYTE:
                raise WrongAnswer("wrong length", "the file is not as long as its name says")
            found = digest.hexdigest()
            if known is not None and found != known:
                raise WrongAnswer("wrong bytes", "the file differs from its source")
            return found

        return self._call(f"GET {volume}MB", operation, volume * MEGABYTE, verified=verified)

    def _upload(self, volume: int) -> Kept | None:
        size = volume * MEGABYTE
        file = self.pool.file(size, self.draws.serial())
        name = self._call(
            f"UPLOAD {volume}MB", lambda: self.client.upload(file), size, verified=True
        )
        return None if name is None else Kept(name, file.xxh3)

    def _delete(self, name: str) -> None:
        self._call("DELETE", lambda: self.client.delete(name))

    def _call(
        self, name: str, operation: Callable[[], T], volume: int = 0, verified: bool = False
    ) -> T | None:
        """Do an operation and report it; None where it failed."""
        problem: Exception | None = None
        result: T | None = None
        began = time.time()
        try:
            result = operation()
        except (FileServerError, WrongAnswer) as error:
            problem = error
        call, word = self.client.call, name.partition(" ")[0]
        self.extra.note(call)
        context: dict[str, Any] = {**self.context()}
        if call.first_byte_s is not None:
            context["time_to_first_byte"] = call.first_byte_s * 1000
        if problem is None:
            if volume:
                self.extra.moved(word, volume, call, began + call.elapsed)
            if verified:
                context["verified"] = True
            if word == "UPLOAD":
                context["sent"] = volume
        self.environment.events.request.fire(
            request_type=TYPE,
            name=name,
            response_time=call.elapsed * 1000,
            response_length=volume if word == "GET" and problem is None else call.received,
            exception=problem,
            context=context,
            start_time=began,
            response=None,
            url=None,
        )
        return result

    def _skip(self, volume: int) -> None:
        self.extra.count("skipped")
        if volume not in self.warned:
            self.warned.add(volume)
            logger.warning(
                "GET %sMB: the server lists no %s; this volume is skipped", volume, _served(volume)
            )

    def _leave(self) -> None:
        """Give the worker free, unless connections are kept."""
        if self.mix.connection == "operation":
            self.client.close()


def _served(volume: int) -> str:
    return f"file_{volume}mb.bin"


def _by_name(names: Any) -> dict[str, str]:
    return {name.lower(): name for name in names}


def _probe(name: str, call: Callable[[], object]) -> Iterator[str]:
    try:
        call()
    except WrongAnswer as wrong:
        yield f"{name} answered wrongly: {wrong}"
    except FileServerError as error:
        yield f"{name} got no answer: {error}"
