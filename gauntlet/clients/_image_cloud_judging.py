"""What an answer of the image cloud must be by form: a success, with a picture whole to its end."""

from gauntlet.errors import WrongAnswer
from gauntlet.wire import numbers
from gauntlet.wire.mailbox import Answer

SERVER_ERRORS = (
    "Coordinator did not respond",
    "Coordinator unreachable",
    "Selected node did not respond",
    "Forward to selected node failed",
    "Cannot detect image format",
    "Failed to decode",
    "Image too small",
    "Cover image too small",
    "Encryption key image not found",
    "Invalid metadata length",
    "Invalid image length",
    "Unexpected end of pixel data",
)
"""How a node's errors begin; what follows differs."""

_PNG = b"[137,80,78,71,13,10,26,10,0,0,0,13,73,72,68,82,"
_PNG_END = b"0,0,0,0,73,69,78,68,174,66,96,130]"
SHORTEST_PNG = 8 + 25 + 12 + 12
_JPEG = b"[255,216,255,"


def judge_encrypted(answer: Answer) -> int:
    """A success with a PNG, whole to its last byte; its pixels are for the verification.

    Gives back the length of the PNG.
    """
    array, count = _judged(answer)
    if bytes(array[: len(_PNG)]) != _PNG:
        raise WrongAnswer("content type", "expected a PNG, got another file")
    _check_end(array)
    return count


def judge_decrypted(answer: Answer) -> int:
    """A success with a picture; gives back its length."""
    array, count = _judged(answer)
    if bytes(array[: len(_PNG)]) == _PNG:
        _check_end(array)
    elif bytes(array[: len(_JPEG)]) != _JPEG:
        raise WrongAnswer("content type", "expected a PNG or JPEG, got another file")
    return count


def _judged(answer: Answer) -> tuple[memoryview, int]:
    fields = answer.message.fields
    success, error = fields.get("success"), fields.get("error")
    if success is False:
        told = error if isinstance(error, str) else ""
        known = next((one for one in SERVER_ERRORS if told.startswith(one)), "another error")
        raise WrongAnswer("server error", known)
    if success is not True or error is not None:
        raise WrongAnswer("bad shape", "expected success and error, got other values")
    try:
        count = numbers.count(answer.message.array)
    except ValueError:
        raise WrongAnswer("bad shape", "expected an array of bytes, got another") from None
    if count < SHORTEST_PNG:
        raise WrongAnswer("wrong length", "expected a picture, got fewer bytes than one has")
    return answer.message.array, count


def _check_end(array: memoryview) -> None:
    if bytes(array[-len(_PNG_END) :]) != _PNG_END:
        raise WrongAnswer("truncated", "expected the end of a PNG, got other bytes")
