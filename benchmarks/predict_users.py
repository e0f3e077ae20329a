"""The locustfile of `benchmarks.predict`; BENCH_USER chooses who makes the load.

Each process prints one JSON line when it ends: the CPU seconds (user and system) and requests
between the moment when all users run and the end of the load.
"""

import json
import os
import time
from typing import Any

from locust import FastHttpUser, constant, events, task

import gauntlet
from gauntlet.clients import predict as api
from gauntlet.payloads.pictures import PicturePool
from users.predict import PredictUser

WHO = os.environ["BENCH_USER"]

if WHO == "ours":
    gauntlet.register(system="predict")

    class Ours(PredictUser):
        """The suite's user: unique pictures, every answer checked, verdict and reports on."""

else:
    PICTURES = {
        size: PicturePool.make(size=size, seed=1, count=1).next().content
        for size in ((640, 480), (1920, 1080))
    }

    class Plain(FastHttpUser):
        """What one writes by hand: the same requests, the same picture again and again."""

        wait_time = constant(0)

        def upload(self, path: str, name: str, size: tuple[int, int]) -> None:
            picture = PICTURES[size]
            if WHO == "files":
                self.client.post(path, name=name, files={"file": ("test_image.jpg", picture)})
                return
            head = (
                b'--b\r\nContent-Disposition: form-data; name="file"; filename="test_image.jpg"'
                b"\r\nContent-Type: image/jpeg\r\n\r\n"
            )
            self.client.post(
                path,
                name=name,
                data=b"".join((head, picture, b"\r\n--b--\r\n")),  # type: ignore[arg-type]  # takes bytes
                headers={"Content-Type": "multipart/form-data; boundary=b"},
            )

        @task(10)
        def health(self) -> None:
            self.client.get(api.HEALTH_PATH, name=api.HEALTH)

        @task(60)
        def predict(self) -> None:
            self.upload(api.PREDICT_PATH, api.PREDICT, (640, 480))

        @task(20)
        def image(self) -> None:
            self.upload(api.PREDICT_WITH_IMAGE_PATH, api.PREDICT_WITH_IMAGE, (640, 480))

        @task(10)
        def large(self) -> None:
            self.upload(api.PREDICT_PATH, api.PREDICT_LARGE, (1920, 1080))


_start: dict[str, float] = {}


def begin(**_: Any) -> None:
    """All users run: start to count."""
    _start.setdefault("cpu", time.process_time())
    _start.setdefault("requests", float(_requests[0]))


_requests = [0]


def count(exception: BaseException | None = None, **_: Any) -> None:
    """Count what was answered; a failure spoils the bench."""
    if exception is not None:
        raise SystemExit(f"a request failed: {exception}")
    _requests[0] += 1


def end(**_: Any) -> None:
    """Print what the load cost."""
    cpu = time.process_time() - _start["cpu"]
    print(json.dumps({"cpu": cpu, "requests": _requests[0] - _start["requests"]}), flush=True)


events.spawning_complete.add_listener(begin)
events.request.add_listener(count)
events.test_stopping.add_listener(end)
