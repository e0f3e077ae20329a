"""The reading half of the Walrus target: blobs, parts of blobs, files of quilts.

The first read of a blob takes longer than all later ones, whatever part of it is read.
"""

import asyncio
import random
import re
import time

from xxhash import xxh3_64_intdigest

from gauntlet.targets._walrus_answers import (
    Headers,
    Part,
    Reply,
    answer_json,
    refused,
    refused_text,
)
from gauntlet.targets._walrus_chain import Patch, Record
from gauntlet.targets._walrus_ids import is_blob_id, object_id, patch_id, quilt_of_patch
from gauntlet.targets._walrus_request import Request, check_reading, parse_byte_range
from gauntlet.targets._walrus_settings import WalrusSettings
from gauntlet.targets._walrus_store import Store
from gauntlet.targets.faults import chance

_FIXED: Headers = [
    (b"cache-control", b"public, max-age=86400, stale-while-revalidate=3600"),
    (b"x-content-type-options", b"nosniff"),
]
_ATTRIBUTES = frozenset(
    "authorization content-disposition content-encoding content-language content-location"
    " content-type link".split()
)
"""Attributes and tags that may become headers."""
_RANGE = re.compile(r"bytes=([0-9]{1,19})-([0-9]{1,19})")
_VISIBLE = re.compile(r"[\x20-\x7e]*")


class Aggregator:
    """What one worker answers to reads."""

    def __init__(self, settings: WalrusSettings, store: Store, worker: int) -> None:
        self._settings = settings
        self._store = store
        self._source = random.Random(f"walrus aggregator:{settings.seed}:{worker}")

    async def get_blob(self, request: Request, blob: str) -> Reply:
        """A whole blob or, with a Range header, a part of it. Raises Refused."""
        _check_blob_id(blob)
        check_reading(request.query)
        record = await self._find(blob)
        return self._whole_or_range(request, blob, record, [])

    async def stream_blob(self, request: Request, blob: str) -> Reply:
        """A whole blob, as the endpoint that begins to send before it has everything."""
        reply = await self.get_blob(request, blob)
        return reply._replace(headers=[*reply.headers, (b"x-walrus-streaming", b"true")])

    async def get_by_object_id(self, request: Request, name: str) -> Reply:
        """The blob of an object, with the attributes of the object as headers."""
        usual = object_id(name)
        if usual is None:
            raise _bad_path("failed to parse an object ID")
        check_reading(request.query)
        blob = self._store.blob_of_object(usual)
        if blob is None:
            raise refused("BLOB_NOT_FOUND")
        record = await self._find(blob)
        return self._whole_or_range(request, blob, record, list(self._settings.attributes))

    async def get_byte_range(self, request: Request, blob: str) -> Reply:
        """A part of a blob as a 200 of its own."""
        _check_blob_id(blob)
        start, length = parse_byte_range(request.query)
        if not length:
            raise refused("INVALID_BYTE_RANGE", "the length must not be 0")
        record = await self._find(blob)
        if start + length > record.size:
            raise refused("INVALID_BYTE_RANGE", "the range ends after the blob")
        return self._read(request, blob, f"{blob}-{start}-{length}", start, length, [])

    async def get_patch(self, request: Request, name: str) -> Reply:
        """A file of a quilt by its patch id."""
        quilt = quilt_of_patch(name)
        if quilt is None:
            raise _bad_path("failed to parse a quilt patch ID")
        patches = await self._patches(request, quilt)
        found = (item for item in patches if patch_id(quilt, item.first, item.after) == name)
        return self._read_patch(request, quilt, next(found, None))

    async def get_patch_by_identifier(self, request: Request, quilt: str, identifier: str) -> Reply:
        """A file of a quilt by its name."""
        _check_blob_id(quilt)
        patches = await self._patches(request, quilt)
        found = (item for item in patches if item.identifier == identifier)
        return self._read_patch(request, quilt, next(found, None))

    async def list_patches(self, request: Request, quilt: str) -> Reply:
        """The files of a quilt."""
        _check_blob_id(quilt)
        patches = await self._patches(request, quilt)
        return answer_json(
            [
                {
                    "identifier": item.identifier,
                    "patch_id": patch_id(quilt, item.first, item.after),
                    "tags": item.tags,
                }
                for item in patches
            ]
        )

    async def _find(self, blob: str) -> Record:
        """The record of a blob that may be read now, after the time that takes."""
        settings, source = self._settings, self._source
        fails = chance(settings.internal_share, source)
        unavailable = chance(settings.unavailable_share, source)
        await asyncio.sleep(settings.read_time_s)
        if fails:
            raise refused("INTERNAL_ERROR")
        if unavailable:
            raise refused("BLOB_UNAVAILABLE")
        if blob in settings.forbidden:
            raise refused("FORBIDDEN_BLOB")
        record = self._store.find(blob)
        if record is None or not record.is_valid(self._store.epoch()):
            raise refused("BLOB_NOT_FOUND")
        if self._is_stale(blob, record):
            raise refused("BLOB_NOT_FOUND")
        if 0 < settings.read_limit < record.size:
            raise refused("BLOB_TOO_LARGE")
        if settings.first_read_s and self._store.cached_s(blob) is None:
            await asyncio.sleep(settings.first_read_s)
        return record

    def _is_stale(self, blob: str, record: Record) -> bool:
        """Whether a cache would still answer what it knew before the upload."""
        settings = self._settings
        if time.time() - record.created_s >= settings.stale_s:
            return False
        return xxh3_64_intdigest(blob.encode(), settings.seed) < settings.stale_share * 2**64

    async def _patches(self, request: Request, quilt: str) -> list[Patch]:
        check_reading(request.query)
        record = await self._find(quilt)
        if record.patches is None:
            raise refused("QUILT_PATCH_NOT_FOUND")
        return record.patches

    def _whole_or_range(
        self, request: Request, blob: str, record: Record, extra: list[tuple[str, str]]
    ) -> Reply:
        wanted = request.header(b"range")
        if wanted is None:
            return self._read(request, blob, blob, 0, record.size, extra)
        match = _RANGE.fullmatch(wanted)
        if match is None:
            raise refused("RANGE_HEADER")
        first, last = int(match[1]), int(match[2])
        if not first <= last < record.size:
            raise refused("RANGE_HEADER")
        reply = self._read(request, blob, blob, first, last - first + 1, extra)
        told = f"bytes {first}-{last}/{record.size}".encode()
        return reply._replace(status=206, headers=[*reply.headers, (b"content-range", told)])

    def _read_patch(self, request: Request, quilt: str, patch: Patch | None) -> Reply:
        if patch is None:
            raise refused("QUILT_PATCH_NOT_FOUND")
        extra = [("x-quilt-patch-identifier", patch.identifier)]
        if self._settings.tag_headers:
            extra += patch.tags.items()
        return self._read(request, quilt, quilt, patch.offset, patch.length, extra)

    def _read(
        self,
        request: Request,
        blob: str,
        etag: str,
        offset: int,
        length: int,
        extra: list[tuple[str, str]],
    ) -> Reply:
        short = chance(self._settings.short_share, self._source)
        descriptor = self._store.open_blob(blob)
        if descriptor is None:
            raise refused("BLOB_NOT_FOUND")
        headers = [*_FIXED, (b"etag", etag.encode()), *self._cache_headers(blob)]
        headers += _mirrored_type(request)
        headers += _allowed(extra, {name for name, _ in headers})
        self._store.mark_cached(blob)
        return Reply(
            200, headers, Part(descriptor, offset, length - length // 4 if short else length)
        )

    def _cache_headers(self, blob: str) -> Headers:
        if not self._settings.cache_headers:
            return []
        age_s = self._store.cached_s(blob)
        if age_s is None:
            return [(b"x-cache", b"MISS")]
        return [(b"x-cache", b"HIT"), (b"age", str(int(age_s)).encode())]


def _mirrored_type(request: Request) -> Headers:
    """The content type the client said, if it did: the blob itself has none."""
    accept = request.headers.get(b"accept")
    if accept is not None and b"*" not in accept:
        return [(b"content-type", accept)]
    own = request.headers.get(b"content-type")
    return [(b"content-type", own)] if own is not None and request.method == "GET" else []


def _allowed(extra: list[tuple[str, str]], taken: set[bytes]) -> Headers:
    """Those of the extra headers that may be sent and are not there yet."""
    headers: Headers = []
    for name, value in extra:
        low = name.lower()
        known = low in _ATTRIBUTES or low == "x-quilt-patch-identifier"
        if known and low.encode() not in taken and _VISIBLE.fullmatch(value):
            headers.append((low.encode(), value.encode()))
    return headers


def _check_blob_id(text: str) -> None:
    if not is_blob_id(text):
        raise _bad_path("failed to parse a blob ID")


def _bad_path(what: str) -> Exception:
    return refused_text(400, f"Invalid URL: {what}")
