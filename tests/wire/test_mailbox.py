"""What a client does with its datagrams: whose they are, when to ask again, what it keeps."""

import random

import pytest

from gauntlet.wire import chunks, cloud
from gauntlet.wire.chunks import CHUNK, Missing
from gauntlet.wire.mailbox import (
    Answer,
    Mailbox,
    NothingCame,
    PiecesMissing,
    Rule,
    TotalExceeded,
)

NODE, OTHER = ("127.0.0.1", 8001), ("127.0.0.1", 8002)
LONGEST = 40 * CHUNK


def answer_to(request_id: str, length: int = 60_000) -> bytes:
    array = b"[" + b"7," * (length // 2) + b"7]"
    return cloud.response(cloud.ENCRYPTED, request_id, array)


def waiting(request_id: str = "mine", rule: Rule | None = None) -> Mailbox:
    mailbox = Mailbox(rule or Rule(), LONGEST)
    mailbox.begin(request_id, cloud.ENCRYPTED, 0.0)
    return mailbox


def deliver(mailbox: Mailbox, datagrams: list[bytes], now: float = 1.0) -> list[Answer]:
    found = [mailbox.take(one, NODE, now) for one in datagrams]
    return [one for one in found if one is not None]


@pytest.mark.parametrize(
    "datagrams",
    [
        pytest.param([answer_to("mine", 100)], id="bare"),
        pytest.param(chunks.split(answer_to("mine", 100), "a"), id="in one packet"),
        pytest.param(chunks.split(answer_to("mine"), "a"), id="in two"),
        pytest.param(chunks.split(answer_to("mine"), "a")[::-1], id="in two, the last first"),
    ],
)
def test_an_answer_is_found_in_every_framing(datagrams: list[bytes]) -> None:
    mailbox = waiting()
    (answer,) = deliver(mailbox, datagrams)
    assert answer.message.fields["success"] is True
    assert mailbox.held == 0


def test_answers_to_others_are_late_and_dropped() -> None:
    mailbox = waiting()
    late = [*chunks.split(answer_to("earlier", 100_000), "a"), answer_to("earlier", 100)]
    assert not deliver(mailbox, late)
    assert (mailbox.tally.late, mailbox.held) == (len(late), 0)
    assert len(deliver(mailbox, chunks.split(answer_to("mine"), "b"))) == 1


def test_a_second_copy_is_a_duplicate() -> None:
    mailbox = waiting()
    pieces = chunks.split(answer_to("mine"), "a")
    assert len(deliver(mailbox, [pieces[0], *pieces])) == 1
    assert not deliver(mailbox, pieces)
    assert mailbox.tally.duplicates == 1 + len(pieces)


def test_what_was_under_way_is_late_for_the_next_request() -> None:
    mailbox = waiting()
    pieces = chunks.split(answer_to("mine"), "a")
    deliver(mailbox, pieces[:1])
    mailbox.begin("next", cloud.ENCRYPTED, 2.0)
    assert not deliver(mailbox, pieces[1:])
    assert (mailbox.held, mailbox.tally.late) == (0, 1)


def test_after_silence_missing_pieces_are_asked_for_where_the_first_came_from() -> None:
    mailbox = waiting()
    pieces = chunks.split(answer_to("mine", 200_000), "a")
    mailbox.take(pieces[1], OTHER, 1.0)
    mailbox.take(pieces[0], NODE, 2.0)
    assert mailbox.deadline == 7.0
    ((wish, address),) = mailbox.silence(7.0)
    assert (chunks.parse(wish), address) == (Missing("a", (2, 3, 4)), OTHER)
    assert mailbox.deadline == 12.0
    (answer,) = deliver(mailbox, pieces[2:], 8.0)
    assert (answer.rounds, answer.recovered, answer.pieces) == (1, 3, 5)
    assert mailbox.tally.recovered == 3


def test_no_more_than_fifty_are_asked_for_at_once_and_no_more_than_three_times() -> None:
    rule = Rule(total_s=1000.0)
    mailbox = Mailbox(rule, 200 * CHUNK)
    mailbox.begin("mine", cloud.ENCRYPTED, 0.0)
    pieces = chunks.split(answer_to("mine", 100 * CHUNK), "a")
    mailbox.take(pieces[3], NODE, 1.0)
    for number in range(3):
        ((wish, _),) = mailbox.silence(10.0 + number)
        missing = chunks.parse(wish)
        assert isinstance(missing, Missing)
        assert missing.indices == tuple(index for index in range(51) if index != 3)
    with pytest.raises(PiecesMissing) as caught:
        mailbox.silence(20.0)
    assert (caught.value.missing, caught.value.total) == (len(pieces) - 1, len(pieces))


def test_deadlines_are_real() -> None:
    mailbox = waiting(rule=Rule(first_byte_s=2.0, idle_s=5.0, total_s=6.0))
    assert mailbox.deadline == 2.0
    with pytest.raises(NothingCame):
        mailbox.silence(2.0)
    mailbox.take(chunks.split(answer_to("mine"), "a")[0], NODE, 1.5)
    assert mailbox.deadline == 6.0
    with pytest.raises(TotalExceeded):
        mailbox.silence(6.0)


def multi(chunk_id: str, at: int, total: int, data: bytes) -> bytes:
    (piece,) = chunks.split(data, chunk_id)
    text = piece.removeprefix(b'{"SinglePacket":"').removesuffix(b'"}')
    head = f'{{"MultiPacket":{{"chunk_id":"{chunk_id}","chunk_index":{at},"total_chunks":{total},'
    return head.encode() + b'"data":"' + text + b'"}}'


def test_strangers_cannot_make_it_grow_nor_push_out_what_is_ours() -> None:
    mailbox = waiting()
    ours = chunks.split(answer_to("mine", 150_000), "ours")
    assert not deliver(mailbox, ours[:2])
    source = random.Random(5)
    for number in range(800):
        junk = source.randbytes(source.randrange(2000, 20_000))
        for datagram in (
            multi(f"spoofed-{number}", source.randrange(1, 9), 10, junk),
            multi(f"huge-{number}", 0, 2**31, junk),
            multi(f"long-{number}", 1, 5000, junk),
            multi(f"negative-{number}", -1, 10, junk),
            multi(f"nameless-{number}", 0, 10, junk),
            multi(f"nameless-{number}", 1, 10, junk),
            multi("ours", 2, 99, junk),
            junk,
        ):
            mailbox.take(datagram, OTHER, 1.0)
        assert mailbox.held <= 2 * LONGEST
    assert mailbox.tally.strange > 2400
    assert len(deliver(mailbox, ours[2:])) == 1
    assert mailbox.held == 0
    assert len(mailbox._over) <= 256


def test_an_id_that_is_spoofed_does_not_stand_for_ours() -> None:
    mailbox = waiting()
    spoofed = chunks.split(answer_to("mine2", 100_000), "x")
    assert not deliver(mailbox, spoofed)
    wrong_kind = cloud.response(cloud.DECRYPTED, "mine", b"[1]")
    assert not deliver(mailbox, [wrong_kind])
    assert mailbox.tally.late == len(spoofed) + 1
