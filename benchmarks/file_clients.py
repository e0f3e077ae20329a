"""Our clients in `benchmarks.files`: greenlets of one process, as Locust's users are.

    python -m benchmarks.file_clients OPERATION PORT CLIENTS NAME FILE

`get` compares with the file's xxh3, `get-md5` with its MD5. `upload` sends stamped files, as the
users do; `upload-file` encodes and hashes the file of the disk on the way. A probe greenlet ticks
every millisecond meanwhile.
"""

from gevent import monkey

monkey.patch_all()

import hashlib  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402
from xxhash import xxh3_64  # noqa: E402

from benchmarks.file_figures import start, tell  # noqa: E402
from gauntlet.clients.file_server import FileClient  # noqa: E402
from gauntlet.clients.file_sources import FileSource, Source  # noqa: E402

TICK_S = 0.001
QUIET_S = 1.0
"""How long the probe ticks alone first: what the machine itself makes it late by."""


def main() -> None:
    """Run so many clients at once, each one operation."""
    operation, port, clients, name, file = sys.argv[1:]
    path, address = Path(file), ("127.0.0.1", int(port))
    source = sources(operation, path, seed=int(port))
    known = hashlib.md5() if operation == "get-md5" else xxh3_64()
    with path.open("rb") as content:
        while block := content.read(1 << 20):
            known.update(block)
    late: list[float] = []
    own: list[float] = []

    def one() -> None:
        client = FileClient(address)
        if operation.startswith("upload"):
            client.upload(source())
        else:
            digest = hashlib.md5() if operation == "get-md5" else xxh3_64()
            client.get(name, digest.update)
            if digest.hexdigest() != known.hexdigest():
                raise SystemExit("wrong bytes")
        client.close()

    def probe() -> None:
        while True:
            wanted, cpu = time.perf_counter() + TICK_S, time.process_time()
            gevent.sleep(TICK_S)
            late.append(time.perf_counter() - wanted)
            own.append(time.process_time() - cpu)

    first = FileClient(address)  # the first look-up of a name makes a pool of threads
    first.names()
    first.close()
    ticking = gevent.spawn(probe)
    gevent.sleep(QUIET_S)
    quiet = worst(late)
    gevent.sleep(10 * TICK_S)  # the tick that saw the line above
    own.clear()
    late.clear()
    before = start()
    gevent.joinall([gevent.spawn(one) for _ in range(int(clients))], raise_error=True)
    ticking.kill()
    tell(before, {"late": worst(late), "quiet": quiet, "own": worst(own)})


def sources(operation: str, path: Path, seed: int) -> Callable[[], Source]:
    """What makes the content of an upload; imported where it is used: its numpy is 16 MiB."""
    if operation != "upload":
        return lambda: FileSource(path)
    from gauntlet.payloads.files import FilePool

    size = path.stat().st_size
    pool = FilePool.make([size], seed)
    pool.next(size)
    return lambda: pool.next(size)


def worst(seconds: list[float]) -> float:
    """Milliseconds at p99.9."""
    return sorted(seconds)[int(len(seconds) * 0.999)] * 1000


if __name__ == "__main__":
    main()
