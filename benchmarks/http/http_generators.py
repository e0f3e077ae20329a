"""The generators under test, as a locustfile: one class is chosen by BENCH_CLIENT and BENCH_WORK.

Prints one JSON object: requests made and CPU seconds used between the end of a warm-up and the end
of the run, or what the work `idle`, `woken` and `paced` measure instead.
"""

import json
import os
import resource
from typing import Any

import gevent
from locust import FastHttpUser, constant, constant_pacing, events
from locust.env import Environment

import gauntlet
from benchmarks.http.payloads import BLOB, FIELD, FORM_TYPE, PICTURE, form
from users.http import HttpUser

CLIENT = os.environ["BENCH_CLIENT"]
WORK = os.environ["BENCH_WORK"]
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
WARM_UP_S = 1.0

FILES = {FIELD: ("picture.jpg", PICTURE, "image/jpeg")}
FORM = form()
FORM_HEADERS = {"Content-Type": FORM_TYPE}

if CLIENT != "stock":
    gauntlet.register()


class Works:
    """Every kind of work, in words that both clients understand."""

    client: Any

    def get(self) -> None:
        """A tiny answer."""
        if self.client.get("/health").content != b"ok":
            raise ValueError("wrong answer")

    def get_caught(self) -> None:
        """The same, judged in a with block."""
        with self.client.get("/health", catch_response=True) as response:
            if response.status_code != 200 or response.content != b"ok":
                response.failure("wrong answer")

    def post_files(self) -> None:
        """A picture as multipart, made by the client."""
        self.check(self.client.post("/predict", files=FILES))

    def post_data(self) -> None:
        """The same body, joined beforehand."""
        self.check(self.client.post("/predict", data=FORM, headers=FORM_HEADERS))

    def post_caught(self) -> None:
        """A picture as multipart, the answer judged in a with block."""
        with self.client.post("/predict", files=FILES, catch_response=True) as response:
            if response.status_code != 200 or response.content != b"{}":
                response.failure("wrong answer")

    def blob(self) -> None:
        """100 kB, every byte compared."""
        self.check_blob()

    def blob_content(self) -> None:
        """100 kB, kept by the client and then compared by the task."""
        if self.client.get("/blob").content != BLOB:
            raise ValueError("wrong answer")

    def blob_caught(self) -> None:
        """100 kB, kept by the client, compared in a with block."""
        with self.client.get("/blob", catch_response=True) as response:
            if response.status_code != 200 or response.content != BLOB:
                response.failure("wrong answer")

    def check_blob(self) -> None:
        """The client's best way to compare."""
        self.blob_content()

    def check(self, response: Any) -> None:
        """An upload's answer."""
        if response.content != b"{}":
            raise ValueError("wrong answer")

    def idle(self) -> None:
        """Nothing at all."""
        gevent.sleep(600)

    def woken(self) -> None:
        """One request, then nothing."""
        self.get()
        gevent.sleep(600)

    def paced(self) -> None:
        """A tiny answer now and then."""
        self.get()


class Fast(Works, FastHttpUser):
    """Locust's faster client."""

    abstract = True


class Ours(Works, HttpUser):
    """This suite's client."""

    abstract = True

    def check_blob(self) -> None:
        """Compared on the way."""
        if self.client.get("/blob", expect=BLOB).error:
            raise ValueError("wrong answer")


BASE: Any = {"stock": Fast, "fast": Fast, "ours": Ours}[CLIENT]


class Chosen(BASE):  # type: ignore[misc]  # chosen when the process starts
    """The user of this run."""

    wait_time = constant_pacing(0.05) if WORK == "paced" else constant(0)
    tasks = [getattr(BASE, WORK)]


@events.init.add_listener  # type: ignore[untyped-decorator]  # Locust has no types here
def start(environment: Environment, **_: Any) -> None:
    """Measure beside the load."""
    times: list[float] = []
    rss = resident()
    if WORK == "paced":
        environment.events.request.add_listener(
            lambda response_time, **_: times.append(response_time)
        )

    def begin(user_count: int, **_: Any) -> None:
        if user_count:  # users are complete at none, too, before the load is let go
            gevent.spawn(measure, environment, times, rss)

    environment.events.spawning_complete.add_listener(begin)


def measure(environment: Environment, times: list[float], rss: int) -> None:
    """Take the difference, print it, end the run."""
    runner = environment.runner
    assert runner is not None
    gevent.sleep(WARM_UP_S)
    times.clear()
    requests, cpu, kernel = environment.stats.total.num_requests, seconds(), seconds(kernel=True)
    gevent.sleep(SECONDS)
    found = {
        "requests": environment.stats.total.num_requests - requests,
        "cpu": seconds() - cpu,
        "kernel": seconds(kernel=True) - kernel,
        "failures": environment.stats.total.num_failures + len(runner.exceptions),
        "kib_per_user": (resident() - rss) / 1024 / runner.user_count,
        "p99_ms": sorted(times)[int(len(times) * 0.99)] if times else 0.0,
    }
    print(json.dumps(found), flush=True)
    runner.quit()


def seconds(kernel: bool = False) -> float:
    """CPU seconds of this process so far; with `kernel` only those inside the kernel."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_stime if kernel else used.ru_utime + used.ru_stime


def resident() -> int:
    """Resident bytes of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
