"""A network of namespaces: a master, workers and a target, each a host of its own.

Two switches join them: one for Locust's own messages, one for the load. A host can be taken off
either. Needs root and iproute2.
"""

import os
import shutil
import subprocess
from itertools import count
from types import TracebackType
from typing import Self

MASTER, TARGET = "10.1.0.1", "10.2.0.2"
"""The master's address among the messages, the target's under the load."""

MESSAGES, LOAD = "messages", "load"
_SUBNETS = {MESSAGES: "10.1.0", LOAD: "10.2.0"}
_numbers = count()


def missing() -> str | None:
    """What keeps this machine from having such a network; None where nothing does."""
    if shutil.which("ip") is None:
        return "iproute2 is missing"
    if os.geteuid() != 0:
        return "namespaces need root"
    probe = f"gauntlet-{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if made.returncode:
        return f"no namespace can be made: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", probe], check=True)
    return None


class Network:
    """Namespaces that last as long as the `with` block."""

    def __init__(self, workers: int) -> None:
        self._prefix = f"gauntlet-{os.getpid()}-{next(_numbers)}"
        self._hosts = {"master": 1, "target": 2}
        self._hosts |= {f"worker{number}": 10 + number for number in range(workers)}

    def __enter__(self) -> Self:
        try:
            _ip(*(f"netns add {self._name(one)}" for one in ("switch", *self._hosts)))
            switch = [f"link add {net} type bridge" for net in _SUBNETS]
            switch += [f"link set {net} up" for net in _SUBNETS]
            _ip(*switch, inside=self._name("switch"))
            for host, number in self._hosts.items():
                self._plug(host, number)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in (*self._hosts, "switch"):
            command = ["ip", "netns", "del", self._name(one)]
            subprocess.run(command, capture_output=True)  # may never have been made

    def inside(self, host: str) -> list[str]:
        """What stands before a command that is to run on a host."""
        return ["ip", "netns", "exec", self._name(host)]

    def cut(self, host: str, *nets: str) -> None:
        """Take a host off some nets: packets vanish without a word."""
        self._set(host, nets, "down")

    def heal(self, host: str, *nets: str) -> None:
        """Put it back."""
        self._set(host, nets, "up")

    @staticmethod
    def address(worker: int) -> str:
        """A worker's address under the load."""
        return f"{_SUBNETS[LOAD]}.{10 + worker}"

    def _set(self, host: str, nets: tuple[str, ...], state: str) -> None:
        _ip(*(f"link set {_port(host, net)} {state}" for net in nets), inside=self._name("switch"))

    def _plug(self, host: str, number: int) -> None:
        switch, own = self._name("switch"), self._name(host)
        _ip(
            *(
                f"link add {_port(host, net)} netns {switch} type veth peer name {net} netns {own}"
                for net in _SUBNETS
            )
        )
        ports = [f"link set {_port(host, net)} master {net} up" for net in _SUBNETS]
        _ip(*ports, inside=switch)
        inner = ["link set lo up"]
        for net, subnet in _SUBNETS.items():
            inner += [f"addr add {subnet}.{number}/24 dev {net}", f"link set {net} up"]
        _ip(*inner, inside=own)

    def _name(self, host: str) -> str:
        return f"{self._prefix}-{host}"


def _port(host: str, net: str) -> str:
    """The switch's end of a cable; at most 15 characters."""
    return f"{host}-{net[0]}"


def _ip(*commands: str, inside: str | None = None) -> None:
    where = ["-n", inside] if inside else []
    script = "\n".join(commands)
    subprocess.run(["ip", *where, "-batch", "-"], input=script, text=True, check=True)
