"""A Docker engine of the tests' own: Debian's, neither installed nor shared with anybody.

    with Engine(folder) as engine:
        engine.docker("run", "--rm", "hello")

Packages are downloaded and unpacked into build/engine, where the daemon also keeps its images; it
runs in a network namespace of its own and needs root. The base of the image is a small Debian with
Python, made from the machine's package sources: no registry of images is asked for anything.
"""

import os
import platform
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

from tests.e2e.support import ROOT, Process

HOME = ROOT / "build" / "engine"
COMPOSE = ROOT / "build" / "security" / "bin" / "docker-compose"
SOURCES = "/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
RESOLVER = "10.0.2.3"
"""Where slirp4netns answers questions for names."""

BASE = "gauntlet-base"
IMAGE = "gauntlet"
BUILD_S, CALL_S = 1200.0, 180.0


class Engine:
    """A running daemon, and the namespace in which its ports are."""

    def __init__(self, folder: Path) -> None:
        unpack("docker.io", "slirp4netns", "mmdebstrap")
        self._folder = folder
        self._name = f"gauntlet-{os.getpid()}"
        self._processes: list[Process] = []
        self._variables = {
            "PATH": f"{HOME}/root/usr/sbin:{HOME}/root/usr/bin:{os.environ['PATH']}:/usr/sbin",
            "LD_LIBRARY_PATH": ":".join(map(str, (HOME / "root/usr/lib").glob("*-linux-gnu"))),
            "DOCKER_HOST": f"unix://{folder}/docker.sock",
            "DOCKER_CONFIG": str(folder / "config"),
            "DOCKER_BUILDKIT": "1",
        }

    def __enter__(self) -> Self:
        plugins = self._folder / "config" / "cli-plugins"
        plugins.mkdir(parents=True)
        (plugins / "docker-compose").symlink_to(COMPOSE)
        self._call("ip", "netns", "add", self._name)
        try:
            # The way out for the build, without rights over the machine's own network.
            out = ["--configure", "--mtu=1500", "--netns-type=path", self._namespace, "tap0"]
            self._start("slirp4netns", *out).wait_for("received tapfd")
            options = [
                f"--data-root={HOME / 'data'}",
                f"--exec-root={self._folder / 'exec'}",
                f"--pidfile={self._folder / 'pid'}",
                f"--host={self._variables['DOCKER_HOST']}",
                f"--dns={RESOLVER}",
                "--userland-proxy=false",
            ]
            daemon = self._start(*self.inside("dockerd", *options))
            daemon.wait_for("API listen on")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            if process.running:
                process.signal(signal.SIGTERM)  # the daemon ends its containers first
                process.end()
        self._call("ip", "netns", "delete", self._name)

    @property
    def _namespace(self) -> str:
        return f"/run/netns/{self._name}"

    def inside(self, *command: str) -> list[str]:
        """The command as it runs where the engine's ports are; it keeps the machine's files."""
        return ["nsenter", f"--net={self._namespace}", *command]

    def docker(self, *arguments: str, check: bool = True, **variables: str) -> str:
        """What a command of Docker prints."""
        return call("docker", *arguments, check=check, variables=self._variables | variables)

    def sh(self, command: str) -> str:
        """What a line of shell prints where `docker` means this engine."""
        return self._call("sh", "-c", command)

    def start(self, *arguments: str, **variables: str) -> Process:
        """A command of Docker that goes on."""
        return self._start("docker", *arguments, folder=ROOT, **variables)

    def build(self) -> None:
        """Build the image."""
        if not self.docker("images", "-q", BASE):
            change = f"ENV PIP_CERT={CERTIFICATES}"
            self.docker("import", "--change", change, str(_base(self)), BASE)
        given = ["--build-arg", f"BASE_IMAGE={BASE}", "-t", IMAGE]
        self._call("docker", "build", "-q", *given, ".", timeout=BUILD_S)

    def _start(self, *command: str, folder: Path | None = None, **variables: str) -> Process:
        label = f"engine-{len(self._processes)}"
        given = {**self._variables, **variables}
        process = Process(
            ["env", "-C", str(folder or self._folder), *command], self._folder, label, given
        )
        self._processes.append(process)
        return process

    def _call(self, *command: str, timeout: float = CALL_S) -> str:
        return call(*command, timeout=timeout, variables=self._variables)


def call(
    *command: str,
    check: bool = True,
    timeout: float = CALL_S,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """What a command prints; what it complains of makes the test fail."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=timeout,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
    )
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def unpack(*packages: str) -> None:
    """Debian's packages and what they need, as files in build/engine/root and no more."""
    root, archives = HOME / "root", HOME / "archives"
    if (HOME / "unpacked").exists():
        return
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    root.mkdir(exist_ok=True)
    call("apt-get", "update", "-qq")
    call(
        "apt-get",
        "install",
        "-qq",
        "--no-install-recommends",
        "--download-only",
        "--reinstall",
        "-o",
        f"Dir::Cache::archives={archives}",
        *packages,
        timeout=BUILD_S,
    )
    for archive in archives.glob("*.deb"):
        call("dpkg", "-x", str(archive), str(root))
    (HOME / "unpacked").touch()


def _base(engine: Engine) -> Path:
    """A Debian of the machine's own release with Python and the machine's certificates."""
    archive = HOME / "base.tar"
    if not archive.exists():
        release = platform.freedesktop_os_release()["VERSION_CODENAME"]
        source = next(path for path in SOURCES if Path(path).exists())
        made = archive.with_suffix(".new.tar")
        engine._call(
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            "--include=python3,python3-venv,ca-certificates",
            f"--customize-hook=copy-in {CERTIFICATES} {Path(CERTIFICATES).parent}",
            release,
            str(made),
            source,
            timeout=BUILD_S,
        )
        made.rename(archive)
    return archive
