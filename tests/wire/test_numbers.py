"""Bytes as JSON arrays of numbers."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauntlet.wire import numbers


@given(st.binary(max_size=2000))
def test_what_is_encoded_is_what_json_reads_and_what_is_decoded(data: bytes) -> None:
    text = numbers.encode(data)
    assert json.loads(text) == list(data)
    assert numbers.decode(text) == data
    assert numbers.count(text) == len(data)


@given(st.lists(st.integers(0, 255)))
def test_an_array_with_blanks_is_read(items: list[int]) -> None:
    text = json.dumps(items, indent=1).encode()
    assert numbers.decode(text) == bytes(items)
    assert numbers.count(text) == len(items)


WRONG = {
    "empty": b"",
    "no array": b'"abc"',
    "cut off": b"[1,2",
    "cut off behind a comma": b"[1,2,",
    "a comma too many": b"[1,,2]",
    "a comma at the end": b"[1,2,]",
    "a comma at the start": b"[,1]",
    "a sign": b"[-1]",
    "a fraction": b"[1.5]",
    "a text": b'["1"]',
    "an array inside": b"[[1]]",
    "four digits": b"[1000]",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_is_no_array_of_bytes_is_refused(text: bytes) -> None:
    for read in (numbers.decode, numbers.count):
        with pytest.raises(ValueError, match="expected"):
            read(text)


@pytest.mark.parametrize("text", [b"[256]", b"[1,999]", b"[01]", b"[007,1]", b"[00]"])
def test_a_number_that_is_no_byte_is_found_when_it_is_decoded(text: bytes) -> None:
    with pytest.raises(ValueError, match="from 0 to 255"):
        numbers.decode(text)


@given(st.binary(max_size=60))
def test_decoding_agrees_with_json_on_any_text(inside: bytes) -> None:
    text = b"[" + inside + b"]"
    try:
        read = json.loads(text)
        # Python takes True for a byte, and JSON -0 for a number.
        numbers_alone = all(type(one) is int for one in read) and b"-" not in text
        wanted = bytes(read) if numbers_alone else None
    except (ValueError, TypeError):
        wanted = None
    try:
        found = numbers.decode(text)
    except ValueError:
        found = None
    assert found == wanted or (found is not None and re.search(rb"\s", text))
