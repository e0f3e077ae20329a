"""Bearer tokens of a Chater target: HS256, four ways to be refused, and tokens for those who ask.

The key is the secret's UTF-8 bytes if there are at least 32, else their SHA-256 digest.
"""

import time
from hashlib import sha256
from typing import Any

import jwt

YEAR_S = 31_536_000
_KEY_BYTES = 32


class Denied(Exception):
    """A request without a good token; the text is the answer's message."""


class Tokens:
    """Reads and makes tokens of one secret."""

    def __init__(self, secret: str) -> None:
        raw = secret.encode()
        self._key = raw if len(raw) >= _KEY_BYTES else sha256(raw).digest()

    def read(self, header: str | None) -> str | None:
        """The e-mail of an Authorization field, None if its token has none. Raises Denied."""
        if header is None:
            raise Denied("Token is missing")
        if not header.startswith("Bearer "):
            raise Denied("Invalid token format")
        claims = self.claims(header.removeprefix("Bearer "))
        email = claims.get("sub")
        return email if isinstance(email, str) else None

    def claims(self, token: str) -> dict[str, Any]:
        """What a token says. Raises Denied."""
        try:
            found: dict[str, Any] = jwt.decode(token, self._key, algorithms=["HS256"])
        except jwt.ExpiredSignatureError:
            raise Denied("Token has expired") from None
        except jwt.InvalidTokenError:
            raise Denied("Invalid token") from None
        return found

    def issue(self, email: str, provider: str | None = None) -> str:
        """A token for a year."""
        now = int(time.time())
        claims = {"sub": email, "iat": now, "exp": now + YEAR_S}
        return jwt.encode(claims | ({"provider": provider} if provider else {}), self._key, "HS256")


def unsigned_claims(token: str) -> dict[str, Any]:
    """What a token says, whoever signed it; raises Denied unless it has three parts and lives."""
    options: Any = {"verify_signature": False, "verify_exp": True}
    try:
        found: dict[str, Any] = jwt.decode(token, options=options)
    except jwt.InvalidTokenError:
        raise Denied("Invalid token") from None
    return found
