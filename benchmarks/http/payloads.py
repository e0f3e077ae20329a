"""What the benchmark sends and receives; the same bytes in every process."""

import random

FIELD = "file"
PICTURE = random.Random(1).randbytes(80_000)
BLOB = random.Random(2).randbytes(100_000)
FORM_TYPE = "multipart/form-data; boundary=benchmark"


def form() -> bytes:
    """The picture as a multipart body."""
    head = (
        f'--benchmark\r\nContent-Disposition: form-data; name="{FIELD}"; filename="picture.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + PICTURE + b"\r\n--benchmark--\r\n"
