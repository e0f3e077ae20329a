"""What is sent to the prediction service, and every way in which its answer can be wrong."""

from io import BytesIO

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pybase64 import b64encode
from python_multipart import parse_form
from python_multipart.multipart import File

from gauntlet.clients import predict
from gauntlet.clients.predict import Outcome, check_health, check_prediction, multipart
from gauntlet.errors import WrongAnswer
from gauntlet.payloads.pictures import Picture, PicturePool

JSON = "application/json"
SIZE = (64, 48)
BOX: dict[str, object] = {"xyxy": [1.5, 2, 30.25, 40], "score": 0.91, "class": 16}
POOL = PicturePool.make(size=SIZE, seed=7, count=2)
PNG_POOL = PicturePool.make(size=SIZE, seed=7, count=1, format="PNG")


def encoded(size: tuple[int, int] = SIZE, format: str = "JPEG", **options: object) -> bytes:
    file = BytesIO()
    noise = Image.effect_noise(size, 90).convert("RGB")
    noise.save(file, format, **options)
    return file.getvalue()


def text(data: bytes) -> str:
    return b64encode(data).decode()


def answer(*predictions: object, **more: object) -> bytes:
    return orjson.dumps({"predictions": predictions, **more})


def check(
    body: predict.Body, *, status: int = 200, content_type: str | None = JSON, image: bool = False
) -> None:
    check_prediction(status, content_type, body, size=SIZE, image=image)


def received(picture: Picture, filename: str) -> File:
    """The upload as an independent parser understands it."""
    upload = multipart(picture, filename)
    body = b"".join(upload.parts)
    assert len(body) == upload.length
    files: list[File] = []
    headers = {"Content-Type": upload.content_type.encode()}
    parse_form(headers, BytesIO(body), lambda _: pytest.fail("a field"), files.append)
    [file] = files
    return file


def content(file: File) -> bytes:
    file.file_object.seek(0)
    return file.file_object.read()


@pytest.mark.parametrize("pool", [POOL, PNG_POOL], ids=["JPEG", "PNG"])
def test_an_independent_parser_gets_the_picture_out_of_the_upload(pool: PicturePool) -> None:
    picture = pool.next()
    file = received(picture, "test_image.jpg")
    assert (file.field_name, file.file_name) == (b"file", b"test_image.jpg")
    assert content(file) == picture.content


def test_nothing_of_the_picture_is_copied() -> None:
    picture = POOL.next()
    upload = multipart(picture, "test_image.jpg")
    assert all(sent is own for sent, own in zip(upload.parts[1:-1], picture.parts, strict=True))


def test_the_head_of_a_name_is_rendered_once() -> None:
    first, second = (multipart(POOL.next(), "test_large_image.jpg") for _ in range(2))
    assert first.parts[0] is second.parts[0]


@pytest.mark.parametrize(
    ("filename", "type_"),
    [
        ("a.jpg", b"image/jpeg"),
        ("A.JPEG", b"image/jpeg"),
        ("a.png", b"image/png"),
        ("a", b"application/octet-stream"),
    ],
)
def test_the_part_says_what_the_name_says(filename: str, type_: bytes) -> None:
    head = bytes(multipart(POOL.next(), filename).parts[0])
    assert head.endswith(b"\r\nContent-Type: " + type_ + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("filename", "sent"),
    [
        pytest.param('a".jpg', 'filename="a%22.jpg"', id="a quotation mark"),
        pytest.param("a\r\nX: 1.jpg", 'filename="a%0D%0AX: 1.jpg"', id="a line end"),
        pytest.param("bild ü.jpg", 'filename="bild ü.jpg"', id="beyond ASCII"),
        pytest.param("a\udcff.jpg", 'filename="a?.jpg"', id="a name that is no text"),
    ],
)
def test_no_name_can_break_the_head(filename: str, sent: str) -> None:
    head = bytes(multipart(POOL.next(), filename).parts[0]).decode()
    assert head.count("\r\n") == 4
    assert head.splitlines()[1] == f'Content-Disposition: form-data; name="file"; {sent}'


def test_the_boundary_is_legal_and_in_no_picture() -> None:
    assert len(predict.BOUNDARY) <= 70
    assert predict.BOUNDARY.replace("-", "").isalnum()
    for pool in (POOL, PNG_POOL):
        assert predict.BOUNDARY.encode() not in pool.next().content


def test_the_names_in_the_statistics_are_those_of_the_original_tester() -> None:
    assert [predict.HEALTH, predict.PREDICT, predict.PREDICT_WITH_IMAGE, predict.PREDICT_LARGE] == [
        "/health",
        "/predict?return_image=False",
        "/predict?return_image=True",
        "/predict (large image)",
    ]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param(JSON, b'{"status":"ok"}', id="as the service says it"),
        pytest.param(JSON, b'{ "status" : "ok" }\n', id="with blanks"),
        pytest.param("Application/JSON; charset=utf-8", b'{"status":"ok"}', id="with a charset"),
    ],
)
def test_a_healthy_service_is_healthy(content_type: str, body: bytes) -> None:
    check_health(200, content_type, body)


@pytest.mark.parametrize(
    ("status", "content_type", "body", "message"),
    [
        pytest.param(503, JSON, b"", "status: expected 200, got 503", id="another status"),
        pytest.param(204, JSON, b"", "status: expected 200, got 204", id="another good status"),
        pytest.param(
            200,
            "text/html; charset=utf-8",
            b'{"status":"ok"}',
            "content type: expected application/json, got text/html",
            id="a page",
        ),
        pytest.param(
            200,
            None,
            b'{"status":"ok"}',
            "content type: expected application/json, got none",
            id="no content type",
        ),
        pytest.param(
            200,
            "request/4711",
            b'{"status":"ok"}',
            "content type: expected application/json, got another",
            id="a content type nobody knows",
        ),
        pytest.param(
            200, JSON, b'{"status":', "bad shape: expected JSON, got something else", id="cut off"
        ),
        pytest.param(
            200, JSON, b'["ok"]', "bad shape: expected an object, got a list", id="a list"
        ),
        pytest.param(
            200,
            JSON,
            b'{"status":"sick"}',
            "bad shape: expected the status ok, got another or none",
            id="another word",
        ),
        pytest.param(
            200, JSON, b"{}", "bad shape: expected the status ok, got another or none", id="no word"
        ),
    ],
)
def test_a_wrong_health_answer_is_named(
    status: int, content_type: str | None, body: bytes, message: str
) -> None:
    with pytest.raises(WrongAnswer) as wrong:
        check_health(status, content_type, body)
    assert str(wrong.value) == message
    assert message.startswith(f"{wrong.value.outcome}: ")


@pytest.mark.parametrize(
    "predictions",
    [
        pytest.param([], id="nothing found"),
        pytest.param([BOX], id="one box"),
        pytest.param([BOX] * 300, id="many boxes"),
        pytest.param([BOX | {"xyxy": [0, 0, 64, 48]}], id="the whole picture"),
        pytest.param([BOX | {"xyxy": [-1.0, -1.0, 65.0, 49.0]}], id="a pixel beyond every edge"),
        pytest.param([BOX | {"xyxy": [5.0, 6.0, 5.0, 6.0]}], id="a point"),
        pytest.param([BOX | {"score": 0}, BOX | {"score": 1}], id="scores at both ends"),
        pytest.param([BOX | {"class": 0}, BOX | {"class": 79}], id="classes at both ends"),
    ],
)
def test_a_right_prediction_passes(predictions: list[object]) -> None:
    check(answer(*predictions))
    check(answer(*predictions, image=text(encoded())), image=True)


@settings(deadline=None)
@given(corners=st.tuples(*[st.floats(0, 1)] * 4), score=st.floats(0, 1), number=st.integers(0, 79))
def test_every_box_inside_passes(corners: tuple[float, ...], score: float, number: int) -> None:
    left, right = sorted(corner * SIZE[0] for corner in corners[:2])
    top, bottom = sorted(corner * SIZE[1] for corner in corners[2:])
    check(answer({"xyxy": [left, top, right, bottom], "score": score, "class": number}))


WRONG_PREDICTIONS = [
    pytest.param("a box", "xyxy, score and class in a prediction, got other content", id="a text"),
    pytest.param(
        {"xyxy": [1, 2, 3, 4], "score": 0.5},
        "xyxy, score and class in a prediction, got other content",
        id="no class",
    ),
    pytest.param(
        BOX | {"name": "dog"},
        "xyxy, score and class in a prediction, got other content",
        id="one key more",
    ),
    pytest.param(BOX | {"xyxy": "1,2,3,4"}, "four numbers as xyxy, got a text", id="box as text"),
    pytest.param(BOX | {"xyxy": None}, "four numbers as xyxy, got nothing", id="no box"),
    pytest.param(BOX | {"xyxy": [1, 2, 3]}, "four numbers as xyxy, got another list", id="three"),
    pytest.param(BOX | {"xyxy": [1] * 5}, "four numbers as xyxy, got another list", id="five"),
    pytest.param(
        BOX | {"xyxy": [1, 2, None, 4]}, "four numbers as xyxy, got another list", id="NaN as null"
    ),
    pytest.param(
        BOX | {"xyxy": [False, 2, 3, 4]}, "four numbers as xyxy, got another list", id="a bool"
    ),
    pytest.param(
        BOX | {"xyxy": [3, 2, 1, 4]},
        "the corners of a box in order, got the reverse",
        id="mirrored",
    ),
    pytest.param(
        BOX | {"xyxy": [1, 4, 3, 2]}, "the corners of a box in order, got the reverse", id="flipped"
    ),
    pytest.param(
        BOX | {"xyxy": [-1.1, 2, 3, 4]},
        "a box inside the picture, got one that leaves it",
        id="left",
    ),
    pytest.param(
        BOX | {"xyxy": [1, -1.1, 3, 4]},
        "a box inside the picture, got one that leaves it",
        id="top",
    ),
    pytest.param(
        BOX | {"xyxy": [1, 2, 65.1, 4]},
        "a box inside the picture, got one that leaves it",
        id="right",
    ),
    pytest.param(
        BOX | {"xyxy": [1, 2, 3, 49.1]},
        "a box inside the picture, got one that leaves it",
        id="bottom",
    ),
    pytest.param(BOX | {"score": "0.9"}, "a number as score, got a text", id="score as text"),
    pytest.param(BOX | {"score": True}, "a number as score, got a bool", id="score as bool"),
    pytest.param(
        BOX | {"score": 1.01}, "a score from 0 to 1, got another number", id="score too high"
    ),
    pytest.param(
        BOX | {"score": -0.01}, "a score from 0 to 1, got another number", id="score too low"
    ),
    pytest.param(BOX | {"class": True}, "a whole number as class, got a bool", id="class as bool"),
    pytest.param(BOX | {"class": 16.0}, "a whole number as class, got a number", id="class 16.0"),
    pytest.param(BOX | {"class": "dog"}, "a whole number as class, got a text", id="class as name"),
    pytest.param(
        BOX | {"class": 80}, "a class from 0 to 79, got another number", id="class too high"
    ),
    pytest.param(
        BOX | {"class": -1}, "a class from 0 to 79, got another number", id="class too low"
    ),
]


@pytest.mark.parametrize(("prediction", "message"), WRONG_PREDICTIONS)
def test_a_wrong_prediction_is_named_wherever_it_stands(prediction: object, message: str) -> None:
    for predictions in ([prediction], [BOX, BOX, prediction]):
        with pytest.raises(WrongAnswer) as wrong:
            check(answer(*predictions))
        assert wrong.value.outcome is Outcome.BAD_SHAPE
        assert str(wrong.value) == f"bad shape: expected {message}"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("place", ["xyxy", "score"])
def test_a_number_that_is_not_finite_is_wrong(place: str, number: str) -> None:
    box = {"xyxy": f"[1,2,{number},4]" if place == "xyxy" else "[1,2,3,4]"}
    score = number if place == "score" else "0.5"
    body = f'{{"predictions":[{{"xyxy":{box["xyxy"]},"score":{score},"class":1}}]}}'
    with pytest.raises(WrongAnswer) as wrong:
        check(body.encode())
    assert wrong.value.outcome is Outcome.BAD_SHAPE


@pytest.mark.parametrize(
    ("status", "content_type", "body", "message"),
    [
        pytest.param(
            500,
            "text/plain; charset=utf-8",
            b"Internal Server Error",
            "status: expected 200, got 500",
            id="the service broke",
        ),
        pytest.param(
            422, JSON, b'{"detail":[]}', "status: expected 200, got 422", id="it refused the upload"
        ),
        pytest.param(
            200,
            "text/plain",
            answer(),
            "content type: expected application/json, got text/plain",
            id="JSON that says it is text",
        ),
        pytest.param(
            200, JSON, b"<html>", "bad shape: expected JSON, got something else", id="no JSON"
        ),
        pytest.param(200, JSON, b"", "bad shape: expected JSON, got something else", id="empty"),
        pytest.param(
            200, JSON, b"null", "bad shape: expected an object, got nothing", id="nothing"
        ),
        pytest.param(
            200,
            JSON,
            b'{"detail":"no"}',
            "bad shape: expected a list of predictions, got nothing",
            id="no predictions",
        ),
        pytest.param(
            200,
            JSON,
            b'{"predictions":{}}',
            "bad shape: expected a list of predictions, got an object",
            id="predictions as object",
        ),
    ],
)
@pytest.mark.parametrize("image", [False, True], ids=["without image", "with image"])
def test_an_answer_without_predictions_is_named(
    status: int, content_type: str, body: bytes, message: str, image: bool
) -> None:
    with pytest.raises(WrongAnswer) as wrong:
        check(body, status=status, content_type=content_type, image=image)
    assert str(wrong.value) == message


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encoded(), id="as the service encodes it"),
        pytest.param(encoded(progressive=True), id="progressive"),
        pytest.param(encoded(subsampling="4:4:4", quality=95), id="without subsampling"),
        pytest.param(POOL.next().content, id="with a comment"),
        pytest.param(encoded() + b"\0\0", id="with a tail"),
    ],
)
def test_a_right_image_passes(data: bytes) -> None:
    check(answer(BOX, image=text(data)), image=True)


def test_a_grey_image_passes() -> None:
    file = BytesIO()
    Image.effect_noise(SIZE, 90).save(file, "JPEG")
    check(answer(image=text(file.getvalue())), image=True)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 300)])
def test_the_smallest_images_pass(size: tuple[int, int]) -> None:
    body = answer(image=text(encoded(size)))
    check_prediction(200, JSON, body, size=size, image=True)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_body_may_lie_in_any_buffer(kind: type[bytes] | type[bytearray]) -> None:
    check(kind(answer(BOX)))


BASE64 = "wrong image: expected base64 text"


@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param(None, f"{BASE64}, got nothing", id="null"),
        pytest.param(["a"], f"{BASE64}, got a list", id="a list"),
        pytest.param("data:image/jpeg;base64,AAAA", f"{BASE64}, got other text", id="a data URI"),
        pytest.param(text(encoded())[:-1], f"{BASE64}, got other text", id="padding missing"),
        pytest.param("Bild ü", f"{BASE64}, got other text", id="beyond ASCII"),
        pytest.param("", "wrong image: expected a JPEG, got something else", id="empty"),
        pytest.param(
            text(b"no picture"), "wrong image: expected a JPEG, got something else", id="no picture"
        ),
        pytest.param(
            text(encoded()[:100]),
            "wrong image: expected a whole JPEG, got a broken one",
            id="cut in the header",
        ),
        pytest.param(
            text(encoded(format="PNG")), "wrong image: expected a JPEG, got a PNG", id="a PNG"
        ),
        pytest.param(
            text(encoded((48, 64))),
            "wrong image: expected the size of the upload, got another",
            id="turned",
        ),
        pytest.param(
            text(encoded((8, 6))),
            "wrong image: expected the size of the upload, got another",
            id="an eighth of the size",
        ),
    ],
)
def test_a_wrong_image_is_named(image: object, message: str) -> None:
    with pytest.raises(WrongAnswer) as wrong:
        check(answer(BOX, image=image), image=True)
    assert wrong.value.outcome is Outcome.WRONG_IMAGE
    assert str(wrong.value) == message


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
@pytest.mark.parametrize("missing", [1, 2, 3, 10, 300, 1500])
def test_an_image_is_read_to_its_end(missing: int, progressive: bool) -> None:
    cut = encoded(progressive=progressive)[:-missing]
    with pytest.raises(WrongAnswer, match="^wrong image: expected a whole JPEG, got a broken one$"):
        check(answer(image=text(cut)), image=True)


def test_an_image_that_claims_to_be_gigantic_is_not_decoded() -> None:
    data = bytearray(encoded())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = b"\xff\xdc" * 2
    with pytest.raises(WrongAnswer, match="expected the size of the upload, got another"):
        check(answer(image=text(bytes(data))), image=True)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=40), st.integers(0, 700))
def test_whatever_an_image_holds_the_answer_is_right_or_wrong(junk: bytes, at: int) -> None:
    data = bytearray(encoded())
    data[at : at + len(junk)] = junk
    try:
        check(answer(image=text(bytes(data))), image=True)
    except WrongAnswer as wrong:
        assert wrong.outcome is Outcome.WRONG_IMAGE


def test_an_image_that_was_left_out_is_missed() -> None:
    with pytest.raises(WrongAnswer, match="^missing image: expected an image, got none$") as wrong:
        check(answer(BOX), image=True)
    assert wrong.value.outcome is Outcome.MISSING_IMAGE


@pytest.mark.parametrize("image", [None, "", text(encoded())], ids=["null", "empty", "whole"])
def test_an_image_nobody_asked_for_is_wrong(image: str | None) -> None:
    with pytest.raises(WrongAnswer, match="^unasked image: expected no image, got one$") as wrong:
        check(answer(BOX, image=image))
    assert wrong.value.outcome is Outcome.UNASKED_IMAGE


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param("text/s3cret", answer(), id="in the content type"),
        pytest.param(JSON, b"s3cret", id="in what is no JSON"),
        pytest.param(JSON, b'{"detail":"s3cret"}', id="in an error"),
        pytest.param(JSON, answer("s3cret"), id="as a prediction"),
        pytest.param(JSON, answer(BOX | {"s3cret": 1}), id="as a key"),
        pytest.param(JSON, answer(BOX | {"xyxy": ["s3cret"] * 4}), id="in a box"),
        pytest.param(JSON, answer(BOX | {"class": "s3cret"}), id="as a class"),
        pytest.param(JSON, answer(BOX, image="s3cret"), id="as an image"),
    ],
)
def test_no_text_repeats_what_a_server_wrote(content_type: str, body: bytes) -> None:
    with pytest.raises(WrongAnswer) as wrong:
        check(body, content_type=content_type)
    assert "s3cret" not in str(wrong.value)
