"""Bytes as JSON arrays of numbers, `[137,80,78,71]`, made and read at the speed of C.

A picture of half a megabyte is two megabytes of such text, so no loop here looks at single bytes.
Errors are ValueError.
"""

import numpy as np
import orjson
from numpy.typing import NDArray

_ZERO, _COMMA = ord("0"), ord(",")
_BLANKS = b" \t\r\n"


def encode(data: bytes | memoryview) -> bytes:
    """The array of these bytes, without blanks."""
    return orjson.dumps(np.frombuffer(data, np.uint8), option=orjson.OPT_SERIALIZE_NUMPY)


def decode(text: bytes | memoryview) -> bytes:
    """The bytes of an array; ValueError where it is none of whole numbers from 0 to 255."""
    body = _body(text)
    if not len(body):
        return b""
    digits = body - _ZERO
    stops = np.append(np.flatnonzero(digits > 9), len(body))
    lengths = np.diff(stops, prepend=-1)  # with the comma
    # Wrong characters are found by their number: all that are no digits must be commas.
    if np.count_nonzero(body == _COMMA) != len(stops) - 1:
        raise ValueError("expected digits and commas")
    if lengths.min() < 2 or lengths.max() > 4:
        raise ValueError("expected numbers of one to three digits")
    several, three = lengths > 2, lengths > 3
    ones, tens, hundreds = (np.take(digits, stops - back, mode="clip") for back in (1, 2, 3))
    tens *= several
    hundreds *= three
    values = ones + tens * np.uint16(10) + hundreds * np.uint16(100)
    if values.max() > 255 or np.any((values < 10) & several) or np.any((values < 100) & three):
        raise ValueError("expected numbers from 0 to 255")
    found: bytes = values.astype(np.uint8).tobytes()
    return found


def count(text: bytes | memoryview) -> int:
    """How many numbers an array holds; ValueError where it is not well-formed to its end.

    Costs a tenth of decoding it. Whether a number of three digits is above 255 only `decode` says.
    """
    body = _body(text)
    if not len(body):
        return 0
    is_digit = (body - _ZERO) <= 9
    commas = int(np.count_nonzero(body == _COMMA))
    if commas + np.count_nonzero(is_digit) != len(body):
        raise ValueError("expected digits and commas")
    if not is_digit[0] or not is_digit[-1] or not np.all(is_digit[1:] | is_digit[:-1]):
        raise ValueError("expected a number between commas")
    pairs = is_digit[1:] & is_digit[:-1]
    if np.any(pairs[2:] & pairs[:-2]):
        raise ValueError("expected numbers of one to three digits")
    return commas + 1


def _body(text: bytes | memoryview) -> NDArray[np.uint8]:
    """What stands between the brackets, without blanks."""
    if len(text) < 2 or text[0] != ord("[") or text[-1] != ord("]"):
        raise ValueError("expected an array")
    body = np.frombuffer(text, np.uint8)[1:-1]
    if np.any(body <= ord(" ")):  # a client of the original writes `1, 2`; nodes write none
        body = np.frombuffer(bytes(text[1:-1]).translate(None, _BLANKS), np.uint8)
    return body
