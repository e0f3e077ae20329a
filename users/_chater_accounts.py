"""Who the users of Chater are: one token for all, several, or a token made for each."""

import time
from heapq import heappop, heappush
from random import Random
from typing import NamedTuple
from urllib.parse import urlsplit

from gauntlet import config
from gauntlet.clients import _chater_tokens as tokens
from gauntlet.clients.http import Deadlines, HttpClient, Rules
from gauntlet.errors import UsageError

TOKEN = "TEST_USER_TOKEN"
SECRET = "EATER_SECRET_KEY"
EMAIL = "loadtest@example.com"
PROBE = "probe"
_SECRET_PATH = "/__secret"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Account(NamedTuple):
    """What a user is known by."""

    email: str | None
    token: str | None
    number: int = -1


class Accounts:
    """Hands an account to each user of this process; `mistakes` says what is wrong with tokens."""

    def __init__(
        self, email: str | None, given: tuple[str, ...], secret: str | None, worker: int
    ) -> None:
        self._email = email
        self._given = given
        self._secret = secret
        self._worker = worker
        self._turn = Random(worker).randrange(len(given)) if given else 0
        self._free: list[int] = []
        self._made = 0
        self.mistakes = _mistakes(given)

    @property
    def shared(self) -> bool:
        """Whether several users may have one account, also on other workers."""
        return self._secret is None

    @property
    def probe(self) -> Account:
        """Who asks before the load."""
        return self._minted(PROBE) if self._secret else self._next()

    def take(self) -> Account:
        """An account for a user; of minted ones, one that nobody else has now."""
        if self._secret is None:
            return self._next()
        if self._free:
            number = heappop(self._free)
        else:
            number, self._made = self._made, self._made + 1
        return self._minted(str(number), number)

    def give_back(self, account: Account) -> None:
        """The user is gone; the next one may have its account, so that they do not multiply."""
        if account.number >= 0:
            heappush(self._free, account.number)

    def _next(self) -> Account:
        if not self._given:
            return Account(self._email, None)
        token = self._given[self._turn % len(self._given)]
        self._turn += 1
        if self.mistakes:
            return Account(self._email, token)
        own = tokens.read(token).email
        # Of several tokens each has an e-mail of its own.
        return Account(self._email or own if len(self._given) == 1 else own, token)

    def _minted(self, mark: str, number: int = -1) -> Account:
        assert self._secret is not None
        local, _, domain = (self._email or EMAIL).partition("@")
        email = f"{local}+{self._worker}-{mark}@{domain}"
        return Account(email, tokens.mint(self._secret, email), number)


def accounts(email: str | None, host: str, worker: int) -> Accounts:
    """Where tokens come from: variables, or a reference target that made up its own secret."""
    given = tuple((config.secret(TOKEN) or "").split())
    secret = None if given else config.secret(SECRET) or _told(host)
    return Accounts(email, given, secret, worker)


def _told(host: str) -> str | None:
    """The secret that a reference target of this machine tells to whoever asks."""
    if urlsplit(host).hostname not in _LOOPBACK:
        return None
    client = HttpClient(host, rules=Rules(deadlines=Deadlines(5.0, 10.0, 10.0)))
    answer = client.request("GET", _SECRET_PATH)
    client.close()
    try:
        found = answer.json()["secret"] if answer.ok else None
    except (ValueError, LookupError, TypeError):
        return None
    return found if isinstance(found, str) else None


def _mistakes(given: tuple[str, ...]) -> list[str]:
    """A line per token that cannot be good, without repeating anything of it."""
    now, lines = time.time(), []
    for number, token in enumerate(given, 1):
        wrong = tokens.mistake(token, now)
        where = TOKEN if len(given) == 1 else f"{TOKEN}: token {number}"
        if wrong is not None:
            lines.append(f"{where}: {wrong}")
    return lines


def check(found: Accounts) -> None:
    """UsageError where a token cannot be good."""
    if found.mistakes:
        raise UsageError(found.mistakes)
