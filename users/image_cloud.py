"""Users of the image cloud: a picture to one of several servers, and what comes back looked into.

| task      | tag     | request                                                               |
|-----------|---------|-----------------------------------------------------------------------|
| `encrypt` | encrypt | UDP `EncryptionRequest`: a picture of its own, to a server by lot      |
| `decrypt` | decrypt | UDP `DecryptionRequest`: a picture that a server encrypted before     |

Weights, pictures and manners come from `profiles/image_cloud/mix.yaml`. A request has all of its
attempts in its time, which ends when the answer is judged by form. A share of the answers is looked
into to the pixel, in a thread, so that no other user waits for it; what it finds decides over the
request. `server` is the one that was asked.
"""

from collections.abc import Iterator
from itertools import count
from time import time
from typing import Any, ClassVar, NamedTuple

import gevent
from locust import User, tag, task
from locust.env import Environment

from gauntlet.addresses import servers
from gauntlet.clients.image_cloud import (
    LONGEST_ANSWER,
    ImageCloudClient,
    NoAnswer,
    PacketLoss,
    Reply,
    Request,
)
from gauntlet.errors import UsageError, WrongAnswer
from gauntlet.measure.outcomes import outcome_of
from gauntlet.mixes.image_cloud import ImageCloudMix
from gauntlet.payloads.arrays import Numbered, NumberedPool, serial_of
from gauntlet.payloads.pictures import PicturePool
from gauntlet.payloads.stamps import SUFFIXES
from gauntlet.report.images import ImageSummary, Row
from gauntlet.user import Preparation, SuiteUser, wait, weigh
from gauntlet.wire import scramble
from gauntlet.wire.mailbox import Rule, Tally
from gauntlet.wire.scramble import Metadata
from gauntlet.wire.verify import Verified, verify, verify_plain

from ._image_cloud_files import Keeper

KNOWN = 4
"""Encrypted pictures that a process remembers, to have them decrypted."""
THREADS = 2
"""That look into answers; more would only take the processor from the load."""
PROBE = 0
"""Serial of the preflight's picture, which no user has."""


class Label(NamedTuple):
    """What a picture is called."""

    process: int
    image: int
    serial: int


class Known(NamedTuple):
    """An encrypted picture, as its array of numbers, and the place of its original in the pool."""

    array: bytes
    place: int


class ImageCloudUser(SuiteUser, User):
    """One client of all servers, with a socket of its own; subclass it in a locustfile."""

    abstract = True
    system = "image_cloud"

    mix: ClassVar[ImageCloudMix]
    pool: ClassVar[NumberedPool]
    metadata: ClassVar[Metadata]
    keeper: ClassVar[Keeper]
    extra: ClassVar[ImageSummary] = ImageSummary()
    known: ClassVar[list[Known]] = []
    seed: ClassVar[int] = 0
    worker: ClassVar[int] = 0
    threads: ClassVar[Any] = None
    _numbers: ClassVar[Iterator[int]] = count(1)
    _made_for: ClassVar[tuple[object, ...]] = ()
    iteration: int | None = None
    """The number of the iteration, where the run has so many and no more."""

    @classmethod
    def configure(cls, mix: ImageCloudMix) -> None:
        """Take over weights, wait time, pictures and manners."""
        cls.mix = mix
        cls.metadata = Metadata(mix.encryption.usernames, mix.encryption.quota)
        cls.keeper = Keeper(mix.output, SUFFIXES[mix.pictures.format])
        cls.extra.asked_buffer = mix.sending.receive_buffer
        cls.extra.metrics = mix.output.place("metrics") if mix.output.any else None
        weigh(cls, mix.weights.model_dump())
        wait(cls, mix.seconds)

    @classmethod
    def prepare(cls, preparation: Preparation) -> None:
        """Draw the pictures, code them, and make the order in which their pixels come back."""
        cls.known = []
        cls.seed, cls.worker = preparation.seed, preparation.worker
        cls._numbers = count(1)
        pictures = cls.mix.pictures
        # The same pictures in every process: a label stands for one picture, whoever sends it.
        key: tuple[object, ...] = (preparation.seed, pictures)
        if cls._made_for != key:
            cls.pool = NumberedPool(
                PicturePool.make(
                    size=(pictures.width, pictures.height),
                    seed=preparation.seed,
                    count=pictures.count,
                    quality=pictures.quality,
                    format=pictures.format,
                    pause=preparation.pause,
                )
            )
            cls._made_for = key
        if cls.mix.verify.share:
            scramble.warm(cls.metadata.seed, pictures.width * pictures.height)
            for place in range(len(cls.pool)):
                _ = cls.pool.original(place).pixels
                preparation.pause()

    @classmethod
    def preflight(cls, host: str, tasks: set[str]) -> Iterator[str]:
        """Have each server encrypt a picture once."""
        listed = servers(host)
        try:
            client = cls._client(listed, attempts=1)
        except OSError as error:
            yield f"the servers have no address: {error.strerror or error}"
            return
        numbered = cls.pool.picture(PROBE)
        for number, server in enumerate(listed, 1):
            reply = client.encrypt(server, cls._request(f"preflight_{number}", 0, numbered))
            if reply.error is None and reply.answer is not None:
                found = cls._look("encrypt", numbered.place, reply.answer.message.picture())
                if found.right:
                    continue
                yield f"EncryptionRequest to {server} answered wrongly: {found.error}"
            elif isinstance(reply.error, WrongAnswer):
                yield f"EncryptionRequest to {server} answered wrongly: {reply.error}"
            else:
                yield f"EncryptionRequest to {server} got no answer: {reply.error}"
        client.close()

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        assert self.host is not None
        self.servers = servers(self.host)
        try:
            self.client = self._client(self.servers, self.mix.answers.attempts)
        except OSError as error:
            raise UsageError(f"host: expected servers with an address, got none: {error}") from None
        self.extra.granted(self.client.receive_buffer)
        number = next(self._numbers)
        self.number = self.worker * 100_000 + number
        self._images = count(1)
        self._decrypts = any(getattr(one, "__name__", "") == "decrypt" for one in self.tasks)
        self._told = Tally()

    def on_stop(self) -> None:
        """Give the socket back."""
        self.client.close()

    # -- tasks -----------------------------------------------------------------------------------

    @tag("encrypt")
    @task
    def encrypt(self) -> None:
        """Have a picture encrypted."""
        label = self._label()
        numbered = self.pool.picture(label.serial)
        if self.keeper.tests:
            self._aside(
                self.keeper.test_image, label.process, label.image, numbered.picture.content
            )
        name = f"P{label.process:02d}_I{label.image:03d}_{int(time())}"
        request = self._request(name, label.process, numbered)
        reply = self.client.encrypt(self.draws.choice(self.servers), request)
        array = None if reply.answer is None else reply.answer.message.array
        if reply.error is None and array is not None:
            # The text of an answer is large: only what is wanted again is kept.
            if self._decrypts:
                self._remember(Known(bytes(array), numbered.place))
        found = self._verified("encrypt", label, numbered.place, reply)
        self._report("encrypt", label, reply, found, numbered.picture.length)

    @tag("decrypt")
    @task
    def decrypt(self) -> None:
        """Have a picture decrypted that a server encrypted."""
        if not self.known:
            self.encrypt()
        if not self.known:
            return
        known = self.draws.choice(self.known)
        label = self._label()
        name = f"D{label.process:02d}_I{label.image:03d}_{int(time())}"
        wanted = self.metadata
        request = Request(
            name, f"worker_{label.process}", (known.array,), wanted.usernames, wanted.quota
        )
        reply = self.client.decrypt(self.draws.choice(self.servers), request)
        found = self._verified("decrypt", label, known.place, reply)
        self._report("decrypt", label, reply, found, known.array.count(b",") + 1)

    # -- parts of them ---------------------------------------------------------------------------

    @classmethod
    def _client(cls, listed: list[str], attempts: int) -> ImageCloudClient:
        answers, sending, pictures = cls.mix.answers, cls.mix.sending, cls.mix.pictures
        return ImageCloudClient(
            listed,
            Rule(answers.first_byte, answers.idle, answers.total),
            pacing_s=sending.pacing_s,
            attempts=attempts,
            pause_s=answers.pause,
            longest=max(LONGEST_ANSWER, 16 * pictures.width * pictures.height),
            receive_buffer=sending.receive_buffer,
        )

    @classmethod
    def _request(cls, name: str, process: int, numbered: Numbered) -> Request:
        wanted = cls.metadata
        return Request(name, f"worker_{process}", numbered.array, wanted.usernames, wanted.quota)

    def _label(self) -> Label:
        """Process and image of the next picture, and its serial.

        With logical processes the number of the iteration decides, whoever runs it: each label
        comes once. Without, each user counts for itself.
        """
        logical, number = self.mix.processes, self.iteration
        if logical.count and number is not None:
            process, image = number % logical.count + 1, number // logical.count + 1
            if logical.only is not None:
                process, image = logical.only, number + 1
            return Label(process, image, serial_of(process, image))
        image = next(self._images)
        # Iterations that are numbered for all have serials that no other has; users have their own.
        serial = serial_of(self.number, image) if number is None else self.draws.serial()
        return Label(self.number, image, serial)

    def _remember(self, known: Known) -> None:
        if len(self.known) < KNOWN:
            self.known.append(known)
        else:
            self.known[self.draws.randrange(KNOWN)] = known

    def _verified(self, what: str, label: Label, place: int, reply: Reply) -> Verified | None:
        """Look into an answer, and keep it, where the mix wants it; None where nobody looked."""
        if reply.error is not None or reply.answer is None:
            return None
        keeps = what == "encrypt" and self.keeper.encrypted
        looks = self.draws.random() < self.mix.verify.share
        if not keeps and not looks:
            return None
        message = reply.answer.message

        def look() -> Verified | None:
            try:
                data = message.picture()
            except ValueError:
                return Verified(False, error="no bytes in the array")
            if keeps:
                self.keeper.encrypted_image(label.process, label.image, data)
            return self._look(what, place, data) if looks else None

        found: Verified | None = self._aside(look)
        return found

    @classmethod
    def _look(cls, what: str, place: int, data: bytes) -> Verified:
        original, tolerance = cls.pool.original(place), cls.mix.verify.tolerance
        if what == "encrypt":
            return verify(data, original, cls.metadata, tolerance)
        return verify_plain(data, original, cls.metadata.bits, tolerance)

    @classmethod
    def _aside(cls, call: Any, *arguments: Any) -> Any:
        """Run in a thread; only the greenlet that asks waits."""
        if cls.threads is None:
            cls.threads = gevent.get_hub().threadpool_class(THREADS, hub=gevent.get_hub())
        return cls.threads.apply(call, arguments)

    def _report(
        self, what: str, label: Label, reply: Reply, found: Verified | None, size: int
    ) -> None:
        error = reply.error if found is None or found.right else _wrong(found)
        answer = reply.answer
        context: dict[str, Any] = {
            "server": reply.server,
            "sent": reply.sent,
            "attempts": reply.attempts,
        }
        if reply.first_byte is not None:
            context["time_to_first_byte"] = reply.first_byte * 1000
        if found is not None and error is None:
            context["verified"] = True
        self.environment.events.request.fire(
            request_type="UDP",
            name="EncryptionRequest" if what == "encrypt" else "DecryptionRequest",
            response_time=reply.elapsed * 1000,
            response_length=answer.size if answer else 0,
            response=None,
            context=context,
            exception=error,
            start_time=reply.began,
            url=f"udp://{reply.server}",
        )
        self._count(reply, found)
        self.extra.add(
            Row(
                start=reply.began,
                process=label.process,
                image=label.image,
                task=what,
                request_id=reply.request_id,
                server=reply.server,
                success=error is None,
                latency=round(reply.latency, 6),
                total_time=round(reply.elapsed, 6),
                first_byte=reply.first_byte,
                attempts=reply.attempts,
                pieces=reply.pieces,
                missing=reply.missing,
                rounds=reply.rounds,
                recovered=reply.recovered,
                image_size=size,
                encrypted_size=reply.size,
                verified=None if found is None else found.right,
                error=None if error is None else _told(error, reply),
            )
        )

    def _count(self, reply: Reply, found: Verified | None) -> None:
        """Tell the summary what came since the last picture."""
        now, before = self.client.tally, self._told
        self.extra.count(
            datagrams_out=reply.sent_datagrams,
            bytes_out=reply.sent,
            datagrams_in=now.datagrams - before.datagrams,
            bytes_in=now.received - before.received,
            late=now.late - before.late,
            duplicates=now.duplicates - before.duplicates,
            strange=now.strange - before.strange,
            wishes=now.wishes - before.wishes,
            recovered=now.recovered - before.recovered,
            recovered_answers=int(reply.error is None and reply.rounds > 0),
            nothing=int(isinstance(reply.error, NoAnswer)),
            partial=int(isinstance(reply.error, PacketLoss)),
        )
        self._told = now.copy()
        if found is not None:
            self.extra.count(
                verified=int(found.right),
                readable=int(found.readable),
                as_requested=int(found.as_requested is True),
                equal=int(found.equal is True),
            )


def _wrong(found: Verified) -> WrongAnswer:
    """What the verification found, as a class of failures."""
    if not found.readable:
        return WrongAnswer("metadata unreadable", found.error or "no metadata")
    if found.as_requested is False:
        return WrongAnswer("wrong metadata", "expected the names and the quota that were asked for")
    return WrongAnswer("wrong pixels", "expected the pixels of the original within the tolerance")


def _told(error: BaseException, reply: Reply) -> str:
    """A failure as the list of pictures names it, with its numbers."""
    if isinstance(error, PacketLoss):
        return (
            f"UDP packet loss: missing {error.missing}/{error.total} chunks after "
            f"{error.rounds} retries"
        )
    return f"{outcome_of(error)}: {error}" if not isinstance(error, WrongAnswer) else str(error)
