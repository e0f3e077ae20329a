"""Envelopes: cut, parsed, put together, in bounded memory."""

import base64
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauntlet.wire import chunks
from gauntlet.wire.chunks import CHUNK, Assembly, Missing, Packet


def assembly(messages: int = 8, size: int = 1_000_000, age_s: float = 30.0) -> Assembly:
    return Assembly(messages=messages, size=size, age_s=age_s)


def test_a_short_message_is_one_packet() -> None:
    (datagram,) = chunks.split(b'"CoordinatorQuery"', "unused")
    assert json.loads(datagram) == {
        "SinglePacket": base64.b64encode(b'"CoordinatorQuery"').decode()
    }
    assert chunks.parse(datagram) == Packet("", 0, 1, b'"CoordinatorQuery"')


@pytest.mark.parametrize(("length", "count"), [(CHUNK, 1), (CHUNK + 1, 2), (3 * CHUNK, 3)])
def test_a_long_message_is_cut_every_chunk(length: int, count: int) -> None:
    message = random.Random(length).randbytes(length)
    datagrams = chunks.split(message, "an-id")
    assert len(datagrams) == count
    packets = [chunks.parse(one) for one in datagrams]
    assert b"".join(one.data for one in packets if isinstance(one, Packet)) == message


def test_a_full_datagram_is_as_long_as_a_nodes() -> None:
    message = bytes(11 * CHUNK)
    first = chunks.split(message, "0b8e4c1e-52a7-4f4b-9c55-3d1d2f6a7b10")[0]
    assert len(first) == 60_111


def test_an_envelope_with_blanks_and_in_another_order_is_read() -> None:
    fields = {"data": "AQI=", "total_chunks": 2, "chunk_index": 1, "chunk_id": "x"}
    datagram = json.dumps({"MultiPacket": fields}).encode()
    assert chunks.parse(datagram) == Packet("x", 1, 2, b"\x01\x02")


def test_a_wish_for_pieces_is_read_as_it_is_written() -> None:
    assert chunks.parse(chunks.ask_again("an-id", [1, 5])) == Missing("an-id", (1, 5))


def multi(**changes: object) -> bytes:
    fields = {"chunk_id": "x", "chunk_index": 0, "total_chunks": 2, "data": "AQI="} | changes
    return json.dumps({"MultiPacket": fields}, separators=(",", ":")).encode()


HOSTILE = {
    "nothing": b"",
    "no JSON": b"\xff\xfe",
    "a bare message": b'"CoordinatorQuery"',
    "a number": b"7",
    "two variants": b'{"SinglePacket":"","MultiPacket":{}}',
    "bad base64": b'{"SinglePacket":"*"}',
    "bad padding": b'{"SinglePacket":"AQI"}',
    "a negative index": multi(chunk_index=-1),
    "an index behind the end": multi(chunk_index=2),
    "a huge total": multi(total_chunks=2**31),
    "no total": multi(total_chunks=0),
    "a boolean as index": multi(chunk_index=True),
    "a fraction as index": multi(chunk_index=0.5),
    "an empty id": multi(chunk_id=""),
    "an endless id": multi(chunk_id="x" * 1000),
    "an id that is a number": multi(chunk_id=5),
    "a list as fields": b'{"MultiPacket":[1]}',
    "missing fields": b'{"MultiPacket":{"chunk_id":"x"}}',
    "negative wishes": b'{"RetransmitRequest":{"chunk_id":"x","missing_indices":[-1]}}',
    "wishes that are none": b'{"RetransmitRequest":{"chunk_id":"x","missing_indices":null}}',
}


@pytest.mark.parametrize("datagram", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_envelope_is_nothing(datagram: bytes) -> None:
    assert chunks.parse(datagram) is None


@given(st.binary(max_size=300))
def test_no_datagram_raises(datagram: bytes) -> None:
    assert chunks.parse(datagram) is None or datagram.startswith(b"{")


@given(st.integers(0, 2**32), st.integers(CHUNK + 1, 6 * CHUNK))
def test_order_and_copies_change_nothing(seed: int, length: int) -> None:
    source = random.Random(seed)
    message = source.randbytes(length)
    packets = [chunks.parse(one) for one in chunks.split(message, "x")]
    sent = packets + source.sample(packets, len(packets) // 2)
    source.shuffle(sent)
    table = assembly()
    for packet in sent:
        assert isinstance(packet, Packet)
        partial = table.add("x", packet, "sender", 0.0)
    assert partial is not None and partial.complete
    assert partial.message() == message
    assert partial.duplicates == len(packets) // 2
    assert table.held == length


def test_a_piece_with_another_total_is_dropped() -> None:
    table = assembly()
    table.add("x", Packet("x", 0, 2, b"a"), None, 0.0)
    assert table.add("x", Packet("x", 1, 3, b"b"), None, 0.0) is None
    partial = table.add("x", Packet("x", 1, 2, b"b"), None, 0.0)
    assert partial is not None and partial.message() == b"ab"


def test_a_message_that_could_not_be_kept_is_not_begun() -> None:
    table = assembly(size=2 * CHUNK)
    assert table.add("x", Packet("x", 0, 100, b"a"), None, 0.0) is None
    assert len(table) == 0


def test_what_missed_its_time_or_its_place_is_forgotten() -> None:
    table = assembly(messages=3, age_s=10.0)
    for number in range(5):
        table.add(number, Packet("x", 0, 2, bytes(100)), None, float(number))
    assert (len(table), table.held) == (3, 300)
    table.add("late", Packet("x", 0, 2, bytes(100)), None, 13.5)
    assert (len(table), table.held) == (2, 200)
    table.drop("late")
    assert (len(table), table.held) == (1, 100)


def test_pieces_that_came_after_a_wish_are_counted() -> None:
    partial = chunks.Partial("x", 3, None, 0.0)
    partial.add(Packet("x", 0, 3, b"a"))
    assert list(partial.missing) == [1, 2]
    partial.rounds += 1
    partial.add(Packet("x", 2, 3, b"c"))
    assert (partial.recovered, partial.complete) == (1, False)
