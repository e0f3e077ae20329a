"""The reference target of predict answers like the original service, byte for byte in errors."""

import base64
import http.client
import io
import json
import socket
import struct
import threading
import time
from typing import Any
from zlib import crc32

import click
import pytest
from PIL import Image, ImageChops

from gauntlet.targets.cli import target as target_group
from tests.targets.conftest import (
    BOUNDARY,
    FORM,
    Answer,
    Picture,
    StartTarget,
    Target,
    ask,
    end,
    form,
    in_one_of_five,
    launch,
    picture,
    wait_until,
)

MISSING = '{"type":"missing","loc":["body","file"],"msg":"Field required","input":null}'
NO_FILE = f'{{"detail":[{MISSING}]}}'
UNPARSED = '{"detail":"There was an error parsing the body"}'
NOT_FOUND = '{"detail":"Not Found"}'
NOT_ALLOWED = '{"detail":"Method Not Allowed"}'
FAILED = (500, "text/plain; charset=utf-8", b"Internal Server Error")


def huge_png(width: int, height: int) -> bytes:
    """A PNG file that says how large it is and then ends."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    ending = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", crc32(b"IDAT"))
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + header
        + struct.pack(">I", crc32(header))
        + ending
    )


def compact(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def no_upload(text: str) -> str:
    """The body of a 422 for a `file` that is a text."""
    return (
        '{"detail":[{"type":"value_error","loc":["body","file"],'
        '"msg":"Value error, Expected UploadFile, received: <class \'str\'>",'
        f'"input":{json.dumps(text, ensure_ascii=False)},"ctx":{{"error":{{}}}}}}]}}'
    )


def no_boolean(text: str, *more: str) -> str:
    """The body of a 422 for a `return_image` that is no boolean."""
    mistake = (
        '{"type":"bool_parsing","loc":["query","return_image"],'
        '"msg":"Input should be a valid boolean, unable to interpret input",'
        f'"input":"{text}"}}'
    )
    return f'{{"detail":[{",".join((mistake, *more))}]}}'


def test_health_is_ok(target: Target) -> None:
    assert target.ask("GET", "/health")[:3] == (200, "application/json", b'{"status":"ok"}')


@pytest.mark.parametrize(
    ("method", "path", "status", "body", "allowed"),
    [
        pytest.param("POST", "/health", 405, NOT_ALLOWED, "GET", id="post to health"),
        pytest.param("HEAD", "/health", 405, "", "GET", id="head of health"),
        pytest.param("GET", "/predict", 405, NOT_ALLOWED, "POST", id="get of predict"),
        pytest.param("PUT", "/predict", 405, NOT_ALLOWED, "POST", id="put to predict"),
        pytest.param("OPTIONS", "/predict", 405, NOT_ALLOWED, "POST", id="options of predict"),
        pytest.param("GET", "/", 404, NOT_FOUND, None, id="the root"),
        pytest.param("GET", "/Health", 404, NOT_FOUND, None, id="a path in the wrong case"),
        pytest.param("POST", "/predictions", 404, NOT_FOUND, None, id="an unknown path"),
    ],
)
def test_other_methods_and_paths_are_refused(
    target: Target, method: str, path: str, status: int, body: str, allowed: str | None
) -> None:
    connection = target.connect()
    connection.request(method, path)
    response = connection.getresponse()
    assert (response.status, response.read().decode()) == (status, body)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["allow"] == allowed
    connection.close()


def test_a_slash_too_many_is_redirected(target: Target) -> None:
    connection = target.connect()
    connection.request("POST", "/predict/")
    response = connection.getresponse()
    assert (response.status, response.read()) == (307, b"")
    assert response.headers["location"] == f"http://127.0.0.1:{target.port}/predict"
    connection.close()


@pytest.mark.parametrize(
    ("body", "content_type", "query", "status", "expected"),
    [
        pytest.param(b"", "", "", 422, NO_FILE, id="no body"),
        pytest.param(b"", FORM, "", 422, NO_FILE, id="an empty form"),
        pytest.param(b"{}", "application/json", "", 422, NO_FILE, id="json"),
        pytest.param(picture().data, "image/jpeg", "", 422, NO_FILE, id="a raw picture"),
        pytest.param(
            form(picture().data, field="image"), FORM, "", 422, NO_FILE, id="a wrong field name"
        ),
        pytest.param(form(b"", None), FORM, "", 422, NO_FILE, id="an empty text field"),
        pytest.param(
            form(b"hello", None), FORM, "", 422, no_upload("hello"), id="an ordinary text field"
        ),
        pytest.param(
            form("gr\u00fc\u00df".encode(), None),
            FORM,
            "",
            422,
            no_upload("gr\u00fc\u00df"),
            id="a text field beyond ascii",
        ),
        pytest.param(
            b"file=a+b",
            "application/x-www-form-urlencoded",
            "",
            422,
            no_upload("a b"),
            id="an urlencoded field",
        ),
        pytest.param(
            form(b"content", ""), FORM, "", 422, no_upload("content"), id="an empty file name"
        ),
        pytest.param(
            form(b"\xff\xd8\x00z", ""),
            FORM,
            "",
            422,
            no_upload("\u00ff\u00d8\x00z"),
            id="binary content with an empty file name",
        ),
        pytest.param(
            *(form(picture().data), FORM, "?return_image=maybe", 422, no_boolean("maybe")),
            id="a boolean that is none",
        ),
        pytest.param(
            *(form(picture().data), FORM, "?return_image=", 422, no_boolean("")),
            id="an empty boolean",
        ),
        pytest.param(
            *(form(picture().data), FORM, "?return_image=%20true", 422, no_boolean(" true")),
            id="a boolean behind a blank",
        ),
        pytest.param(
            *(b"", "", "?return_image=maybe", 422, no_boolean("maybe", MISSING)),
            id="neither a boolean nor a file",
        ),
        pytest.param(b"no form at all", FORM, "", 400, UNPARSED, id="malformed multipart"),
        pytest.param(
            form(picture().data), FORM + "-other", "", 400, UNPARSED, id="another boundary"
        ),
        pytest.param(
            f"--{BOUNDARY}\r\nBad header: x\r\n\r\n".encode(),
            FORM,
            "",
            400,
            UNPARSED,
            id="a header with a blank in its name",
        ),
        pytest.param(
            *(b"no form", FORM, "?return_image=maybe", 400, UNPARSED),
            id="malformed multipart beats a wrong boolean",
        ),
        pytest.param(
            form(picture().data),
            "multipart/form-data",
            "",
            400,
            '{"detail":"Missing boundary in multipart."}',
            id="no boundary",
        ),
        pytest.param(
            form(b"a" * 1_100_000, None),
            FORM,
            "",
            400,
            '{"detail":"Part exceeded maximum size of 1024KB."}',
            id="a text field above a megabyte",
        ),
    ],
)
def test_a_bad_request_is_told_in_the_words_of_the_original(
    target: Target, body: bytes, content_type: str, query: str, status: int, expected: str
) -> None:
    answer = target.ask("POST", f"/predict{query}", body, content_type)
    assert answer[:2] == (status, "application/json")
    assert answer.body == expected.encode()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        pytest.param(b"garbage", "picture.jpg", id="garbage"),
        pytest.param(b"", "picture.jpg", id="an empty file"),
        pytest.param(picture(640, 480).data[:50_000], "picture.jpg", id="a truncated jpeg"),
        pytest.param(picture(format="PNG").data[:2000], "picture.png", id="a truncated png"),
        pytest.param(picture().data, "picture.txt", id="an unsupported suffix"),
        pytest.param(picture().data, "picture.mp4", id="a broken video"),
        pytest.param(huge_png(40_000, 40_000), "picture.png", id="a picture that is too large"),
    ],
)
def test_what_is_no_picture_is_a_500_as_text_and_closes_the_connection(
    target: Target, data: bytes, name: str
) -> None:
    connection = target.connect()
    assert ask(connection, "POST", "/predict", form(data, name), FORM)[:3] == FAILED
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        connection.request("GET", "/health")
        connection.getresponse()
    connection.close()


@pytest.mark.parametrize(
    ("upload", "name"),
    [
        pytest.param(picture(1, 1), "picture.jpg", id="one pixel"),
        pytest.param(picture(format="PNG"), "picture.png", id="png"),
        pytest.param(picture(format="PNG", mode="RGBA"), "picture.png", id="png with alpha"),
        pytest.param(picture(format="PNG", mode="L"), "picture.png", id="grey png"),
        pytest.param(picture(format="PNG"), "picture.jpg", id="png that says jpeg"),
        pytest.param(picture(), "picture", id="no suffix"),
        pytest.param(picture(), "PICTURE.JPG", id="suffix in capitals"),
        pytest.param(picture(1920, 1080), "picture.jpg", id="upload above a megabyte"),
    ],
)
def test_any_picture_is_a_200(target: Target, upload: Picture, name: str) -> None:
    answer = target.predict(upload.data, name=name)
    assert answer[:2] == (200, "application/json")
    assert list(answer.content) == ["predictions"]


@pytest.mark.parametrize("word", "true True TRUE 1 yes YeS on t T y".split())
def test_every_word_for_true_returns_the_image(target: Target, word: str) -> None:
    assert "image" in target.predict(picture().data, f"?return_image={word}").content


@pytest.mark.parametrize("word", "false False FALSE 0 no No off f n N".split())
def test_every_word_for_false_leaves_the_image_out(target: Target, word: str) -> None:
    assert "image" not in target.predict(picture().data, f"?return_image={word}").content


def test_predictions_are_well_formed_and_inside_the_picture(target: Target) -> None:
    answers = [target.predict(picture(seed=seed).data) for seed in range(40)]
    for answer in answers:
        for prediction in answer.content["predictions"]:
            check_prediction(prediction, 64, 48)
    lengths = [len(answer.content["predictions"]) for answer in answers]
    assert min(lengths) == 0 and max(lengths) > 1


def check_prediction(prediction: dict[str, Any], width: int, height: int) -> None:
    assert list(prediction) == ["xyxy", "score", "class"]
    left, top, right, bottom = prediction["xyxy"]
    assert all(isinstance(edge, float) for edge in prediction["xyxy"])
    assert 0 <= left <= right <= width and 0 <= top <= bottom <= height
    assert isinstance(prediction["score"], float) and 0 <= prediction["score"] <= 1
    assert type(prediction["class"]) is int and 0 <= prediction["class"] < 80


def test_the_pixels_alone_decide_the_predictions(target: Target) -> None:
    png = picture(seed=3, format="PNG").data
    same = io.BytesIO()
    with Image.open(io.BytesIO(png)) as decoded:
        decoded.save(same, "BMP")
    bodies = {target.predict(data, name="p.png").body for data in (png, png, same.getvalue())}
    assert len(bodies) == 1
    others = {target.predict(picture(seed=seed).data).body for seed in range(20)}
    assert len(others) > 10


def test_two_targets_and_their_workers_agree_on_the_predictions(
    target: Target, start_target: StartTarget
) -> None:
    with start_target("--workers", "2", "--seed", "9") as other:
        for seed in range(5):
            data = picture(seed=seed).data
            assert other.predict(data).body == target.predict(data).body


def test_json_has_no_blanks(target: Target) -> None:
    for query in ("", "?return_image=1"):
        answer = target.predict(picture().data, query)
        assert answer.body == compact(answer.content)


@pytest.mark.parametrize("size", [(64, 48), (1, 1), (641, 479)], ids=lambda size: f"{size}")
def test_the_returned_image_is_a_jpeg_of_the_same_size(
    target: Target, size: tuple[int, int]
) -> None:
    sent = picture(*size).data
    answer = target.predict(sent, "?return_image=true").content
    assert list(answer) == ["predictions", "image"]
    reference = io.BytesIO()
    Image.new("RGB", (1, 1)).save(reference, "JPEG", quality=75)
    with (
        Image.open(io.BytesIO(base64.b64decode(answer["image"], validate=True))) as returned,
        Image.open(reference) as quality_75,
    ):
        assert (returned.format, returned.size, returned.mode) == ("JPEG", size, "RGB")
        returned.load()
        assert returned.quantization == quality_75.quantization  # type: ignore[attr-defined]


def test_the_returned_image_shows_the_boxes(target: Target) -> None:
    grey = io.BytesIO()
    for shade in range(256):
        grey = io.BytesIO()
        Image.new("RGB", (200, 200), (shade, shade, shade)).save(grey, "PNG")
        answer = target.predict(grey.getvalue(), "?return_image=true").content
        if answer["predictions"]:
            break
    with (
        Image.open(grey) as sent,
        Image.open(io.BytesIO(base64.b64decode(answer["image"]))) as returned,
    ):
        changed = ImageChops.difference(sent, returned).getbbox()
    left, top, right, bottom = changed or (0, 0, 0, 0)
    edges = list(zip(*(item["xyxy"] for item in answer["predictions"]), strict=True))
    smeared = 16  # the blocks of a JPEG carry an edge that far
    assert min(edges[0]) - smeared <= left and min(edges[1]) - smeared <= top
    assert right <= max(edges[2]) + smeared and bottom <= max(edges[3]) + smeared


def test_annotation_failure_leaves_only_the_image_out(start_target: StartTarget) -> None:
    with start_target("--fault-missing-image", "1") as target:
        answer = target.predict(picture().data, "?return_image=true")
    assert answer.status == 200
    assert list(answer.content) == ["predictions"]


def test_annotation_fails_for_a_share(start_target: StartTarget) -> None:
    with start_target("--fault-missing-image", "50%", "--instant") as target:
        bare = [
            "image" not in target.predict(picture().data, "?return_image=1").content
            for _ in range(20)
        ]
    assert 0 < sum(bare) < len(bare)


def test_a_failure_of_the_model_is_a_500_with_its_message(start_target: StartTarget) -> None:
    with start_target("--fault-runtime-error", "100%") as target:
        answer = target.predict(picture().data)
        assert target.ask("GET", "/health").status == 200
        assert target.predict(picture().data, "?return_image=maybe").status == 422
    assert answer[:2] == (500, "application/json")
    assert answer.body == b'{"detail":"the pretend model failed, as it was told to"}'


def test_only_the_first_prediction_loads_the_model(start_target: StartTarget) -> None:
    with start_target("--slow-first", "800ms") as target:
        assert in_one_of_five(lambda: target.ask("GET", "/health").seconds < 0.8)
        assert in_one_of_five(lambda: target.ask("POST", "/predict").seconds < 0.8)
        assert target.predict(picture().data).seconds >= 0.8
        assert in_one_of_five(lambda: target.predict(picture().data).seconds < 0.8)


def test_the_service_time_grows_with_the_picture(start_target: StartTarget) -> None:
    small, large = picture(100, 100).data, picture(1000, 500).data
    with start_target("--service-time", "1s") as target:
        assert in_one_of_five(lambda: 0.01 <= target.predict(small).seconds < 0.3)
        assert in_one_of_five(lambda: 0.5 <= target.predict(large).seconds < 1.5)


def during_a_prediction(target: Target, path: str) -> float:
    """Ask for something while a prediction of a megapixel runs; seconds until it is answered."""
    upload = picture(1000, 1000).data
    predicted: list[Answer] = []
    predicting = threading.Thread(target=lambda: predicted.append(target.predict(upload)))
    predicting.start()
    time.sleep(0.4)
    answer = target.predict(upload) if path == "/predict" else target.ask("GET", path)
    predicting.join()
    assert predicted[0].status == answer.status == 200
    return answer.seconds


def test_health_waits_behind_a_prediction(start_target: StartTarget) -> None:
    with start_target("--service-time", "1.5s") as target:
        assert in_one_of_five(lambda: during_a_prediction(target, "/health") > 0.5)


def test_concurrent_health_does_not_wait(start_target: StartTarget) -> None:
    with start_target("--service-time", "1.5s", "--concurrent-health") as target:
        assert in_one_of_five(lambda: during_a_prediction(target, "/health") < 0.5)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="as the original"),
        pytest.param(["--concurrent-health"], id="in a thread"),
    ],
)
def test_one_worker_makes_one_prediction_at_a_time(
    start_target: StartTarget, options: list[str]
) -> None:
    with start_target("--service-time", "1s", *options) as target:
        assert in_one_of_five(lambda: during_a_prediction(target, "/predict") > 1.3)


def test_two_workers_make_two_predictions_at_a_time(start_target: StartTarget) -> None:
    with start_target("--service-time", "1s", "--workers", "2") as target:
        assert in_one_of_five(lambda: 1 <= during_a_prediction(target, "/predict") < 1.5)


def test_an_instant_target_reads_the_head_of_a_picture_only(start_target: StartTarget) -> None:
    truncated = picture(640, 480).data[:5000]
    with start_target("--instant", "--service-time", "1m", "--slow-first", "1m") as target:
        answer = target.predict(truncated, "?return_image=true")
        again = target.predict(truncated, "?return_image=true")
        failed = [
            target.predict(b"garbage"),
            target.predict(truncated, name="picture.txt"),
            target.predict(huge_png(40_000, 40_000), name="picture.png"),
        ]
        assert target.predict(huge_png(40, 40), name="picture.png").status == 200
    assert (answer.status, answer.body) == (200, again.body)
    for prediction in answer.content["predictions"]:
        check_prediction(prediction, 640, 480)
    with Image.open(io.BytesIO(base64.b64decode(answer.content["image"]))) as returned:
        assert (returned.format, returned.size) == ("JPEG", (640, 480))
    assert [answer[:3] for answer in failed] == [FAILED] * 3


def test_a_body_above_the_limit_is_a_413_whether_or_not_it_says_its_length(
    start_target: StartTarget,
) -> None:
    upload = picture(200, 100).data
    limit = len(form(upload))
    with start_target("--body-limit", str(limit)) as target:
        assert target.predict(upload).status == 200
        announced = target.predict(upload + b"x")
        connection = target.connect()
        parts = iter([form(upload), b"x"])
        connection.request("POST", "/predict", parts, {"Content-Type": FORM}, encode_chunked=True)
        chunked = connection.getresponse()
        assert (chunked.status, chunked.read()) == (413, announced.body)
        connection.close()
    assert announced[:2] == (413, "application/json")
    assert announced.body == b'{"detail":"Content Too Large"}'


def test_a_client_that_leaves_in_the_middle_of_an_upload_does_no_harm(
    start_target: StartTarget,
) -> None:
    with start_target() as target:
        with socket.create_connection(("127.0.0.1", target.port)) as leaving:
            leaving.sendall(picture().raw()[:-1000])
            wait_until(lambda: "requests" in target.counts()["/predict"], "the upload begins")
        assert target.predict(picture().data).status == 200


def test_the_api_describes_itself(target: Target) -> None:
    description = target.ask("GET", "/openapi.json").content
    assert description["info"] == {"title": "YOLO11n Inference API", "version": "0.1.0"}
    assert {path: list(item) for path, item in description["paths"].items()} == {
        "/health": ["get"],
        "/predict": ["post"],
    }


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_there_are_pages_for_people(target: Target, path: str) -> None:
    answer = target.ask("GET", path)
    assert answer[:2] == (200, "text/html; charset=utf-8")
    assert b'href="/openapi.json"' in answer.body


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        pytest.param(
            *("--service-time", "20", "expected a duration such as"), id="a time without unit"
        ),
        pytest.param("--fault-5xx", "150%", "expected a share such as", id="more than all"),
        pytest.param("--fault-delay", "1s:often", "expected a share such as", id="a vague share"),
        pytest.param("--fault-stall", "5s", "expected AFTER:FOR such as", id="half a stall"),
        pytest.param("--workers", "0", "expected a whole number", id="nobody to serve"),
    ],
)
def test_a_bad_option_is_told_with_what_was_found(option: str, value: str, message: str) -> None:
    process = launch(option, value)
    code, output, errors = end(process)
    assert (code, output) == (2, "")
    last = errors.splitlines()[-1]
    assert f": {option}: {message}" in last and value.rpartition(":")[2] in last


def test_every_option_is_explained_and_those_with_a_value_say_their_default() -> None:
    for parameter in target_group.commands["predict"].params:
        assert isinstance(parameter, click.Option)
        assert parameter.help
        assert parameter.is_flag or parameter.default is not None
