"""Runs Locust, and ends it by SIGTERM when standard input ends.

    python -m gauntlet.leash locust -f locustfiles/predict_mix.py --headless --load-profile smoke

Whoever starts a Locust so holds the other end of the pipe: even one that is killed takes the load
with it, and the run still ends with its verdict and its reports.
"""

import _thread
import os
import signal

from gauntlet import start


def main() -> None:
    """Run the command whose words follow."""
    # No thread that `threading` knows: gevent would wait for it when it makes threads its own.
    _thread.start_new_thread(_watch, (os.dup(0),))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # Locust finds no input there
    os.close(nothing)
    start.locust()


def _watch(source: int) -> None:
    while os.read(source, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
