"""Ids and sizes of the Walrus target look like those of the network."""

import re

import pytest

from gauntlet.targets._walrus_ids import (
    MIB,
    blob_id,
    decode,
    encode,
    encoded_length,
    is_blob_id,
    new_digest,
    new_object_id,
    object_id,
    patch_id,
    quilt_of_patch,
    units,
)

A_BLOB = "M4hsZGQ1oCktdzegB6HnI6Mi28S2nqOPHxK-W7_4BUk"


@pytest.mark.parametrize(
    ("size", "length"),
    [
        pytest.param(0, 66_034_000, id="an empty blob"),
        pytest.param(445_556, 66_034_000, id="the longest of the shortest step"),
        pytest.param(445_557, 68_036_000, id="one byte more"),
        pytest.param(1_782_224, 72_040_000, id="1.7 MiB"),
        pytest.param(10 * MIB, 112_080_000, id="10 MiB"),
    ],
)
def test_the_encoded_length_follows_the_networks_formula(size: int, length: int) -> None:
    assert encoded_length(size) == length


def test_storage_is_paid_in_whole_mebibytes_of_the_encoded_blob() -> None:
    assert units(17) == 63


def test_a_blob_id_depends_on_length_and_content() -> None:
    ids = {blob_id(size, root * 32) for size in (1, 2) for root in (b"a", b"b")}
    assert len(ids) == 4
    assert all(is_blob_id(encode(raw)) for raw in ids)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        pytest.param(A_BLOB, True, id="of the network"),
        pytest.param(A_BLOB[:-1], False, id="too short"),
        pytest.param(A_BLOB + "A", False, id="too long"),
        pytest.param(A_BLOB[:-1] + "=", False, id="padded"),
        pytest.param(A_BLOB[:-1] + "+", False, id="of the other alphabet"),
        pytest.param(A_BLOB[:-1] + "l", False, id="with bits after the last byte"),
        pytest.param("", False, id="empty"),
    ],
)
def test_a_blob_id_is_told_from_other_texts(text: str, is_one: bool) -> None:
    assert is_blob_id(text) is is_one


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        pytest.param("0x" + "ab" * 32, "0x" + "ab" * 32, id="in its usual form"),
        pytest.param("0x" + "AB" * 32, "0x" + "ab" * 32, id="in capitals"),
        pytest.param("ab" * 32, None, id="without 0x"),
        pytest.param("0x" + "ab" * 31, None, id="too short"),
        pytest.param("0x" + "xy" * 32, None, id="not in hex"),
    ],
)
def test_an_object_id_is_told_from_other_texts(text: str, usual: str | None) -> None:
    assert object_id(text) == usual


def test_new_objects_and_digests_differ_and_have_their_form() -> None:
    objects, digests = {new_object_id() for _ in range(100)}, {new_digest() for _ in range(100)}
    assert len(objects) == len(digests) == 100
    assert all(object_id(text) == text for text in objects)
    assert all(re.fullmatch(r"[1-9A-HJ-NP-Za-km-z]{40,44}", text) for text in digests)


def test_a_patch_id_holds_the_quilt_and_the_columns() -> None:
    text = patch_id(A_BLOB, 1, 208)
    assert len(text) == 50
    assert text.endswith("BAQDQAA")  # version 1, column 1, column 208
    assert quilt_of_patch(text) == A_BLOB


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(A_BLOB, id="a bare blob id"),
        pytest.param("not base64!", id="garbage"),
        pytest.param("A" * 45, id="a length that base64 never has"),
    ],
)
def test_what_is_no_patch_id_has_no_quilt(text: str) -> None:
    assert quilt_of_patch(text) is None


def test_decoding_refuses_what_encoding_never_gives() -> None:
    assert decode(encode(b"\x00\xff")) == b"\x00\xff"
    assert decode("AB") is None
