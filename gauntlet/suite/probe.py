"""One light call on a target again and again, timed: how far it is from rest.

    python -m gauntlet.suite.probe locustfiles/predict_mix.py -- --host http://127.0.0.1:8000

The call is the preflight of the tasks that the options' tags leave in. Each line on standard input
asks for one; the answer is a line with its seconds, or `wrong` where the answer was not right.
"""

import sys
import time
from typing import Any

import locust
from locust import main as locust_main
from locust.argument_parser import get_parser
from locust.env import Environment
from locust.util.load_locustfile import load_locustfile

from gauntlet.errors import GauntletError
from gauntlet.preflight import preflight


def environment(locustfile: str, options: list[str]) -> Environment:
    """What a headless run would start with, and none that starts."""
    users, _ = load_locustfile(locustfile)
    quiet = ["-f", locustfile, "--headless", "--preflight", "off", *options]
    parsed: Any = get_parser().parse_args(args=quiet)
    made: Environment = locust_main.create_environment(
        list(users.values()), parsed, events=locust.events
    )
    runner = made.create_local_runner()
    made.events.init.fire(environment=made, runner=runner, web_ui=None)
    return made


def main() -> None:
    """Answer until standard input ends."""
    locustfile, _, *options = sys.argv[1:]
    made = environment(locustfile, options)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        try:
            wrong = preflight(made, made.host, "strict")
        except GauntletError:
            wrong = ["no right answer"]
        seconds = time.perf_counter() - began
        print("wrong" if wrong else f"{seconds:.6f}", flush=True)


if __name__ == "__main__":
    main()
