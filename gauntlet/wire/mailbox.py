"""What a client does with the datagrams on its socket: whose they are, when to ask for more.

    mailbox.begin("P01_I001", cloud.ENCRYPTED, now)
    answer = mailbox.take(datagram, sender, now)     # an Answer once the last piece is there
    for datagram, address in mailbox.silence(now):   # at mailbox.deadline: what to send
        ...

The rule is the original tester's: after a silence pieces that lack are asked for again, at most
WISHES of them and ROUNDS times, at the address that the first piece came from. Beyond it: answers
count from any port, and belong to a request by its id; what belongs to none is counted and dropped,
and no sender can make the mailbox keep more than its limits. No I/O and no clock: times are
arguments, in seconds.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

from gauntlet.wire import chunks, cloud
from gauntlet.wire.chunks import Assembly, Packet, Partial
from gauntlet.wire.cloud import Message

WISHES = 50
ROUNDS = 3
UNKNOWN = 16
"""Messages kept of which nobody knows yet whose they are."""
REMEMBERED = 256
"""Ids of messages that are done with."""


class NothingCame(Exception):
    """Not one piece of an answer came in time."""


class TotalExceeded(Exception):
    """The answer did not end in time."""


class PiecesMissing(Exception):
    """Pieces of an answer did not come, although they were asked for."""

    def __init__(self, missing: int, total: int, rounds: int) -> None:
        self.missing, self.total, self.rounds = missing, total, rounds
        super().__init__(f"missing {missing}/{total} chunks after {rounds} retries")


class Rule(NamedTuple):
    """Patience in seconds; how often pieces are asked for again, and how many at a time."""

    first_byte_s: float = 5.0
    idle_s: float = 5.0
    total_s: float = 30.0
    rounds: int = ROUNDS
    wishes: int = WISHES


class Answer(NamedTuple):
    """A whole answer, and how it came; moments by the clock of whoever calls the mailbox."""

    message: Message
    size: int
    """Bytes of its text."""
    first_at: float
    last_at: float
    pieces: int
    rounds: int
    recovered: int


@dataclass(slots=True)
class Tally:
    """Counts over the life of a socket."""

    datagrams: int = 0
    received: int = 0
    late: int = 0
    """Datagrams of answers that nobody waits for."""
    duplicates: int = 0
    strange: int = 0
    """Datagrams that are no piece of an answer."""
    wishes: int = 0
    """Requests to send pieces again."""
    recovered: int = 0
    """Pieces that came after such a request."""

    def copy(self) -> "Tally":
        """The counts as they are now."""
        return replace(self)


class Mailbox:
    """The receiving side of one socket; one request at a time."""

    def __init__(self, rule: Rule, longest: int) -> None:
        """`longest` is the most that all pieces of an answer may have, in bytes."""
        self._rule = rule
        # Two limits, so that what a stranger sends cannot push out what is known to be ours.
        self._ours = Assembly(messages=4, size=longest, age_s=1e9)
        self._unknown = Assembly(messages=UNKNOWN, size=longest, age_s=1e9)
        self._over: OrderedDict[str, bool] = OrderedDict()
        """Chunk ids of messages that are over, and whether they were ours."""
        self.tally = Tally()
        self._request_id, self._kind = "", ""
        self._began = self._last = 0.0
        self._first: float | None = None

    @property
    def rounds(self) -> int:
        """How often pieces of the answer that is awaited were asked for again."""
        return max((partial.rounds for partial in self._partials), default=0)

    @property
    def held(self) -> int:
        """Bytes of pieces that are kept."""
        return self._ours.held + self._unknown.held

    def begin(self, request_id: str, kind: str, now: float) -> None:
        """A request was sent, whose answer is of that kind; what was under way is late now."""
        self.end()
        self._request_id, self._kind, self._began = request_id, kind, now
        self._first = None

    def end(self) -> None:
        """Nobody waits any more."""
        for partial in self._partials:
            self._remember(partial.chunk_id, False)
        self._ours.clear()
        self._unknown.clear()
        self._request_id = ""

    @property
    def deadline(self) -> float:
        """When `silence` is to be called."""
        rule = self._rule
        wait = self._began + rule.first_byte_s if self._first is None else self._last + rule.idle_s
        return min(wait, self._began + rule.total_s)

    def take(self, datagram: bytes, sender: Any, now: float) -> Answer | None:
        """Look at a datagram; the answer once it is whole."""
        tally = self.tally
        tally.datagrams += 1
        tally.received += len(datagram)
        packet = chunks.parse(datagram)
        if not isinstance(packet, Packet):
            return self._whole(datagram, Partial("", 1, sender, now), now)
        if packet.total == 1 and not packet.chunk_id:
            return self._whole(packet.data, Partial("", 1, sender, now), now)
        if (ours := self._over.get(packet.chunk_id)) is not None:
            tally.late += not ours
            tally.duplicates += ours
            return None
        return self._piece(packet, sender, now)

    def silence(self, now: float) -> list[tuple[bytes, Any]]:
        """What to send, and where, now that nothing came for so long; raises why it is over."""
        if now >= self._began + self._rule.total_s:
            raise TotalExceeded
        if self._first is None:
            raise NothingCame
        partials = self._partials
        worst = min(partials, key=lambda one: one.total - len(one.pieces), default=None)
        if worst is None:
            raise NothingCame
        if worst.rounds >= self._rule.rounds:
            raise PiecesMissing(worst.total - len(worst.pieces), worst.total, worst.rounds)
        self._last = now
        wishes = []
        for partial in partials[:4]:
            partial.rounds += 1
            lacking = list(islice(partial.missing, self._rule.wishes))
            wishes.append((chunks.ask_again(partial.chunk_id, lacking), partial.sender))
        self.tally.wishes += len(wishes)
        return wishes

    def _piece(self, packet: Packet, sender: Any, now: float) -> Answer | None:
        chunk_id = packet.chunk_id
        known = self._ours.get(chunk_id) or self._unknown.get(chunk_id)
        told = cloud.id_at(packet.data) if packet.at == 0 else None
        if told is not None and told != self._request_id:
            self._forget(chunk_id)
            self.tally.late += 1
            return None
        is_ours = told is not None or self._ours.get(chunk_id) is not None
        table = self._ours if is_ours else self._unknown
        if is_ours and known is not None and self._ours.get(chunk_id) is None:
            self._unknown.drop(chunk_id)
            self._ours.put(chunk_id, known)
        before = (known.duplicates, known.recovered) if known is not None else (0, 0)
        partial = table.add(chunk_id, packet, sender, now)
        if partial is None:
            self.tally.strange += 1
            return None
        self.tally.duplicates += partial.duplicates - before[0]
        self.tally.recovered += partial.recovered - before[1]
        self._note_arrival(now)
        return self._whole(partial.message(), partial, now) if partial.complete else None

    def _whole(self, text: bytes, partial: Partial, now: float) -> Answer | None:
        message = cloud.read(text)
        tally, chunk_id = self.tally, partial.chunk_id
        ours = (
            message is not None
            and message.kind == self._kind
            and message.request_id == self._request_id
            and bool(self._request_id)
        )
        if chunk_id:
            self._forget(chunk_id, ours)
        if message is None or not ours:
            late = message is not None and message.kind in (cloud.ENCRYPTED, cloud.DECRYPTED)
            tally.late += late
            tally.strange += not late
            return None
        self._note_arrival(now)
        assert self._first is not None
        answer = Answer(
            message, len(text), self._first, now, partial.total, partial.rounds, partial.recovered
        )
        self.end()
        return answer

    def _note_arrival(self, now: float) -> None:
        self._last = now
        if self._first is None:
            self._first = now

    @property
    def _partials(self) -> list[Partial]:
        return [*self._ours.partials, *self._unknown.partials]

    def _forget(self, chunk_id: str, ours: bool = False) -> None:
        self._ours.drop(chunk_id)
        self._unknown.drop(chunk_id)
        self._remember(chunk_id, ours)

    def _remember(self, chunk_id: str, ours: bool) -> None:
        self._over[chunk_id] = ours
        while len(self._over) > REMEMBERED:
            self._over.popitem(last=False)
