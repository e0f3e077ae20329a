"""Runs the reference target of Chater for the tests, and speaks to it in plain HTTP."""

import http.client
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

import jwt

from gauntlet.pb.eater_photo_pb2 import PhotoMessage
from gauntlet.pb.today_food_pb2 import TodayFood
from tests.targets.conftest import DEADLINE_S, end, ended, picture, read_line, start

SECRET = "short"
"""Less than 32 bytes, so that the key is its digest."""
KEY = sha256(SECRET.encode()).digest()
PB, GP, TXT = "application/protobuf", "application/grpc+proto", "text/html; charset=utf-8"
QUICK = (
    *("--answer-grid", "0s", "--photo-time", "0s", "--recommendation-time", "0s"),
    *("--work-time", "0s", "--daily-limit", "0", "--slots", "0"),
)
CORRUPT = b"\xff\xff\xff"
"""No message of any kind."""


class Answer(NamedTuple):
    """One response, read to its last byte."""

    status: int
    content_type: str
    body: bytes
    seconds: float

    @property
    def seen(self) -> tuple[int, str, bytes]:
        return self.status, self.content_type, self.body


def token(email: str | None = "a@b.c", key: bytes = KEY, **claims: Any) -> str:
    """A good token, but for what is given."""
    known = {"exp": int(time.time()) + 600, **({"sub": email} if email else {}), **claims}
    return jwt.encode(known, key, "HS256")


@dataclass
class Chater:
    """A running target and who asks it."""

    port: int
    bearer: str | None = field(default_factory=lambda: f"Bearer {token()}")

    def as_user(self, email: str) -> "Chater":
        """The same target, asked by somebody."""
        return Chater(self.port, f"Bearer {token(email)}")

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = PB) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        headers = {"Content-Type": kind}
        if self.bearer is not None:
            headers["Authorization"] = self.bearer
        try:
            begin = time.perf_counter()
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
            seconds = time.perf_counter() - begin
        finally:
            connection.close()
        return Answer(response.status, response.headers["content-type"], content, seconds)

    def post(self, path: str, body: bytes = b"") -> Answer:
        return self.ask("POST", path, body)

    def sign_in(self, content: Any, kind: str = "application/json") -> Answer:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.ask("POST", "/eater_auth", body, kind)

    def today(self) -> TodayFood:
        answer = self.ask("GET", "/eater_get_today")
        assert (answer.status, answer.content_type) == (200, PB), answer
        return TodayFood.FromString(answer.body)


def photo(at: str = "", seed: int = 1, kind: str = "default_prompt", data: bytes = b"") -> bytes:
    """A PhotoMessage with a picture in it."""
    content = data or picture(seed=seed).data
    return PhotoMessage(time=at, photo_data=content, photoType=kind).SerializeToString()


@contextmanager
def chater(*options: str, secret: str | None = SECRET) -> Iterator[Chater]:
    """A quick target that runs for a block."""
    known = {name: text for name, text in os.environ.items() if not name.startswith("EATER_")}
    variables = known | ({"EATER_SECRET_KEY": secret} if secret else {})
    command = ("chater", "--port", "0", "--exit-with-parent", *QUICK, *options)
    with ended(start(*command, variables=variables)) as process:
        line = read_line(process)
        assert line.startswith("ready http://127.0.0.1:"), (line, end(process))
        yield Chater(int(line.rpartition(":")[2]))
        process.terminate()
        assert end(process) == (0, "", "")
