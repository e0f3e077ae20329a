"""One node asks another one and waits for its answer, on a socket of its own."""

import random
import select
import socket
import time
from typing import Any

from gauntlet.targets._image_cloud_settings import NodeSettings
from gauntlet.wire import chunks
from gauntlet.wire.chunks import CHUNK, LARGEST_DATAGRAM
from gauntlet.wire.cloud import Message
from gauntlet.wire.mailbox import Mailbox, NothingCame, PiecesMissing, Rule, TotalExceeded

RECEIVE_BUFFER = 8 << 20
IDLE_S = 1.0


def widen(sock: socket.socket) -> None:
    """Ask the kernel for a large buffer: a message is many full datagrams at once."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def ask(text: bytes, request_id: str, kind: str, to: Any, settings: NodeSettings) -> Message | None:
    """The answer of that kind; None where the node said nothing in time."""
    rule = Rule(settings.relay_timeout_s, IDLE_S, settings.relay_timeout_s * 2, rounds=10)
    mailbox = Mailbox(rule, settings.longest)
    family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        widen(sock)
        chunk_id = f"{random.getrandbits(128):032x}"
        datagrams = [text] if len(text) <= CHUNK else chunks.split(text, chunk_id)
        for number, datagram in enumerate(datagrams):
            if number:
                time.sleep(settings.relay_pacing_s)
            sock.sendto(datagram, to)
        mailbox.begin(request_id, kind, time.monotonic())
        while True:
            wait = max(0.0, mailbox.deadline - time.monotonic())
            if select.select([sock], [], [], wait)[0]:
                datagram, sender = sock.recvfrom(LARGEST_DATAGRAM)
                answer = mailbox.take(datagram, sender, time.monotonic())
                if answer is not None:
                    return answer.message
                continue
            try:
                wishes = mailbox.silence(time.monotonic())
            except (NothingCame, PiecesMissing, TotalExceeded):
                return None
            for wish, address in wishes:
                sock.sendto(wish, address)
