"""The file server's protocol: answers and requests cut at every byte, and what is wrong in them."""

import json
import random
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterator
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauntlet.wire import file_protocol as wire
from gauntlet.wire.file_answers import Answer, Download, ProtocolError
from gauntlet.wire.file_requests import (
    Broken,
    Command,
    Event,
    Requests,
    UploadBegun,
    UploadData,
    UploadEnded,
)

CONTENT = random.Random(1).randbytes(100)
FILE = wire.file_head('a "data_file": "b.bin') + b64encode(CONTENT) + wire.FILE_TAIL


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """The data in two pieces, cut at every byte, and in single bytes."""
    for at in range(len(data) + 1):
        yield [data[:at], data[at:]]
    yield [data[at : at + 1] for at in range(len(data))]


def download(pieces: list[bytes]) -> tuple[bytes, Download]:
    reader = Download()
    return b"".join(reader.feed(piece) for piece in pieces), reader


def events(pieces: list[bytes], longest: int = 1000) -> list[Event]:
    """What a server reads, data of one upload joined."""
    reader = Requests(longest)
    found: list[Event] = []
    for piece in pieces:
        for event in reader.feed(piece):
            last = found[-1] if found else None
            if isinstance(event, UploadData) and isinstance(last, UploadData):
                found[-1] = UploadData(last.data + event.data)
            else:
                found.append(event)
    return found


def test_an_answer_is_read_however_it_is_cut() -> None:
    for pieces in cuts(wire.listed(["ä.txt", "b.bin"]) + b"more"):
        answer = Answer()
        for piece in pieces:
            if not answer.done:
                answer.feed(piece)
        assert answer.done
        assert answer.content() == {"status": "OK", "data": ["ä.txt", "b.bin"]}


def test_the_handshake_is_told_from_an_error() -> None:
    for text, ready in ((wire.READY + wire.END, True), (wire.refused("no"), False)):
        answer = Answer()
        answer.feed(text)
        assert answer.done and answer.is_ready is ready


@pytest.mark.parametrize("length", [0, 1, 2, 3, 100])
def test_a_file_is_read_however_its_answer_is_cut(length: int) -> None:
    content = CONTENT[:length]
    whole = wire.file_head("x.bin") + b64encode(content) + wire.FILE_TAIL
    for pieces in cuts(whole):
        got, reader = download(pieces)
        assert (got, reader.done, reader.has_file, reader.length) == (content, True, True, length)
        assert reader.content() == {"status": "OK", "data_namafile": "x.bin", "data_file": ""}


def test_a_name_that_looks_like_the_content_does_not_mislead() -> None:
    got, reader = download([FILE])
    assert got == CONTENT
    assert reader.content()["data_namafile"] == 'a "data_file": "b.bin'


def test_the_keys_may_come_in_another_order_and_without_blanks() -> None:
    text = b'{"data_file":"' + b64encode(CONTENT) + b'","status":"OK"}' + wire.END
    for pieces in cuts(text):
        got, reader = download(pieces)
        assert got == CONTENT
        assert reader.content()["status"] == "OK"


def test_an_error_in_place_of_a_file_is_read_however_it_is_cut() -> None:
    for pieces in cuts(wire.refused("no such file")):
        got, reader = download(pieces)
        assert (got, reader.done, reader.has_file) == (b"", True, False)
        assert reader.content() == {"status": "ERROR", "data": "no such file"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"QUJ", id="too short"),
        pytest.param(b"QU=D", id="padding in the middle"),
        pytest.param(b"QQ==QUJD", id="more behind the padding"),
        pytest.param(b"QUJ\xff", id="another alphabet"),
        pytest.param(b"QUJD\n", id="a line break"),
    ],
)
def test_a_file_that_is_not_base64_is_refused_however_it_is_cut(body: bytes) -> None:
    for pieces in cuts(wire.file_head("x") + body + wire.FILE_TAIL):
        with pytest.raises(ProtocolError, match="not base64"):
            download(pieces)


def test_an_answer_that_is_no_object_is_refused() -> None:
    for text in (wire.NOTHING, b"[]" + wire.END, b"soon" + wire.END):
        answer = Answer()
        answer.feed(text)
        with pytest.raises(ProtocolError):
            answer.content()


@pytest.mark.parametrize("name", ["", "a\nb", "a\rb", "a\0b"])
def test_a_name_that_cannot_stand_in_a_line_is_not_sent(name: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        wire.request("GET", name)


@given(st.text(st.characters(exclude_characters="\n\r\0", codec="utf-8"), min_size=1))
def test_every_other_name_arrives_as_it_was(name: str) -> None:
    assert events([wire.request("GET", name)], 10_000) == [Command("get", name)]


@pytest.mark.parametrize(
    ("line", "event"),
    [
        pytest.param(b"LIST\r\n", Command("list"), id="capitals and CR LF"),
        pytest.param(b"  get  'a b' c\n", Command("get", "a b"), id="quotes and blanks"),
        pytest.param(b"\n", Command("unknown"), id="nothing"),
        pytest.param(b"upload /etc/passwd\n", Command("unknown", "/etc/passwd"), id="upload"),
        pytest.param(b"UPLOADxyz z\n", UploadBegun(), id="upload and more"),
        pytest.param(b'GET "a\n', Broken("No closing quotation"), id="unbalanced quote"),
        pytest.param(b"GET " + b"a" * 1000, Broken("line is too long"), id="endless line"),
    ],
)
def test_a_line_is_a_command(line: bytes, event: Event) -> None:
    assert events([line]) == [event]


def test_invalid_utf_8_breaks_the_connection() -> None:
    (event,) = events([b"GET \xff\n"])
    assert isinstance(event, Broken)
    assert event.text.startswith("'utf-8' codec can't decode byte")


def test_an_upload_is_read_however_it_is_cut() -> None:
    lines = [CONTENT[:60], CONTENT[60:61], CONTENT[61:]]
    text = wire.UPLOAD + b"".join(map(wire.encode_line, lines)) + b"ENDUPLOAD\nLIST\n"
    told = [UploadBegun(), UploadData(CONTENT), UploadEnded(), Command("list")]
    for pieces in cuts(text):
        assert events(pieces) == told


def test_a_command_in_an_upload_is_taken_for_base64() -> None:
    begun, data, ended = events(
        [b"UPLOAD\nLIST\nENDUPLOADx\n\t ENDUPLOAD \r\n"[:12], b"ENDUPLOAD\n"]
    )
    assert (begun, ended) == (UploadBegun(), UploadEnded())
    assert data == UploadData(a2b_base64(b"LIST"))


ODD = st.text("ABab01+/=! \r", max_size=40).map(str.encode)


@given(ODD, st.data())
def test_a_line_decodes_to_what_the_standard_decoder_makes_of_it(
    line: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(line)))
    try:
        wanted: Event = UploadData(a2b_base64(line))
    except Base64Error as error:
        wanted = Broken(str(error))
    begun, *found = events([b"UPLOAD\n", line[:at], line[at:] + b"\n"])
    if isinstance(wanted, Broken):
        assert found[-1] == wanted
    else:
        assert found == [one for one in [wanted] if getattr(one, "data", b"")]


def test_a_long_line_that_is_wrong_at_its_end_counts_all_its_characters() -> None:
    found = events([b"UPLOAD\n", b"QUJD" * 100, b"QUJD" * 50, b"Q\n"])
    text = "number of data characters (601) cannot be 1 more than a multiple of 4"
    assert found[-1] == Broken(f"Invalid base64-encoded string: {text}")


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (b"\x89PNG\r\n\x1a\n..", ".png"),
        (b"\xff\xd8\xff", ".jpeg"),
        (b"%PDF", ".pdf"),
        (b"GIF87a", ".gif"),
        (b"GIF89a", ".gif"),
        (b"PK\x03\x04", ".zip"),
        (b"ID3", ".mpeg"),
        (b"\xff\xfb", ".mpeg"),
        (b"anything", ""),
        (b"", ""),
    ],
)
def test_the_name_of_an_upload_is_its_md5_and_a_guessed_extension(
    content: bytes, suffix: str
) -> None:
    for pieces in cuts(content):
        naming = wire.Naming()
        for piece in pieces:
            naming.feed(piece)
        assert naming.name == md5(content).hexdigest() + suffix
        assert wire.md5_of(naming.name) == md5(content).hexdigest()


@pytest.mark.parametrize("name", [None, 7, "x.bin", "A" * 32, "a" * 31, "../" + "a" * 32])
def test_another_name_holds_no_md5(name: object) -> None:
    assert wire.md5_of(name) is None


def test_answers_are_written_as_the_original_writes_them() -> None:
    assert wire.listed(["a.b"]) == b'{"status": "OK", "data": ["a.b"]}\r\n\r\n'
    assert wire.refused("é") == b'{"status": "ERROR", "data": "\\u00e9"}\r\n\r\n'
    assert wire.refused("é", bare=True) == b'{"status":"ERROR","data":"\\u00e9"}\r\n\r\n'
    assert json.loads(wire.stored("abc"))["data"] == {"file_path": "abc"}
