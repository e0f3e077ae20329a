"""Bearer tokens of Chater: made for a user, or looked at before the load.

The key is the secret's UTF-8 bytes if there are at least 32, else their SHA-256 digest.
"""

import time
from hashlib import sha256
from typing import Any, NamedTuple

import jwt

KEY_BYTES = 32
LIFETIME_S = 20_000 * 3600
"""Of minted tokens: as those of the original's own helper."""


class Claims(NamedTuple):
    """What a token says of itself; nobody has looked at its signature."""

    email: str | None
    expires: float | None


def signing_key(secret: str) -> bytes:
    """The key that a secret stands for."""
    raw = secret.encode()
    return raw if len(raw) >= KEY_BYTES else sha256(raw).digest()


def mint(secret: str, email: str, now: float | None = None) -> str:
    """A token of a user."""
    issued = int(time.time() if now is None else now)
    claims = {"sub": email, "iat": issued, "exp": issued + LIFETIME_S}
    return jwt.encode(claims, signing_key(secret), "HS256")


def read(token: str) -> Claims:
    """The claims of a token, its signature unseen; raises ValueError where it is none."""
    options: Any = {"verify_signature": False}
    try:
        found = jwt.decode(token, options=options)
    except jwt.InvalidTokenError:
        raise ValueError("expected a token of three parts, got something else") from None
    email, expires = found.get("sub"), found.get("exp")
    if isinstance(expires, bool) or not isinstance(expires, int | float | None):
        raise ValueError("expected a token whose exp is a number, got another kind")
    return Claims(email if isinstance(email, str) else None, expires)


def mistake(token: str, now: float) -> str | None:
    """What speaks against a token before anything is sent; its text repeats nothing of it."""
    try:
        expires = read(token).expires
    except ValueError as error:
        return str(error)
    if expires is not None and expires <= now:
        then = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(min(expires, 253402300799)))
        return f"expected a token that is alive, got one that expired at {then}"
    return None
