"""The tokens of uploads: each is good for one, and may say what that one must be like.

    gate = Gate(rules, store)
    claims = gate.enter(request)           the token is used up from here on
    gate.check_terms(claims, terms)        a failed check gives it back
    gate.check_size(claims, length)

Every failure is raised as Refused. Without rules no token is asked for, and one that comes all the
same must be readable.
"""

import hashlib
import os
import time
import warnings
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gauntlet.targets._walrus_answers import Refused, refused, refused_text
from gauntlet.targets._walrus_chain import Terms
from gauntlet.targets._walrus_ids import object_id
from gauntlet.targets._walrus_request import U32_MAX, U64_MAX, Request
from gauntlet.targets._walrus_settings import TokenRules
from gauntlet.targets._walrus_store import PURGED, TOKENS, Store

if TYPE_CHECKING:
    from jwt.types import Options

MAX_TOKENS = 10_000
PURGE_S = 5.0
_FOREVER_S = 10 * 365 * 86400.0
"""Later expiries are kept as this, which every file system can store."""


class Claims(BaseModel):
    """What a token says; other claims are none of our business."""

    model_config = ConfigDict(frozen=True, strict=True)

    exp: int = Field(ge=0, le=U64_MAX)
    jti: str
    iat: int | None = Field(None, ge=0, le=U64_MAX)
    send_object_to: str | None = None
    epochs: int | None = Field(None, ge=0, le=U32_MAX)
    max_epochs: int | None = Field(None, ge=0, le=U32_MAX)
    size: int | None = Field(None, ge=0, le=U64_MAX)
    max_size: int | None = Field(None, ge=0, le=U64_MAX)


class Gate:
    """Lets uploads in, in one worker; used tokens are known to all of them."""

    def __init__(self, rules: TokenRules | None, store: Store) -> None:
        self._rules = rules
        self._used = _UsedTokens(store)
        if rules:
            _load_jwt()

    def enter(self, request: Request) -> Claims | None:
        """Use up the token of an upload; None if none is asked for."""
        token = _bearer(request)
        if self._rules is None:
            _check_readable(token)
            return None
        if token is None:
            raise refused_text(400, "Header of type `authorization` was missing")
        claims = _decode(token, self._rules)
        _check_times(claims, self._rules)
        if not self._used.add(claims.jti, claims.exp):
            raise refused("TOKEN_ALREADY_USED")
        return claims

    def check_terms(self, claims: Claims | None, terms: Terms) -> None:
        """Compare the claims about the query with it."""
        if claims is None or self._rules is None:
            return
        if _both(claims.size, claims.max_size) or _both(claims.epochs, claims.max_epochs):
            raise self._give_back(claims, "INCONSISTENT_TOKEN")
        if not self._rules.verify_upload:
            return
        if not _fits(terms.epochs, claims.epochs, claims.max_epochs):
            raise self._give_back(claims, "INVALID_EPOCHS")
        wanted = claims.send_object_to
        if wanted is not None and object_id(wanted) != terms.send_to:
            raise self._give_back(claims, "INVALID_SEND_OBJECT_TO")

    def check_size(self, claims: Claims | None, size: int | None) -> None:
        """Compare the claims about the size with it, as soon as it is known."""
        if claims is None or self._rules is None or size is None:
            return
        if self._rules.verify_upload and not _fits(size, claims.size, claims.max_size):
            raise self._give_back(claims, "INVALID_SIZE")

    def _give_back(self, claims: Claims, reason: str) -> Refused:
        self._used.remove(claims.jti)
        return refused(reason)


class _UsedTokens:
    """The tokens that were used and have not expired, as files next to the blobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, jti: str, expires: int) -> bool:
        """Note a token; False if it is there already. Raises Refused when there is no room."""
        with self._store.locked():
            self._purge()
            if self._store.cells[TOKENS] >= MAX_TOKENS:
                raise refused("INTERNAL_ERROR")
            path = self._path(jti)
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                return False
            until = min(expires, time.time() + _FOREVER_S)
            os.utime(path, (until, until))
            self._store.cells[TOKENS] += 1
        return True

    def remove(self, jti: str) -> None:
        """Forget a token, so that it can be used again."""
        with self._store.locked():
            os.unlink(self._path(jti))
            self._store.cells[TOKENS] -= 1

    def _path(self, jti: str) -> str:
        name = hashlib.blake2b(jti.encode(), digest_size=32).hexdigest()
        return f"{self._store.directory}/tokens/{name}"

    def _purge(self) -> None:
        """Every few seconds, forget those that have expired."""
        now, cells = time.time(), self._store.cells
        if now - cells[PURGED] / 1e9 < PURGE_S:
            return
        cells[PURGED] = int(now * 1e9)
        with os.scandir(self._store.directory / "tokens") as entries:
            for entry in entries:
                if entry.stat().st_mtime < now:
                    os.unlink(entry.path)
                    cells[TOKENS] -= 1


def _bearer(request: Request) -> str | None:
    """The token of the header. Raises Refused if it is there and of another kind."""
    value = request.header(b"authorization")
    if value is None:
        return None
    kind, _, token = value.partition(" ")
    if kind.lower() != "bearer":
        raise refused_text(400, "invalid HTTP header (authorization)")
    return token.strip()


def _load_jwt() -> None:
    """PyJWT takes as long to import as all the rest, so only who meets a token does."""
    import jwt  # noqa: F401

    # A short secret is the choice of who tests, and standard error is for what is wrong.
    warnings.filterwarnings("ignore", message="The HMAC key is")


def _check_readable(token: str | None) -> None:
    if token is not None:
        import jwt

        try:
            _claims(token, None, "")
        except (jwt.PyJWTError, ValidationError) as error:
            raise refused("INTERNAL_ERROR") from error


def _decode(token: str, rules: TokenRules) -> Claims:
    import jwt

    try:
        return _claims(token, rules.secret, rules.algorithm)
    except jwt.InvalidSignatureError as error:
        raise refused("INVALID_SIGNATURE") from error
    except (jwt.PyJWTError, ValidationError) as error:
        raise refused("INVALID_TOKEN") from error


def _claims(token: str, secret: bytes | None, algorithm: str) -> Claims:
    import jwt

    checks: Options = {
        "verify_signature": secret is not None,
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "verify_aud": False,
        "verify_iss": False,
        "verify_sub": False,
        "verify_jti": False,
    }
    content = jwt.decode(token, secret or b"", algorithms=[algorithm], options=checks)
    return Claims.model_validate(content)


def _check_times(claims: Claims, rules: TokenRules) -> None:
    now = time.time()
    if claims.exp <= now:
        raise refused("EXPIRED_SIGNATURE")
    if claims.iat is not None and claims.iat > now + 1:
        raise refused("INVALID_TIMESTAMP")
    if rules.lifetime_s and (claims.iat is None or claims.exp - claims.iat != rules.lifetime_s):
        raise refused("INVALID_EXPIRATION")


def _both(first: int | None, second: int | None) -> bool:
    return first is not None and second is not None


def _fits(value: int, exact: int | None, most: int | None) -> bool:
    return (exact is None or value == exact) and (most is None or value <= most)
