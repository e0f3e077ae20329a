"""A target that counts by client address and by user.

    python -m tests.fleet.target ADDRESS PORT FILE

Each request's path is the name of the user that sent it. Ten times a second FILE is replaced by
{"now": seconds, "seen": {client: {user: [requests, seconds of the first one, of the last one]}}}.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from pathlib import Path

from tests.fleet.pulses import PULSE_S, Pulse

SERVICE_S = 0.05
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

_seen: dict[str, dict[str, tuple[int, float, float]]] = {}


class Connection(asyncio.Protocol):
    """One connection of one client."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._client = transport.get_extra_info("peername")[0]
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for head in heads:
            user = head.split(b" ", 2)[1].decode()
            users = _seen.setdefault(self._client, {})
            now = time.monotonic()
            count, first, _ = users.get(user, (0, now, now))
            users[user] = count + 1, first, now
            asyncio.get_running_loop().call_later(SERVICE_S, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)


async def serve(address: str, port: int, file: Path) -> None:
    """Serve for ever."""
    await asyncio.get_running_loop().create_server(Connection, address, port)
    fresh, pulse = file.with_suffix(".new"), Pulse(file.with_name("target.pulse"))
    while True:
        pulse.beat()
        fresh.write_text(json.dumps({"now": time.monotonic(), "seen": _seen}))
        os.replace(fresh, file)
        await asyncio.sleep(PULSE_S)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
