"""What can go wrong between a client and a file server, as one tree with a closed list of texts.

    FileServerError
    ├── ConnectFailed             refused, unreachable, or the name is unknown
    ├── DeadlineExceeded
    │   ├── ConnectTimeout        no connection in time
    │   ├── HandshakeTimeout      nothing of the first answer in time: no worker took the connection
    │   ├── IdleTimeout           nothing moved for too long
    │   └── TotalTimeout          not done in time
    ├── ConnectionLost            closed or reset; the text says at which stage
    └── BadResponse               what came does not follow the protocol

All are errors of the operating system's family, as those are which they stand for. No text holds an
address, a name or a byte that a server wrote.
"""


class FileServerError(OSError):
    """An operation that did not end in an answer."""


class ConnectFailed(FileServerError, ConnectionRefusedError):
    """No connection could be made."""


class DeadlineExceeded(FileServerError, TimeoutError):
    """Something took longer than allowed."""

    text = "deadline exceeded"

    def __init__(self) -> None:
        super().__init__(self.text)


class ConnectTimeout(DeadlineExceeded):
    """The connection was not there in time."""

    text = "no connection within the deadline"


class HandshakeTimeout(DeadlineExceeded):
    """The server took the connection, no worker did."""

    text = "no answer within the handshake deadline: no worker was free"


class IdleTimeout(DeadlineExceeded):
    """Nothing was sent or received for too long."""

    text = "nothing moved within the idle deadline"


class TotalTimeout(DeadlineExceeded):
    """The operation was not done in time."""

    text = "not complete within the total deadline"


class ConnectionLost(FileServerError, ConnectionError):
    """The connection closed or broke; the text says when."""


class BadResponse(FileServerError):
    """What came is no answer of this protocol."""
