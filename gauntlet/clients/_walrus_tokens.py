"""Tokens for a publisher that asks for them."""

from collections.abc import Sequence
from time import time
from uuid import uuid4

import jwt

from gauntlet.errors import UsageError


class Tokens:
    """Tokens for a publisher, each for one upload; the secret is in no text that leaves here."""

    def __init__(
        self, secret: str, algorithm: str, lifetime_s: float, claims: Sequence[str]
    ) -> None:
        self._secret = _key(secret)
        self._algorithm = algorithm
        self._lifetime_s = int(lifetime_s)
        self._claims = claims

    def header(self, size: int | None, epochs: int | None) -> dict[str, str]:
        """A fresh token as a header field; `exp` is exactly the lifetime after `iat`."""
        now = int(time())
        claims: dict[str, object] = {"iat": now, "exp": now + self._lifetime_s, "jti": uuid4().hex}
        if size is not None and "size" in self._claims:
            claims["size"] = size
        if "epochs" in self._claims:
            claims["epochs"] = 1 if epochs is None else epochs
        return {"Authorization": f"Bearer {jwt.encode(claims, self._secret, self._algorithm)}"}


def _key(secret: str) -> bytes:
    try:
        return bytes.fromhex(secret[2:]) if secret.startswith("0x") else secret.encode()
    except ValueError:
        raise UsageError("secret of tokens: expected hex digits after 0x, got others") from None
