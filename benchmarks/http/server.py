"""Debian's nginx for the length of a benchmark: own configuration, own folder, one core."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.http.payloads import BLOB
from benchmarks.pinned import TARGET_CORE

START_S = 10.0

# An upload is passed on to the server itself, so that its body is read to the end first.
_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000; keepalive_timeout 600s;
    client_body_buffer_size 256k; client_max_body_size 10m;
    sendfile on; tcp_nopush on;
    default_type application/octet-stream;
    upstream itself {{ server 127.0.0.1:{port}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {folder}/files;
        location = /health {{ default_type text/plain; return 200 "ok"; }}
        location = /answer {{ default_type application/json; return 200 "{{}}"; }}
        location = /predict {{
            proxy_pass http://itself/answer;
            proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_method GET; proxy_pass_request_body off; proxy_set_header Content-Length "";
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """Run nginx in `folder`; yields its address."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    files = folder / "files"
    files.mkdir()
    (files / "blob").write_bytes(BLOB)
    folder.chmod(0o755)  # its worker is another user
    port = _free_port()
    settings = folder / "nginx.conf"
    settings.write_text(_CONFIGURATION.format(folder=folder, port=port))
    with subprocess.Popen(
        [program, "-c", str(settings), "-e", str(folder / "error.log")],
        preexec_fn=lambda: os.sched_setaffinity(0, TARGET_CORE),
    ) as process:
        try:
            _await(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise SystemExit("nginx did not start")
