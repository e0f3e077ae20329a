"""The writing half of the Walrus target: PUT /v1/blobs and /v1/quilts."""

import asyncio
import random
from contextlib import closing
from functools import partial

from gauntlet.targets._walrus_answers import Reply, answer_json, refused
from gauntlet.targets._walrus_chain import MAX_EPOCHS, Patch, Result, Terms
from gauntlet.targets._walrus_ids import patch_id
from gauntlet.targets._walrus_quilts import QuiltReader
from gauntlet.targets._walrus_request import Request, parse_terms
from gauntlet.targets._walrus_settings import WalrusSettings
from gauntlet.targets._walrus_store import Store, Upload
from gauntlet.targets._walrus_tokens import Gate
from gauntlet.targets.faults import chance


class Publisher:
    """What one worker answers to uploads."""

    def __init__(self, settings: WalrusSettings, store: Store, worker: int) -> None:
        self._settings = settings
        self._store = store
        self._gate = Gate(settings.tokens, store)
        self._source = random.Random(f"walrus publisher:{settings.seed}:{worker}")

    async def put_blob(self, request: Request) -> Reply:
        """Store the body. Raises Refused, ClientGone."""
        terms = parse_terms(request.query)
        claims = self._gate.enter(request)
        self._gate.check_terms(claims, terms)
        self._gate.check_size(claims, request.announced_length)
        with closing(self._store.begin_upload()) as upload:
            async for chunk in request.body(self._settings.blob_limit):
                self._write(upload, chunk)
            self._gate.check_size(claims, upload.size)
            return answer_json(await self._certify(upload, terms))

    async def put_quilt(self, request: Request) -> Reply:
        """Store the files of a multipart body as one blob. Raises Refused, ClientGone."""
        terms = parse_terms(request.query)
        claims = self._gate.enter(request)
        self._gate.check_terms(claims, terms)
        with closing(self._store.begin_upload()) as upload:
            reader = QuiltReader(request.header(b"content-type"), partial(self._write, upload))
            async for chunk in request.body(self._settings.quilt_limit):
                reader.feed(chunk)
            patches = reader.finish()
            self._gate.check_size(claims, upload.size)
            result = await self._certify(upload, terms, patches)
            return answer_json(_quilt_result(result, upload.blob_id(), patches))

    def _write(self, upload: Upload, chunk: bytes) -> None:
        """Append to an upload. Raises Refused if the store has no room for it."""
        try:
            upload.write(chunk)
        except OSError as error:
            raise refused("INTERNAL_ERROR") from error
        if upload.size > self._settings.store_limit:
            raise refused("INTERNAL_ERROR")

    async def _certify(
        self, upload: Upload, terms: Terms, patches: list[Patch] | None = None
    ) -> Result:
        settings, source = self._settings, self._source
        fails = chance(settings.internal_share, source)
        unconfirmed = chance(settings.unconfirmed_share, source)
        odd = chance(settings.shape_share, source)
        await asyncio.sleep(settings.store_time_s)
        if upload.blob_id() in settings.forbidden:
            raise refused("FORBIDDEN_BLOB")
        if fails or not 1 <= terms.epochs <= MAX_EPOCHS:
            raise refused("INTERNAL_ERROR")
        if unconfirmed:
            raise refused("INSUFFICIENT_CONFIRMATIONS")
        result = self._store.certify(upload, terms, patches)
        return {"stored": {"blob": upload.blob_id()}} if odd else result


def _quilt_result(result: Result, quilt: str, patches: list[Patch]) -> Result:
    stored = [
        {"identifier": item.identifier, "quiltPatchId": patch_id(quilt, item.first, item.after)}
        for item in patches
    ]
    return {"blobStoreResult": result, "storedQuiltBlobs": stored}
