"""A target says where it listens, serves with all its workers, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest
from starlette.applications import Starlette

from gauntlet.errors import UsageError
from gauntlet.targets.faults import Faults
from gauntlet.targets.http_site import http_site
from gauntlet.targets.serve import bind_tcp
from tests.targets.conftest import (
    DEADLINE_S,
    ROOT,
    Answer,
    StartTarget,
    end,
    in_one_of_five,
    launch,
    picture,
    read_line,
    wait_until,
    wait_until_gone,
)

MEGAPIXEL = picture(1000, 1000)
SIGNALS = [pytest.param(signal.SIGTERM, id="SIGTERM"), pytest.param(signal.SIGINT, id="SIGINT")]


def run_module(script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


def no_app(worker: int) -> Starlette:
    raise AssertionError(f"worker {worker} was never started")


def test_a_target_that_says_ready_answers_at_once(start_target: StartTarget) -> None:
    def at_once() -> bool:
        with start_target() as target:
            answer = target.ask("GET", "/health")
        assert answer.status == 200
        return answer.seconds < 1

    assert in_one_of_five(at_once)


def test_the_address_is_said_once_and_nothing_else(start_target: StartTarget) -> None:
    with start_target("--workers", "2") as target:
        target.ask("GET", "/health")
        assert target.stop() == (0, "", "")


@pytest.mark.parametrize("workers", [1, 3])
def test_there_are_as_many_workers_as_asked_for(start_target: StartTarget, workers: int) -> None:
    with start_target("--workers", str(workers)) as target:
        assert len(target.processes()) == 1 + workers


def test_the_counts_are_right_over_all_workers(start_target: StartTarget) -> None:
    with start_target("--workers", "2") as target:
        for _ in range(40):
            target.ask("GET", "/health")
        target.ask("POST", "/predict")
        target.ask("GET", "/nowhere")
        assert target.counts() == {
            "/health": {"requests": 40, "2xx": 40},
            "/predict": {"requests": 1, "4xx": 1},
            "other": {"requests": 1, "4xx": 1},
        }


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_all_workers_without_a_word(
    start_target: StartTarget, number: signal.Signals
) -> None:
    def soon() -> bool:
        with start_target("--workers", "2") as target:
            processes = target.processes()
            idle = target.connect()
            idle.request("GET", "/health")
            idle.getresponse().read()
            begin = time.perf_counter()
            assert target.stop(number) == (0, "", "")
            wait_until_gone(processes)
            idle.close()
        return time.perf_counter() - begin < 2

    assert in_one_of_five(soon)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_to_the_whole_group_ends_it_without_a_word(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gauntlet.targets", "predict", "--port", "0", "--workers", "2"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    read_line(process)
    os.killpg(process.pid, number)
    assert end(process) == (0, "", "")


def test_an_answer_under_way_is_finished_before_the_end(start_target: StartTarget) -> None:
    with start_target("--fault-delay", "1s") as target:
        answers: list[Answer] = []
        asking = threading.Thread(target=lambda: answers.append(target.ask("GET", "/health")))
        asking.start()
        wait_until(lambda: target.counts()["/health"] == {"requests": 1}, "the request arrives")
        assert target.stop() == (0, "", "")
        asking.join(DEADLINE_S)
    assert [answer.status for answer in answers] == [200]


def test_a_worker_that_is_busy_for_long_is_ended_all_the_same(start_target: StartTarget) -> None:
    with start_target("--service-time", "60m") as target:
        processes = target.processes()
        connection = target.connect()
        connection.request("POST", "/predict", *MEGAPIXEL.request())
        time.sleep(0.3)
        assert target.stop() == (0, "", "")
        wait_until_gone(processes)
        connection.close()


def test_the_target_ends_with_its_standard_input() -> None:
    process = launch("--exit-with-parent", "--workers", "2")
    read_line(process)
    processes = psutil.Process(process.pid).children()
    assert end(process) == (0, "", "")  # closes the standard input first
    wait_until_gone(processes)


def test_text_on_standard_input_does_not_end_the_target(start_target: StartTarget) -> None:
    with start_target() as target:
        assert target.process.stdin is not None
        target.process.stdin.write("still here\n")
        target.process.stdin.flush()
        time.sleep(0.3)
        assert target.ask("GET", "/health").status == 200


def test_without_the_option_the_target_outlives_its_standard_input() -> None:
    process = launch()
    line = read_line(process)
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    time.sleep(0.3)
    with socket.create_connection(("127.0.0.1", int(line.rpartition(":")[2]))):
        process.send_signal(signal.SIGTERM)
        assert end(process) == (0, "", "")


def test_a_parent_killed_with_minus_9_leaves_no_process_behind() -> None:
    script = """
import subprocess, sys, time
command = [sys.executable, "-m", "gauntlet.targets", "predict", "--port", "0"]
options = ["--exit-with-parent", "--workers", "2", "--service-time", "60m"]
with subprocess.Popen([*command, *options], stdin=subprocess.PIPE):
    time.sleep(600)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    port = int(read_line(parent).rpartition(":")[2])
    family = psutil.Process(parent.pid).children(recursive=True)
    assert len(family) == 3
    with socket.create_connection(("127.0.0.1", port)) as busy:
        busy.sendall(MEGAPIXEL.raw())
        time.sleep(0.3)
        parent.kill()
        parent.communicate(timeout=DEADLINE_S)
        wait_until_gone(family)


def test_a_supervisor_killed_with_minus_9_leaves_no_worker_behind(
    start_target: StartTarget,
) -> None:
    with start_target("--workers", "3", "--service-time", "60m") as target:
        workers = target.processes()[1:]
        with socket.create_connection(("127.0.0.1", target.port)) as busy:
            busy.sendall(MEGAPIXEL.raw())
            time.sleep(0.3)
            target.process.kill()
            end(target.process)
            wait_until_gone(workers)


def test_a_worker_that_dies_ends_the_target_with_one_line(start_target: StartTarget) -> None:
    with start_target("--workers", "2") as target:
        processes = target.processes()
        processes[2].kill()
        target.process.wait(DEADLINE_S)  # with its standard input still open
        code, output, errors = end(target.process)
        wait_until_gone(processes)
    address = f"http://127.0.0.1:{target.port}"
    assert (code, output) == (4, "")
    assert errors == f"{address} worker 1 ended unasked (exit code -9)\n"


def test_a_port_in_use_is_one_line_and_exit_code_2() -> None:
    with bind_tcp("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        process = launch("--port", str(port))
        code, output, errors = end(process)
    assert (code, output) == (2, "")
    assert errors == (
        "--host, --port: expected a free address of this machine, "
        f"got '127.0.0.1:{port}' (address already in use)\n"
    )


@pytest.mark.parametrize(
    "host",
    [pytest.param("192.0.2.1", id="of another machine"), pytest.param("no host", id="no address")],
)
def test_a_host_that_cannot_be_bound_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="expected a free address of this machine") as refused:
        bind_tcp(host, 0)
    assert repr(f"{host}:0") in str(refused.value)


def test_a_bound_socket_accepts_before_any_worker_runs() -> None:
    with bind_tcp("127.0.0.1", 0) as listener:
        with socket.create_connection(listener.getsockname(), timeout=DEADLINE_S):
            pass


def test_accepted_connections_name_tcp_so_that_asyncio_sends_at_once() -> None:
    with bind_tcp("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP


def test_an_ipv6_address_is_written_in_brackets() -> None:
    try:
        listener = bind_tcp("::1", 0)
    except UsageError:
        pytest.skip("this machine has no IPv6 loopback")
    with listener:
        site = http_site(listener, no_app, endpoints=(), faults=Faults())
    assert site.address == f"http://[::1]:{site.address.rpartition(':')[2]}"


def test_a_broken_request_is_a_warning_on_standard_error() -> None:
    process = launch("--exit-with-parent")
    port = int(read_line(process).rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection:
        connection.sendall(b"this is not HTTP\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert end(process) == (0, "", "WARNING: Invalid HTTP request received.\n")


@pytest.mark.parametrize("package", ["httptools", "python_multipart", "starlette", "uvicorn"])
def test_a_missing_package_is_one_line_and_exit_code_2(package: str) -> None:
    done = run_module(
        f"import sys; sys.modules[{package!r}] = None\n"
        "sys.argv[1:] = ['predict', '--port', '0']\n"
        "from gauntlet.targets.__main__ import main; main()"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "the reference target of predict needs more packages: "
        "pip install 'locust-gauntlet[targets]'\n"
    )


def test_the_commands_can_be_imported_without_what_only_a_target_needs() -> None:
    done = run_module(
        "import sys, gauntlet.targets.cli\n"
        "print(*{'PIL', 'gevent', 'locust', 'starlette', 'uvicorn'} & set(sys.modules))"
    )
    assert (done.stdout, done.stderr) == ("\n", "")
