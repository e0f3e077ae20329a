"""What a file server's answer says against an operation, as one of a few outcomes."""

from typing import Any

from gauntlet.errors import WrongAnswer
from gauntlet.wire.file_protocol import UNKNOWN

NOT_FOUND, SERVER_ERROR, WRONG_NAME = "not found", "server error", "wrong name"

_TEXTS = (
    ("[Errno 2]", NOT_FOUND, "the server has no file of that name"),
    ("[Errno 21]", SERVER_ERROR, "the name is that of a folder"),
    (UNKNOWN, SERVER_ERROR, "the server does not know the command"),
    ("Incorrect padding", SERVER_ERROR, "the server could not decode a line"),
    ("Invalid base64", SERVER_ERROR, "the server could not decode a line"),
)


def checked(content: dict[str, Any]) -> dict[str, Any]:
    """An object whose status is OK."""
    status = content.get("status")
    if status == "OK":
        return content
    if status != "ERROR":
        raise WrongAnswer("bad shape", "expected the status OK or ERROR, got another")
    told = str(content.get("data"))
    for begin, outcome, text in _TEXTS:
        if told.startswith(begin):
            raise WrongAnswer(outcome, text)
    raise WrongAnswer(SERVER_ERROR, "the server answered ERROR")
