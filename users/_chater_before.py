"""What Chater users do before the load: a photo, the layout of weights, one call per endpoint."""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Protocol

import gevent
from PIL import Image

from gauntlet.clients import chater as api
from gauntlet.clients import chater_bodies as bodies
from gauntlet.clients.http import Deadlines, HttpClient, HttpError, HttpResponse, Rules
from gauntlet.errors import WrongAnswer
from gauntlet.mixes.chater import ChaterMix, Photo
from gauntlet.payloads.pictures import Picture, PicturePool
from gauntlet.user import Preparation

from ._chater_accounts import Account
from ._chater_belongings import NEARLY, SIXTY_FOURTHS

logger = logging.getLogger(__name__)

LAYOUTS = ("server", "readme")
FALLBACK = "readme"
SEEN_WITHIN_S = 2.0
"""How long a weight may take to be read back: nobody waits for its worker."""

_ASKING = Rules(deadlines=Deadlines(connect=5.0, first_byte=30.0, total=30.0))


Check = Callable[[int, str | None, bytes], object]
"""Looks at status, content type and body; raises WrongAnswer."""


class Pictures(Protocol):
    """What photos are taken of."""

    def picture(self, serial: int) -> Picture:
        """What is uploaded under a serial."""


class _File:
    """The same picture every time."""

    def __init__(self, content: bytes, size: tuple[int, int], name: str) -> None:
        self._picture = Picture((content, b"", b""), len(content), size, name)

    def picture(self, serial: int) -> Picture:
        return self._picture


def pictures(photo: Photo, preparation: Preparation) -> Pictures | None:
    """What is uploaded: the file that is named, or drawn pictures; None where there is no such."""
    if photo.path is None:
        return PicturePool.make(
            size=photo.size,
            seed=preparation.seed,
            count=photo.count,
            quality=photo.quality,
            stream=(preparation.worker,),
            pause=preparation.pause,
        )
    path = Path(photo.path).absolute()
    try:
        content = path.read_bytes()
        picture = Image.open(BytesIO(content))
        picture.verify()
    except (OSError, ValueError, SyntaxError) as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "there is no such file" if missing else "it is no picture that can be read"
        logger.warning("photo: %s: %s; flows go on without the photo step", path, reason)
        return None
    return _File(content, picture.size, path.name)


def asker(host: str, account: Account, verify: bool | str) -> HttpClient:
    """A client of an account that is in no statistics."""
    token = account.token
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return HttpClient(host, headers=headers, rules=_ASKING, verify=verify)


def parts(answer: HttpResponse) -> tuple[int, str | None, bytes]:
    """What came; raises HttpError where nothing did."""
    if isinstance(answer.error, HttpError):
        raise answer.error
    return answer.status_code, answer.headers.get("content-type"), answer.content


def ask(client: HttpClient, call: api.Call, body: bytes | None = None) -> HttpResponse:
    """Make a call outside the load."""
    headers: dict[str, str | bytes | None] = (
        {} if call.content_type is None else {"Content-Type": call.content_type}
    )
    if call is api.SIGN_IN:
        headers["Authorization"] = None
    return client.request(call.method, call.path, data=body, headers=headers)


def find_layout(client: HttpClient, account: Account, part: int) -> str | None:
    """How the server numbers a weight's fields: set one, read it back; None if nothing tells."""
    for layout in LAYOUTS:
        kilograms = 100 + LAYOUTS.index(layout) + part / SIXTY_FOURTHS
        try:
            body = bodies.weight(layout, account.email, kilograms)
            api.check_weight(*parts(ask(client, api.WEIGHT, body)))
            if _is_read_back(client, kilograms):
                return layout
        except (HttpError, WrongAnswer):
            return None
    return None


def _is_read_back(client: HttpClient, kilograms: float) -> bool:
    deadline = perf_counter() + SEEN_WITHIN_S
    while True:
        day = api.check_today(*parts(ask(client, api.TODAY)))
        if abs(day.person_weight - kilograms) < NEARLY:
            return True
        if perf_counter() > deadline:
            return False
        gevent.sleep(0.1)


def preflight(
    client: HttpClient, tasks: set[str], mix: ChaterMix, email: str, id_token: str | None
) -> Iterator[str]:
    """One call per endpoint that changes nothing; a sentence per wrong answer."""
    first, last = mix.days()
    if tasks - {"eater_auth"}:
        yield from _said(client, api.TODAY, None, api.check_today)
    if "custom_date_query" in tasks:
        body = bodies.custom_date(mix.day())
        yield from _said(client, api.CUSTOM_DATE, body, api.check_custom_date)
    if "alcohol_latest" in tasks:
        yield from _said(client, api.ALCOHOL_LATEST, None, api.check_alcohol_latest)
    if "alcohol_range" in tasks:
        body = bodies.alcohol_range(first, last)
        yield from _said(
            client,
            api.ALCOHOL_RANGE,
            body,
            partial(api.check_alcohol_range, first=first, last=last),
        )
    if "eater_auth" in tasks:
        given = mix.sign_in
        right: Check = api.check_refusal
        if id_token is not None:
            right = partial(api.check_sign_in, email=email)
        body = bodies.sign_in(given.provider, id_token, email, given.name, given.picture)
        yield from _said(client, api.SIGN_IN, body, right)


def _said(
    client: HttpClient,
    call: api.Call,
    body: bytes | None,
    check: Check,
) -> Iterator[str]:
    name = f"{call.method} {call.path}"
    try:
        check(*parts(ask(client, call, body)))
    except WrongAnswer as wrong:
        yield f"{name} answered wrongly: {wrong}"
    except HttpError as error:
        yield f"{name} got no answer: {error}"
