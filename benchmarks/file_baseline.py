"""The baseline of `benchmarks.files`: a client and a server as one writes them first.

A thread per client; recv of 1 MiB into a list, b''.join, json, stdlib base64 and hashlib, the whole
file in memory; TCP_NODELAY and buffers as ours.

    python -m benchmarks.file_baseline server FOLDER          prints its port
    python -m benchmarks.file_baseline OPERATION PORT CLIENTS NAME FILE
"""

import base64
import hashlib
import json
import socket
import sys
import threading
from pathlib import Path

from benchmarks.file_figures import start, tell

RECV = 1 << 20
END = b"\r\n\r\n"
LINE = 1 << 20


def receive(connection: socket.socket, end: bytes) -> bytes:
    """Everything up to a terminator."""
    pieces: list[bytes] = []
    last = b""
    while not last.endswith(end):
        piece = connection.recv(RECV)
        if not piece:
            raise SystemExit("the connection closed")
        pieces.append(piece)
        last = (last + piece)[-len(end) :]
    return b"".join(pieces)


def serve_one(connection: socket.socket, folder: Path) -> None:
    """Answer one client."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while line := connection.recv(RECV):
        command, _, name = line.decode().strip().partition(" ")
        if command == "GET":
            content = base64.b64encode((folder / name.lower()).read_bytes()).decode()
            answer = {"status": "OK", "data_namafile": name, "data_file": content}
        else:
            connection.sendall(b"READY TO RECEIVE FILE" + END)
            lines = receive(connection, b"ENDUPLOAD\n").split(b"\n")[:-2]
            file = b"".join([base64.b64decode(one) for one in lines])
            stored = hashlib.md5(file).hexdigest()
            (folder / stored).write_bytes(file)
            answer = {"status": "OK", "data": {"file_path": stored}}  # type: ignore[dict-item]
        connection.sendall(json.dumps(answer).encode() + END)
    connection.close()


def serve(folder: Path) -> None:
    """Serve until killed."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_one, args=(connection, folder), daemon=True).start()


def get(port: int, name: str) -> str:
    """Download a file; its MD5."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(f"GET {name}\n".encode())
        answer = json.loads(receive(connection, END)[: -len(END)])
        return hashlib.md5(base64.b64decode(answer["data_file"])).hexdigest()


def upload(port: int, path: Path) -> None:
    """Upload a file; its name must be its MD5."""
    content = path.read_bytes()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"UPLOAD\n")
        receive(connection, END)
        text = base64.b64encode(content)
        for at in range(0, len(text), LINE):
            connection.sendall(text[at : at + LINE] + b"\n")
        connection.sendall(b"ENDUPLOAD\n")
        answer = json.loads(receive(connection, END)[: -len(END)])
        if answer["data"]["file_path"] != hashlib.md5(content).hexdigest():
            raise SystemExit("wrong name")


def main() -> None:
    """Be the server, or so many clients at once."""
    if sys.argv[1] == "server":
        serve(Path(sys.argv[2]))
    operation, port, clients, name, file = sys.argv[1:]
    digest = hashlib.md5()
    with open(file, "rb") as content:
        while block := content.read(RECV):
            digest.update(block)
    known = digest.hexdigest()

    def one() -> None:
        if operation == "upload":
            upload(int(port), Path(file))
        elif get(int(port), name) != known:
            raise SystemExit("wrong bytes")

    threads = [threading.Thread(target=one) for _ in range(int(clients))]
    before = start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell(before)


if __name__ == "__main__":
    main()
