"""Answers of a Chater target, byte for byte as the original writes them."""

from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

if TYPE_CHECKING:
    from google.protobuf.message import Message

PB = "application/protobuf"
GP = "application/grpc+proto"
TXT = "text/html; charset=utf-8"

_CORS = {"access-control-allow-origin": "*"}


def answer(body: bytes, content_type: str, status: int = 200) -> Response:
    """Any answer."""
    return Response(body, status, {**_CORS, "content-type": content_type})


def message(content: "Message", content_type: str) -> Response:
    """A message; a default one has no byte."""
    return answer(content.SerializeToString(), content_type)


def empty(status: int, content_type: str = GP) -> Response:
    """A message of nothing but defaults, which is how a failure looks."""
    return answer(b"", content_type, status)


def text(words: str, status: int = 200) -> Response:
    """Plain words, told to be HTML."""
    return answer(words.encode(), TXT, status)


def json(content: dict[str, Any], status: int = 200) -> Response:
    """Compact JSON, keys sorted, with a line end."""
    body = orjson.dumps(content, option=orjson.OPT_SORT_KEYS) + b"\n"
    return answer(body, "application/json", status)


def page(status: int, title: str, words: str) -> Response:
    """The small HTML pages of unknown paths and wrong methods."""
    html = f"<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n"
    return answer(f"{html}<h1>{title}</h1>\n<p>{words}</p>\n".encode(), TXT, status)


FAILED = "Failed"
INVALID = "Invalid Protobuf data"
DISPATCH = "Kafka dispatch failed"


def invalid() -> Response:
    """The 400 for an empty body."""
    return json({"error": INVALID, "success": False}, 400)


def not_dispatched() -> Response:
    """The 503 of changes when the topic is not there."""
    return json({"error": DISPATCH, "success": False}, 503)


def not_processed(error: str) -> Response:
    """The 400 that a photo is refused with, by the parser or by the picture library."""
    return json({"error": error, "message": "Failed to process the request"}, 400)


def limit_reached(limit: int) -> Response:
    """The 400 at the daily limit, misspelled as in the original."""
    words = (
        f"Unfortuantly, you have reached your daily limit of {limit} requests. "
        "Please try again tomorrow, be mingfull and eat healthy food."
    )
    return json({"error": words}, 400)
