"""The locustfile of `benchmarks.walrus`; BENCH_USER chooses who makes the load.

Each process prints one JSON line when it ends: the CPU seconds (user and system) and blob cycles
(an upload and two verified downloads) of BENCH_SECONDS from the moment when all users run. Locust's
own way of stopping, which costs a tenth of a second, is outside.
"""

import json
import os
import random
import string
import time
from hashlib import sha256
from typing import Any

import gevent
from locust import FastHttpUser, constant, events, task

import gauntlet
from users.walrus import WalrusUser

WHO = os.environ["BENCH_USER"]
SECONDS = float(os.environ["BENCH_SECONDS"])
SIZE = 95 * 1024
CHARACTERS = string.ascii_letters + string.digits + string.punctuation + " "

if WHO == "ours":
    gauntlet.register(system="walrus")

    class Ours(WalrusUser):
        """The suite's user: every byte compared, verdict and reports on."""

else:

    class Plain(FastHttpUser):
        """What one writes by hand: the same scenario, verified by the hash of the content."""

        wait_time = constant(0)
        block: bytes

        def on_start(self) -> None:
            self.block = os.urandom(SIZE)

        def make(self) -> bytes:
            """A blob that nobody had before."""
            if WHO == "stamped":
                return b"%032x" % random.getrandbits(128) + self.block[32:]
            if WHO == "original" and random.random() < 0.5:
                return "".join(random.choices(CHARACTERS, k=SIZE)).encode()
            return os.urandom(SIZE)

        @task
        def roundtrip(self) -> None:
            """Upload a blob and download it twice."""
            blob = self.make()
            wanted = sha256(blob).digest()
            with self.client.put(
                "/v1/blobs",
                data=blob,  # type: ignore[arg-type]  # takes bytes
                headers={"Content-Type": "application/octet-stream"},
                catch_response=True,
            ) as response:
                answer = response.json()
                known = answer.get("alreadyCertified") or answer["newlyCreated"]["blobObject"]
            for kind in ("first", "cached"):
                name = f"/v1/blobs/{{id}} {kind}"
                with self.client.get(
                    f"/v1/blobs/{known['blobId']}", name=name, catch_response=True
                ) as response:
                    if sha256(response.content).digest() != wanted:
                        response.failure("wrong bytes")


_found: list[tuple[float, int]] = []
"""CPU seconds and cycles at the beginning and at the end."""
_cycles = [0]


def note() -> None:
    """Look at both."""
    _found.append((time.process_time(), _cycles[0]))


def begin(**_: Any) -> None:
    """All users run: start to count."""
    note()
    gevent.spawn_later(SECONDS, note)


def count(name: str, exception: BaseException | None = None, **_: Any) -> None:
    """Count a cycle by its last request; a failure spoils the bench."""
    if exception is not None:
        raise SystemExit(f"a request failed: {exception}")
    _cycles[0] += name.endswith("cached")


def end(**_: Any) -> None:
    """Print what the load cost."""
    if len(_found) < 2:
        note()
    (cpu, cycles), (cpu_then, cycles_then) = _found
    print(json.dumps({"cpu": cpu_then - cpu, "cycles": cycles_then - cycles}), flush=True)


def look_at_the_clock(**_: Any) -> None:
    """What came so far took long, and gevent's timers count from its last look at the clock."""
    gevent.get_hub().loop.update_now()


events.init.add_listener(look_at_the_clock)
events.spawning_complete.add_listener(begin)
events.request.add_listener(count)
events.test_stopping.add_listener(end)
