"""The writing half of the Walrus target: PUT /v1/blobs."""

import asyncio
import random

from gauntlet.targets._walrus_answers import Reply, answer_json, refused
from gauntlet.targets._walrus_chain import MAX_EPOCHS, Patch, Terms
from gauntlet.targets._walrus_request import Request, parse_terms
from gauntlet.targets._walrus_settings import WalrusSettings
from gauntlet.targets._walrus_store import Store, Upload
from gauntlet.targets.faults import chance


class Publisher:
    """What one worker answers to uploads."""

    def __init__(self, settings: WalrusSettings, store: Store, worker: int) -> None:
        self._settings = settings
        self._store = store
        self._source = random.Random(f"walrus publisher:{settings.seed}:{worker}")

    async def put_blob(self, request: Request) -> Reply:
        """Store the body. Raises Refused, ClientGone."""
        terms = parse_terms(request.query)
        upload = self._store.begin_upload()
        try:
            limit = self._settings.blob_limit
            async for chunk in request.body(limit):
                write(upload, chunk, self._settings.store_limit)
            return answer_json(await self._store_upload(upload, terms))
        finally:
            upload.close()

    async def _store_upload(
        self, upload: Upload, terms: Terms, patches: list[Patch] | None = None
    ) -> dict[str, object]:
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


def write(upload: Upload, chunk: bytes, limit: int) -> None:
    """Append to an upload. Raises Refused if the store has no room for it."""
    try:
        upload.write(chunk)
    except OSError as error:
        raise refused("INTERNAL_ERROR") from error
    if upload.size > limit:
        raise refused("INTERNAL_ERROR")
