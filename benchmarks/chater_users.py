"""The locustfile of `benchmarks.chater`; BENCH_USER chooses who makes the load.

Each process prints one JSON line when it ends: the CPU seconds (user and system) and requests of
BENCH_SECONDS from the moment when all users run.
"""

import json
import os
import random
import time
from typing import Any

import gevent
from locust import FastHttpUser, constant, events, task

import gauntlet
from gauntlet.clients._chater_tokens import mint
from gauntlet.clients.chater import GP, PB
from gauntlet.payloads.pictures import PicturePool
from gauntlet.pb.delete_food_pb2 import DeleteFoodRequest
from gauntlet.pb.eater_photo_pb2 import PhotoMessage
from gauntlet.pb.get_recomendation_pb2 import RecommendationRequest
from gauntlet.pb.manual_weight_pb2 import ManualWeightRequest
from gauntlet.pb.modify_food_record_pb2 import ModifyFoodRecordRequest
from gauntlet.pb.today_food_pb2 import TodayFood
from users.chater import ChaterUser

WHO = os.environ["BENCH_USER"]
SECONDS = float(os.environ["BENCH_SECONDS"])

if WHO == "ours":
    gauntlet.register(system="chater")

    class Ours(ChaterUser):
        """The suite's user: every answer parsed and checked, verdict and reports on."""

else:
    PICTURE = PicturePool.make(size=(400, 533), seed=1, count=1).next().content

    class Plain(FastHttpUser):
        """What one writes by hand: the same flow with protobuf, one picture, no check."""

        wait_time = constant(0)

        def on_start(self) -> None:
            self.email = f"plain-{random.getrandbits(48)}@example.com"
            self.token = mint(os.environ["EATER_SECRET_KEY"], self.email)

        def send(self, method: str, path: str, body: Any, kind: str = GP, why: str = "") -> bytes:
            """One request under its name."""
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
            data = body.SerializeToString() if body is not None else None
            response = self.client.request(
                method, path, name=f"{method} {path}{why}", data=data, headers=headers
            )
            content: bytes = response.content
            return content

        @task
        def full_flow(self) -> None:
            """The seven requests."""
            photo = PhotoMessage(
                time=str(int(time.time() * 1000)), photo_data=PICTURE, photoType="default_prompt"
            )
            self.send("POST", "/eater_receive_photo", photo, PB)
            today = TodayFood.FromString(self.send("GET", "/eater_get_today", None, PB, " (1)"))
            latest = max(dish.time for dish in today.dishes_today)
            change = ModifyFoodRecordRequest(time=latest, user_email=self.email, percentage=200)
            self.send("POST", "/modify_food_record", change)
            weight = ManualWeightRequest(weight=random.randint(1, 100), user_email=self.email)
            self.send("POST", "/manual_weight", weight)
            self.send("POST", "/get_recommendation", RecommendationRequest(days=1), PB)
            self.send("GET", "/eater_get_today", None, PB, " (2)")
            self.send("POST", "/delete_food", DeleteFoodRequest(time=latest))


_found: list[tuple[float, int]] = []
"""CPU seconds and requests at the beginning and at the end."""
_requests = [0]


def note() -> None:
    """Look at both."""
    _found.append((time.process_time(), _requests[0]))


def look_at_the_clock(**_: Any) -> None:
    """Timers of gevent count from its last look, which was before all the imports."""
    gevent.get_hub().loop.update_now()


def begin(**_: Any) -> None:
    """All users run: start to count."""
    note()
    gevent.spawn_later(SECONDS, note)


def count(exception: BaseException | None = None, **_: Any) -> None:
    """Count a step of a flow; a failure spoils the bench."""
    if exception is not None:
        raise SystemExit(f"a request failed: {exception}")
    _requests[0] += 1


def end(**_: Any) -> None:
    """Print what the load cost."""
    if len(_found) < 2:
        note()
    (cpu, steps), (cpu_then, steps_then) = _found[:2]
    print(json.dumps({"cpu": cpu_then - cpu, "steps": steps_then - steps}), flush=True)


events.init.add_listener(look_at_the_clock)
events.spawning_complete.add_listener(begin)
events.request.add_listener(count)
events.test_stopping.add_listener(end)
