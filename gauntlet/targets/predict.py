"""The reference target of predict: the HTTP API of the original service around a pretend model.

    build = functools.partial(build_app, settings)
    site = http_site(listener, build, endpoints=ENDPOINTS, faults=faults)

What a client can see is the original's: bodies, status codes, the blocked event loop. Uploads
are really decoded and annotated pictures really encoded; only the detections are made up, from a
hash of the pixels, so the same picture always gives the same answer and some give none.
"""

import base64
import random
import time
from asyncio import get_running_loop
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from io import BytesIO
from pathlib import PurePath
from typing import Annotated, Any, TypedDict

from PIL import Image, ImageDraw
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from python_multipart.exceptions import FormParserError
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive
from xxhash import xxh3_64_intdigest

from gauntlet.targets.faults import Deliberate, Seconds, Share, chance

ENDPOINTS = ("/health", "/predict")
CLASSES = 80
JPEG_QUALITY = 75
MAX_PIXELS = 100_000_000
"""Pictures with more are refused like garbage, before they take memory."""

FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP")
SUFFIXES = frozenset(".bmp .gif .jp2 .jpeg .jpg .mpo .png .tif .tiff .webp".split())
"""Any other suffix fails, whatever the file holds; with one of these the content decides."""

Mistake = dict[str, object]
_TOO_LONG = "Content Too Large"  # said here, as Python's own phrase differs between versions
_UNPARSED = "There was an error parsing the body"
_NO_FILE: Mistake = {
    "type": "missing",
    "loc": ["body", "file"],
    "msg": "Field required",
    "input": None,
}
_BOOLEAN = TypeAdapter(bool)

Detection = TypedDict("Detection", {"xyxy": list[float], "score": float, "class": int})


class PredictSettings(BaseModel):
    """How the target behaves; every value is given by the command line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service_time_s: Seconds
    """Seconds of pretend inference per million pixels, on top of decoding and encoding."""
    slow_first_s: Seconds
    """Seconds that the first prediction of each worker takes longer: the model is loaded."""
    body_limit: Annotated[int, Field(gt=0)]
    """Bytes of a request body; longer ones get a 413, which the original never answers."""
    missing_image_share: Share
    runtime_error_share: Share
    seed: int
    concurrent_health: bool
    instant: bool
    """Read no more than the head of a picture, wait for nothing, return a prepared blank one."""


class Unreadable(Deliberate):
    """The upload is no picture: 500 as text, then the connection closes, like the original."""


class Predictor:
    """The pretend model of one worker: from the bytes of an upload to the content of a 200."""

    def __init__(self, settings: PredictSettings, worker: int) -> None:
        self._settings = settings
        self._source = random.Random(f"predict:{settings.seed}:{worker}")
        self._loaded = settings.instant

    def answer(self, data: bytes, filename: str, with_image: bool) -> dict[str, object]:
        """Blocks for the service time.

        Raises HTTPException for a failure of the model, Unreadable for what is no picture.
        """
        fails = chance(self._settings.runtime_error_share, self._source)
        bare = chance(self._settings.missing_image_share, self._source)
        self._load()
        if fails:
            raise HTTPException(500, "the pretend model failed, as it was told to")
        picture = open_picture(data, filename, decode=not self._settings.instant)
        predictions = self._infer(picture, data)
        content: dict[str, object] = {"predictions": predictions}
        if with_image and not bare:
            instant = self._settings.instant
            jpeg = _blank(picture.size) if instant else annotated(picture, predictions)
            content["image"] = base64.b64encode(jpeg).decode()
        return content

    def _load(self) -> None:
        if not self._loaded:
            self._loaded = True
            time.sleep(self._settings.slow_first_s)

    def _infer(self, picture: Image.Image, data: bytes) -> list[Detection]:
        if self._settings.instant:
            return detect(xxh3_64_intdigest(data), picture.size)
        time.sleep(self._settings.service_time_s * picture.width * picture.height / 1e6)
        return detect(xxh3_64_intdigest(picture.tobytes()), picture.size)


def open_picture(data: bytes, filename: str, *, decode: bool = True) -> Image.Image:
    """The RGB picture of an upload, or without `decode` one of which only the size is known.

    A name without suffix counts as `.jpg`. Raises Unreadable.
    """
    if (PurePath(filename).suffix or ".jpg").lower() not in SUFFIXES:
        raise Unreadable
    try:
        picture = Image.open(BytesIO(data), formats=FORMATS)
        if picture.width * picture.height > MAX_PIXELS:
            raise Unreadable
        return picture.convert("RGB") if decode else picture
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for broken files
        raise Unreadable from error


def detect(digest: int, size: tuple[int, int]) -> list[Detection]:
    """None to six boxes inside the picture, in pixels, decided by the digest alone."""
    source = random.Random(digest)
    return [_detection(source, *size) for _ in range(source.choice((0, 1, 2, 3, 4, 6)))]


def _detection(source: random.Random, width: int, height: int) -> Detection:
    left, top = source.uniform(0, 0.8 * width), source.uniform(0, 0.8 * height)
    right, bottom = source.uniform(left, width), source.uniform(top, height)
    return {
        "xyxy": [round(edge, 2) for edge in (left, top, right, bottom)],
        "score": round(source.uniform(0.25, 1), 4),
        "class": source.randrange(CLASSES),
    }


def annotated(picture: Image.Image, predictions: list[Detection]) -> bytes:
    """The picture with its boxes drawn in, as a JPEG of the same size."""
    canvas = ImageDraw.Draw(picture)
    for prediction in predictions:
        canvas.rectangle(prediction["xyxy"], outline="red", width=2)
    return _jpeg(picture)


@lru_cache(maxsize=16)
def _blank(size: tuple[int, int]) -> bytes:
    return _jpeg(Image.new("RGB", size))


def _jpeg(picture: Image.Image) -> bytes:
    encoded = BytesIO()
    picture.save(encoded, "JPEG", quality=JPEG_QUALITY)
    return encoded.getvalue()


def build_app(settings: PredictSettings, worker: int) -> Starlette:
    """The application of one worker process.

    A prediction blocks the event loop, as in the original: the worker does one at a time and
    health waits behind it. With `concurrent_health` predictions queue in a thread instead.
    """
    Image.MAX_IMAGE_PIXELS = None  # MAX_PIXELS takes its place, and warns nobody
    predictor = Predictor(settings, worker)
    thread = ThreadPoolExecutor(1) if settings.concurrent_health else None

    async def predict(request: Request) -> Response:
        found = await _read_upload(request, settings.body_limit)
        if isinstance(found, JSONResponse):
            return found
        work = partial(predictor.answer, *found)
        content = await get_running_loop().run_in_executor(thread, work) if thread else work()
        return JSONResponse(content)

    routes = [
        _route("/health", _health, "GET"),
        _route("/predict", predict, "POST"),
        Route("/openapi.json", _openapi),
        Route("/docs", _docs),
        Route("/redoc", _docs),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _tell})


def _route(path: str, endpoint: Any, method: str) -> Route:
    """A route without the HEAD that starlette gives to every GET; the original answers 405."""
    route = Route(path, endpoint, methods=[method])
    route.methods = {method}
    return route


async def _read_upload(request: Request, limit: int) -> JSONResponse | tuple[bytes, str, bool]:
    """Bytes, file name and whether the image is wanted, or the 422 that tells what is wrong.

    Raises HTTPException: 400 for a body that cannot be parsed, 413 for one that is too long.
    """
    if int(request.headers.get("content-length", 0)) > limit:
        raise HTTPException(413, _TOO_LONG)
    try:
        async with Request(request.scope, _capped(request.receive, limit)).form() as form:
            upload = form.get("file")
            if isinstance(upload, UploadFile):
                data, filename = await upload.read(), upload.filename or ""
            else:
                data, filename = (upload or "").encode(), ""
    except (FormParserError, ClientDisconnect) as error:
        raise HTTPException(400, _UNPARSED) from error
    except HTTPException as error:
        # Newer starlettes name the parser's errors themselves, in other words.
        is_parsers = error.detail == "Invalid multipart data."
        raise HTTPException(error.status_code, _UNPARSED if is_parsers else error.detail) from error
    with_image, mistakes = _parse_return_image(request)
    if not filename:
        mistakes.append(_no_upload(data))
    return _unprocessable(mistakes) if mistakes else (data, filename, with_image)


def _capped(receive: Receive, limit: int) -> Receive:
    """Ends the reading of a body that is longer than it said, or did not say."""
    seen = 0

    async def capped() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413, _TOO_LONG)
        return message

    return capped


def _parse_return_image(request: Request) -> tuple[bool, list[Mistake]]:
    """The last `return_image` of the query, with the mistake if it is no boolean."""
    words = request.query_params.getlist("return_image")
    try:
        return _BOOLEAN.validate_python(words[-1] if words else False), []
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        return False, [{**found, "loc": ["query", "return_image"]}]


def _no_upload(data: bytes) -> Mistake:
    """The mistake of a body whose `file` is missing, or is a text instead of a named file."""
    if not data:
        return _NO_FILE
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return {
        "type": "value_error",
        "loc": ["body", "file"],
        "msg": "Value error, Expected UploadFile, received: <class 'str'>",
        "input": text,
        "ctx": {"error": {}},
    }


def _unprocessable(mistakes: list[Mistake]) -> JSONResponse:
    return JSONResponse({"detail": mistakes}, 422)


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _tell(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)


async def _docs(request: Request) -> Response:
    return HTMLResponse('<title>Predict</title><a href="/openapi.json">/openapi.json</a>')


async def _openapi(request: Request) -> Response:
    return JSONResponse(OPENAPI)


def _described(*statuses: str) -> dict[str, object]:
    return {status: {"description": _MEANINGS[status]} for status in statuses}


_MEANINGS = {
    "200": "The right answer",
    "400": "The body cannot be parsed",
    "413": "The body is too long",
    "422": "The file is missing or return_image is no boolean",
    "500": "The upload is no picture or the model failed",
}
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary"}},
}
OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "YOLO11n Inference API", "version": "0.1.0"},
    "paths": {
        "/health": {"get": {"summary": "Health", "responses": _described("200")}},
        "/predict": {
            "post": {
                "summary": "Predict",
                "parameters": [
                    {
                        "name": "return_image",
                        "in": "query",
                        "schema": {"type": "boolean", "default": False},
                    }
                ],
                "requestBody": {
                    "required": True,
                    "content": {"multipart/form-data": {"schema": _FORM}},
                },
                "responses": _described(*_MEANINGS),
            }
        },
    },
}
