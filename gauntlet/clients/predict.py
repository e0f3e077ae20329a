"""The YOLO prediction service as pure functions: what to send, and whether an answer is right.

    upload = multipart(pool.next(), "test_image.jpg")
    # POST PREDICT_WITH_IMAGE_PATH; headers: upload.content_type, upload.length; body: upload.parts
    check_prediction(status, content_type, body, size=(640, 480), image=True)

Nothing here touches a socket. A check returns when the answer is right and raises `WrongAnswer`
with an `Outcome` when it is not; the texts name kinds and limits, never anything a server wrote.
"""

from enum import StrEnum
from functools import lru_cache
from io import BytesIO
from types import NoneType
from typing import NamedTuple, NoReturn, Protocol

import orjson
from PIL import JpegImagePlugin
from pybase64 import b64decode

from gauntlet.errors import WrongAnswer

# Names in the statistics, the ones of the original tester.
HEALTH = "/health"
PREDICT = "/predict?return_image=False"
PREDICT_WITH_IMAGE = "/predict?return_image=True"
PREDICT_LARGE = "/predict (large image)"

# On the wire; the service takes False and True as well.
HEALTH_PATH = "/health"
PREDICT_PATH = "/predict?return_image=false"
PREDICT_WITH_IMAGE_PATH = "/predict?return_image=true"

CLASSES = 80
TOLERANCE_PX = 1.0

# It would have to come up by chance in the output of a compressor, with odds of one in 2**480: no
# body is searched for it.
BOUNDARY = "gauntlet-5e1b0c7d94f2a6388d3370c1fb62e459-a97d10e8c4563bf2071b"

Body = bytes | bytearray | memoryview
Size = tuple[int, int]
_PREDICTION_KEYS = frozenset({"xyxy", "score", "class"})
_PART_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
_KNOWN_TYPES = ("text/plain", "text/html", "application/problem+json", "application/octet-stream")
_FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
_PNG = b"\x89PNG"
_NUMBERS = frozenset({int, float})
_KINDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "a bool",
    NoneType: "nothing",
}
_END = f"\r\n--{BOUNDARY}--\r\n".encode()


class Outcome(StrEnum):
    """Every way in which an answer can be wrong."""

    STATUS = "status"
    CONTENT_TYPE = "content type"
    BAD_SHAPE = "bad shape"
    MISSING_IMAGE = "missing image"
    UNASKED_IMAGE = "unasked image"
    WRONG_IMAGE = "wrong image"


class Parts(Protocol):
    """What `multipart` needs of a picture."""

    @property
    def parts(self) -> tuple[bytes | memoryview, ...]: ...
    @property
    def length(self) -> int: ...


class Upload(NamedTuple):
    """A request body as parts that go out one after the other, and its two headers."""

    parts: tuple[bytes | memoryview, ...]
    length: int
    content_type: str


def multipart(picture: Parts, filename: str) -> Upload:
    """The picture as the form's one field, `file`; about 0.5 µs, nothing of it is copied.

    The suffix of the name decides how the service reads the picture. Use few names: the heads of
    the last 256 are kept.
    """
    head = _head(filename)
    length = len(head) + picture.length + len(_END)
    return Upload((head, *picture.parts, _END), length, _FORM_TYPE)


@lru_cache(maxsize=256)
def _head(filename: str) -> bytes:
    """What stands before the picture; the name is escaped the way browsers do it."""
    suffix = filename[filename.rfind(".") :].lower()
    escaped = filename.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
    return (
        f"--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{escaped}"\r\n'
        f"Content-Type: {_PART_TYPES.get(suffix, 'application/octet-stream')}\r\n\r\n"
    ).encode(errors="replace")


def check_health(status: int, content_type: str | None, body: Body) -> None:
    """`{"status":"ok"}` with 200 as JSON; about 0.3 µs."""
    answer = _json_object(status, content_type, body)
    if answer.get("status") != "ok":
        _bad_shape("the status ok", "another or none")


def check_prediction(
    status: int, content_type: str | None, body: Body, *, size: Size, image: bool
) -> None:
    """A list of predictions inside a picture of that size, and the drawn picture only if asked.

    About 12 µs for 10 boxes. A drawn picture of 640x480 (121 kB of JSON) adds 0.9 ms, one of
    1920x1080 (750 kB) 5.4 ms, nearly all of it decoding.
    """
    answer = _json_object(status, content_type, body)
    predictions = answer.get("predictions")
    if not isinstance(predictions, list):
        _bad_shape("a list of predictions", _kind(predictions))
    for prediction in predictions:
        _check_one(prediction, size)
    if not image:
        if "image" in answer:
            raise WrongAnswer(Outcome.UNASKED_IMAGE, "expected no image, got one")
    elif "image" not in answer:
        raise WrongAnswer(Outcome.MISSING_IMAGE, "expected an image, got none")
    else:
        _check_image(answer["image"], size)


def _json_object(status: int, content_type: str | None, body: Body) -> dict[str, object]:
    if status != 200:
        raise WrongAnswer(Outcome.STATUS, f"expected 200, got {status}")
    if content_type != "application/json":
        _check_content_type(content_type)
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        _bad_shape("JSON", "something else")
    if not isinstance(answer, dict):
        _bad_shape("an object", _kind(answer))
    return answer


def _check_content_type(content_type: str | None) -> None:
    """JSON with or without parameters, in any case; an unknown type is not repeated in the text."""
    essence = (content_type or "").partition(";")[0].strip().lower()
    if essence == "application/json":
        return
    got = essence if essence in _KNOWN_TYPES else "another" if essence else "none"
    raise WrongAnswer(Outcome.CONTENT_TYPE, f"expected application/json, got {got}")


def _check_one(prediction: object, size: Size) -> None:
    """One box with its score and its class, and nothing else."""
    if not isinstance(prediction, dict) or prediction.keys() != _PREDICTION_KEYS:
        _bad_shape("xyxy, score and class in a prediction", "other content")
    _check_box(prediction["xyxy"], size)
    score, number = prediction["score"], prediction["class"]
    if not _is_number(score):
        _bad_shape("a number as score", _kind(score))
    if not 0 <= score <= 1:
        _bad_shape("a score from 0 to 1", "another number")
    if type(number) is not int:
        _bad_shape("a whole number as class", _kind(number))
    if not 0 <= number < CLASSES:
        _bad_shape(f"a class from 0 to {CLASSES - 1}", "another number")


def _check_box(box: object, size: Size) -> None:
    """Two corners in order and inside; a comparison with NaN or infinity fails as it should."""
    if not isinstance(box, list):
        _bad_shape("four numbers as xyxy", _kind(box))
    if len(box) != 4 or not all(map(_is_number, box)):
        _bad_shape("four numbers as xyxy", "another list")
    left, top, right, bottom = box
    if not (left <= right and top <= bottom):
        _bad_shape("the corners of a box in order", "the reverse")
    if not (
        left >= -TOLERANCE_PX
        and top >= -TOLERANCE_PX
        and right <= size[0] + TOLERANCE_PX
        and bottom <= size[1] + TOLERANCE_PX
    ):
        _bad_shape("a box inside the picture", "one that leaves it")


def _check_image(encoded: object, size: Size) -> None:
    """A whole JPEG file of that size in base64.

    Decoded to an eighth of the size and to grey: the cheapest way that still walks through all of
    the compressed data, so a cut file is found. Like any libjpeg, it repairs flipped bits silently.
    """
    if not isinstance(encoded, str):
        _wrong_image("base64 text", _kind(encoded))
    try:
        data = b64decode(encoded, validate=True)
    except ValueError:
        _wrong_image("base64 text", "other text")
    try:
        # Opened by its own class: the size is looked at before anything is allocated for it.
        picture = JpegImagePlugin.JpegImageFile(BytesIO(data))
        if picture.size == size:
            picture.draft("L", (1, 1))
            picture.load()
            return
    except SyntaxError:
        _wrong_image("a JPEG", "a PNG" if data.startswith(_PNG) else "something else")
    except OSError:
        _wrong_image("a whole JPEG", "a broken one")
    _wrong_image("the size of the upload", "another")


def _is_number(value: object) -> bool:
    return type(value) in _NUMBERS


def _kind(value: object) -> str:
    return _KINDS[type(value)]


def _bad_shape(expected: str, got: str) -> NoReturn:
    raise WrongAnswer(Outcome.BAD_SHAPE, f"expected {expected}, got {got}")


def _wrong_image(expected: str, got: str) -> NoReturn:
    raise WrongAnswer(Outcome.WRONG_IMAGE, f"expected {expected}, got {got}")
