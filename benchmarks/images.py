"""What does a picture cost the client of the image cloud, and does loss lose anything?

    make bench-images

Four questions, each with its bar:

1. CPU per 431x436 picture from coding to a judged answer, next to a client that is written as the
   protocol reads: json module, lists of numbers, a dictionary of chunks, stdlib base64. Both ask a
   server that replays one answer; rounds interleaved, medians. Bar: 1/8.
2. Decoding the array of the answer, next to json. Bar: 1/3.
3. Scrambling and unscrambling 1280x720. Bar: 0.6 s, and 0.05 s with the order kept.
4. 1,000 pictures of 300x300 with 1 % of the answers' datagrams lost are all verified; with loss
   both ways those that are not are the requests that ran out of attempts, each named.
"""

import base64
import cProfile
import json
import os
import pstats
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.pinned import GENERATOR_CORE, server, target
from gauntlet.clients.image_cloud import ImageCloudClient, Request
from gauntlet.payloads.arrays import NumberedPool
from gauntlet.payloads.pictures import PicturePool
from gauntlet.wire import chunks, cloud, numbers, scramble
from gauntlet.wire.mailbox import Rule
from gauntlet.wire.scramble import Metadata

SIZE = (431, 436)
QUALITY = 30
"""Makes a picture about as heavy as the original tester's, 15 kB."""
ROUNDS = 5
PICTURES = 20
GAP_S = 0.0005
USUAL = Metadata(("alice", "bob", "charlie"), 5)
CLIENT = "worker_1"
PLACE = "P00_I000_0000000000"
"""Request ids are as long as this one, so that the server only writes them in."""


def main() -> None:
    """Print the tables, as benchmarks/README.md holds them."""
    if sys.argv[1:] == ["replay"]:
        replay()
        return
    os.sched_setaffinity(0, GENERATOR_CORE)
    load_path()
    decoding()
    scrambling()
    loss()


# -- 1: the load path ------------------------------------------------------------------------------


def load_path() -> None:
    """Both clients against the replaying server."""
    with server("benchmarks.images", "replay") as address:
        pool = NumberedPool(PicturePool.make(size=SIZE, seed=1, count=4, quality=QUALITY))
        ours = ImageCloudClient([address], Rule(), attempts=1)
        ways: dict[str, Callable[[int], int]] = {
            "json, lists, dictionary of chunks, stdlib base64": lambda n: baseline(
                address, pool.picture(n).picture.content, request_id(n)
            ),
            "ImageCloudClient": lambda n: asked(ours, address, pool, n),
        }
        costs: dict[str, list[float]] = {who: [] for who in ways}
        for number in range(ROUNDS):
            for who, way in ways.items():
                costs[who].append(cost(way))
            print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
        first, second = (statistics.median(costs[who]) for who in ways)
        print("| client | CPU ms per picture | to the first |\n|---|---|---|")
        for who in ways:
            pairs = zip(costs[who], next(iter(costs.values())), strict=True)
            ratio = statistics.median(one / other for one, other in pairs)
            print(f"| {who} | {statistics.median(costs[who]) * 1000:.2f} | {ratio:.3f} |")
        print(f"\nbar 1/8: {'reached' if second <= first / 8 else 'MISSED'}\n")
        for who, way in ways.items():
            profile(who, way)


def request_id(number: int) -> str:
    """An id of its own, as long as PLACE."""
    return f"P00_I{number % 1000:03d}_{number:010d}"


_serial = [0]


def cost(way: Callable[[int], int]) -> float:
    """CPU seconds of a picture."""
    way(_next())  # warm
    before = time.process_time()
    for _ in range(PICTURES):
        way(_next())
    return (time.process_time() - before) / PICTURES


def _next() -> int:
    _serial[0] += 1
    return _serial[0]


def profile(who: str, way: Callable[[int], int]) -> None:
    """Where the time goes: the six functions with the most of their own."""
    profiler = cProfile.Profile(time.process_time)
    profiler.enable()
    for _ in range(PICTURES):
        way(_next())
    profiler.disable()
    stats = pstats.Stats(profiler)
    whole = stats.total_tt  # type: ignore[attr-defined]  # undocumented, and there since 1998
    rows = sorted(stats.stats.items(), key=lambda one: -one[1][2])[:6]  # type: ignore[attr-defined]
    print(f"{who}:")
    for (file, _, name), (_, calls, own, _, _) in rows:
        where = name if file == "~" else f"{Path(file).name}:{name}"
        print(f"  {own / whole:4.0%}  {where}, {calls / PICTURES:.0f} calls")
    print()


def asked(client: ImageCloudClient, server: str, pool: NumberedPool, number: int) -> int:
    """A picture through our client, to the judged answer."""
    numbered = pool.picture(number)
    request = Request(request_id(number), CLIENT, numbered.array, USUAL.usernames, USUAL.quota)
    reply = client.encrypt(server, request)
    if reply.error is not None or reply.size is None:
        raise SystemExit(f"our client: {reply.error}")
    return reply.size


def baseline(server: str, data: bytes, request: str) -> int:
    """A picture through a client written as the protocol reads, to the judged answer."""
    host, _, port = server.rpartition(":")
    message = {
        "EncryptionRequest": {
            "request_id": request,
            "client_username": CLIENT,
            "image_data": list(data),
            "usernames": list(USUAL.usernames),
            "quota": USUAL.quota,
            "forwarded": False,
        }
    }
    text = json.dumps(message).encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        sock.settimeout(5.0)
        chunk_id = str(uuid.uuid4())
        total = -(-len(text) // chunks.CHUNK)
        for index in range(total):
            piece = text[index * chunks.CHUNK : (index + 1) * chunks.CHUNK]
            coded = base64.b64encode(piece).decode()
            fields = {
                "chunk_id": chunk_id,
                "chunk_index": index,
                "total_chunks": total,
                "data": coded,
            }
            envelope = {"MultiPacket": fields} if total > 1 else {"SinglePacket": coded}
            sock.sendto(json.dumps(envelope).encode(), (host, int(port)))
            time.sleep(0.002 if index < total - 1 else 0)
        pieces: dict[int, bytes] = {}
        while True:
            datagram, _ = sock.recvfrom(65535)
            multi = json.loads(datagram)["MultiPacket"]
            pieces[multi["chunk_index"]] = base64.b64decode(multi["data"])
            if len(pieces) == multi["total_chunks"]:
                break
    whole = b"".join(pieces[index] for index in range(len(pieces)))
    answer = json.loads(whole)["EncryptionResponse"]
    if answer["request_id"] != request or not answer["success"] or answer["error"] is not None:
        raise SystemExit("the baseline got a wrong answer")
    picture = bytes(answer["encrypted_image"])
    if not picture.startswith(b"\x89PNG\r\n\x1a\n") or len(picture) < 57:
        raise SystemExit("the baseline got no PNG")
    return len(picture)


def replay() -> None:
    """Answer every request with the same picture, under its own id."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind(("127.0.0.1", 0))
    text = answer()
    pieces = chunks.split(text, "0b8e4c1e-52a7-4f4b-9c55-3d1d2f6a7b10")
    place = text.index(PLACE.encode())
    found = re.compile(rb"P00_I\d{3}_\d{10}")
    print(f"127.0.0.1:{sock.getsockname()[1]}", flush=True)
    while True:
        datagram, sender = sock.recvfrom(65535)
        packet = chunks.parse(datagram)
        if not isinstance(packet, chunks.Packet) or packet.at != packet.total - 1:
            told = found.search(packet.data) if isinstance(packet, chunks.Packet) else None
            if told is not None:
                own = told[0]
            continue
        if packet.total == 1:
            told = found.search(packet.data)
            assert told is not None
            own = told[0]
        head = text[:place] + own + text[place + len(own) : chunks.CHUNK]
        chunk_id = str(uuid.uuid4()).encode()
        first = chunks.split(head + text[chunks.CHUNK : chunks.CHUNK + 1], "x")[0]
        first = first.replace(b'"total_chunks":2', b'"total_chunks":%d' % len(pieces), 1)
        first = first.replace(b'"chunk_id":"x"', b'"chunk_id":"%b"' % chunk_id, 1)
        sock.sendto(first, sender)
        for piece in pieces[1:]:
            time.sleep(GAP_S)
            sock.sendto(piece[:28] + chunk_id + piece[64:], sender)


def answer() -> bytes:
    """The text of an answer with a scrambled picture, about 1.9 MB of it."""
    data = PicturePool.make(size=SIZE, seed=1, count=1, quality=QUALITY).picture(0).content
    pixels = np.asarray(Image.open(BytesIO(data)).convert("RGB")).reshape(-1, 3)
    file = BytesIO()
    mixed = scramble.scramble(pixels, USUAL)
    Image.frombytes("RGB", SIZE, mixed.tobytes()).save(file, "PNG", compress_level=1)
    return cloud.response(cloud.ENCRYPTED, PLACE, numbers.encode(file.getvalue()))


# -- 2 and 3: codecs -------------------------------------------------------------------------------


def decoding() -> None:
    """The array of an answer to bytes."""
    message = cloud.read(answer())
    assert message is not None
    text = bytes(message.array)
    ways = {
        "json.loads and bytes()": lambda: bytes(json.loads(text)),
        "gauntlet.wire.numbers.decode": lambda: numbers.decode(text),
        "gauntlet.wire.numbers.count (what judging needs)": lambda: numbers.count(text),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(9):
        for name, way in ways.items():
            before = time.process_time()
            way()
            took[name].append(time.process_time() - before)
    first = next(iter(took.values()))
    print(f"An array of {len(text)} bytes:\n\n| | ms | to the first |\n|---|---|---|")
    for name, times in took.items():
        ratio = statistics.median(one / other for one, other in zip(times, first, strict=True))
        print(f"| {name} | {statistics.median(times) * 1000:.2f} | {ratio:.3f} |")
    print()


def scrambling() -> None:
    """A picture of 1280x720, pixels to pixels; the order made and kept."""
    pixels = np.random.default_rng(1).integers(0, 256, (1280 * 720, 3), dtype=np.uint8)
    mixed = scramble.scramble(pixels, USUAL)
    cold: dict[str, list[float]] = {"scramble": [], "unscramble": []}
    kept: dict[str, list[float]] = {"scramble": [], "unscramble": []}
    for _ in range(5):
        for name, way in (
            ("scramble", lambda: scramble.scramble(pixels, USUAL)),
            ("unscramble", lambda: scramble.unscramble(mixed)),
        ):
            scramble._cache = scramble.OrderCache()
            for times in (cold, kept):
                before = time.process_time()
                way()
                times[name].append(time.process_time() - before)
    print("| 1280x720 | order made, s | order kept, s |\n|---|---|---|")
    for name in cold:
        ours = (statistics.median(times[name]) for times in (cold, kept))
        print(f"| {name} | {next(ours):.3f} | {next(ours):.4f} |")
    print()


# -- 4: loss ---------------------------------------------------------------------------------------

_MIX = """
weights: {{encrypt: 1}}
wait: 0s
pictures: {{width: 300, height: 300, count: 8}}
answers: {{first_byte: {first}, idle: {idle}, total: 30s, attempts: 3, pause: 100ms}}
verify: {{share: 1}}
"""


def loss() -> None:
    """1,000 pictures with loss one way, then both ways."""
    cases = (
        ("1 % of the answers' datagrams", ("--fault-lose-answers", "1%"), 1000, "5s"),
        (
            "20 % of the requests' datagrams, 1 % of the answers'",
            ("--fault-lose-requests", "20%", "--fault-lose-answers", "1%"),
            1000,
            "2s",
        ),
    )
    print("| lost | pictures | verified | recovered answers | failed | named, out of attempts |")
    print("|---|---|---|---|---|---|")
    for name, faults, total, first in cases:
        record, rows = run(faults, total, first)
        whole = record["total"]
        failed = [row for row in rows if not row["success"]]
        named = [row for row in failed if row["attempts"] == 3 and row["error"]]
        recovered = sum(row["success"] and row["rounds"] > 0 for row in rows)
        print(
            f"| {name} | {whole['requests']} | {whole['verified']} | {recovered} | "
            f"{whole['failures']} | {len(named)} |"
        )
        if whole["verified"] + len(named) != total:
            raise SystemExit("a picture is neither verified nor named")


def run(faults: tuple[str, ...], total: int, first: str) -> tuple[Any, Any]:
    """The record and the pictures of a run."""
    root = Path(__file__).resolve().parent.parent
    with (
        tempfile.TemporaryDirectory() as name,
        target("image-cloud", "--nodes", "1", "--pacing", "1ms", *faults) as address,
    ):
        folder = Path(name)
        mix = folder / "profiles" / "image_cloud" / "mix.yaml"
        mix.parent.mkdir(parents=True)
        mix.write_text(_MIX.format(first=first, idle="1s"))
        command = [sys.executable, "-m", "locust", "-f", "locustfiles/image_cloud_roundtrip.py"]
        command[4] = str(root / command[4])
        command += ["--headless", "--only-summary", "-u", "16", "-r", "16", "--host", address]
        command += ["--total-iterations", str(total), "--preflight", "off"]
        subprocess.run(command, cwd=folder, capture_output=True, timeout=1200, check=False)
        (results,) = (folder / "results").iterdir()
        told = json.loads((results / "images.json").read_text())
        return json.loads((results / "run.json").read_text()), told["images"]


if __name__ == "__main__":
    main()
