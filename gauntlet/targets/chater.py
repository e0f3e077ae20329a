"""The reference target of chater: the HTTP API of the original over SQLite and a pretend model.

    build = functools.partial(build_app, settings, path, secret, tells)
    site = http_site(listener, build, endpoints=ENDPOINTS, faults=faults, strikes=strikes)

What a client can see is the original's: statuses, content types and bodies, also the odd ones, such
as a `Failed` with status 200 and failures of no byte. What it says of a photo is made up.

A target that made its secret itself tells it, `GET /__secret`: else nobody could make a token.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from gauntlet.targets import _chater_answers as say
from gauntlet.targets._chater_backend import Backend, Fate
from gauntlet.targets._chater_food import Food
from gauntlet.targets._chater_person import Person
from gauntlet.targets._chater_settings import ChaterSettings
from gauntlet.targets._chater_store import Store
from gauntlet.targets._chater_tokens import Denied, Tokens

SECRET_PATH = "/__secret"
ENDPOINTS = (
    "/eater_receive_photo",
    "/eater_get_today",
    "/get_food_custom_date",
    "/modify_food_record",
    "/delete_food",
    "/manual_weight",
    "/get_recommendation",
    "/alcohol_latest",
    "/alcohol_range",
    "/set_language",
    "/feedback",
    "/food_health_level",
    "/eater_auth",
)
_LIMITED = ("/eater_receive_photo", "/get_recommendation")

Handler = Callable[[bytes, str, Fate], Awaitable[Response]]


def strikes(scope: Scope) -> bool:
    """Faults leave the path alone by which the secret is told."""
    return bool(scope["path"] != SECRET_PATH)


class Service:
    """The API in one process."""

    def __init__(self, settings: ChaterSettings, store: Store, tokens: Tokens, worker: int) -> None:
        self._settings = settings
        self._store = store
        self._tokens = tokens
        self._backend = Backend(settings, worker)
        self._slots = asyncio.Semaphore(settings.slots) if settings.slots else None
        food = Food(settings, store, self._backend)
        self._person = Person(settings, store, self._backend, tokens)
        self._posts: dict[str, Handler] = {
            "/eater_receive_photo": food.photo,
            "/get_food_custom_date": food.custom_date,
            "/modify_food_record": food.modify,
            "/delete_food": food.delete,
            "/get_recommendation": food.recommendation,
            "/food_health_level": food.health_level,
            "/manual_weight": self._person.weight,
            "/alcohol_range": self._person.alcohol_range,
            "/set_language": self._person.language,
            "/feedback": self._person.feedback,
        }
        self._gets = {
            "/eater_get_today": food.today,
            "/alcohol_latest": self._person.alcohol_latest,
        }

    def routes(self) -> list[Route]:
        """All paths of the API."""
        return [
            Route("/eater_auth", self._sign_in, methods=["POST"]),
            *(Route(path, self._answer, methods=["POST"]) for path in self._posts),
            *(Route(path, self._answer, methods=["GET"]) for path in self._gets),
        ]

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        async with self._slot():
            try:
                email = self._tokens.read(request.headers.get("authorization"))
            except Denied as denied:
                return say.json({"message": str(denied)}, 401)
            if path in _LIMITED and (refused := self._limited(email)):
                return refused
            fate = self._backend.fate()
            if path in self._gets:
                answer = await self._gets[path](email or "", fate)
            else:
                body = await request.body()
                answer = await self._posts[path](body, email or "", fate)
            return _spoiled(answer, fate)

    async def _sign_in(self, request: Request) -> Response:
        async with self._slot():
            fate, body = self._backend.fate(), await request.body()
            kind = request.headers.get("content-type", "")
            return _spoiled(await self._person.sign_in(body, kind, fate), fate)

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._slots is None:
            yield
        else:
            async with self._slots:
                yield

    def _limited(self, email: str | None) -> Response | None:
        """The answer to who has no name, or has asked often enough today."""
        limit = self._settings.daily_limit
        if email is None:
            return say.json({"message": "Authentication required"}, 401)
        if not limit or email == self._settings.exempt_email:
            return None
        return say.limit_reached(limit) if self._store.count(email) > limit else None


def _spoiled(answer: Response, fate: Fate) -> Response:
    """The answer, or what a fault makes of a good one."""
    if answer.status_code != 200:
        return answer
    if fate.failed:
        return say.text(say.FAILED)
    if fate.empty:
        return say.answer(b"", answer.headers["content-type"])
    if fate.content_type:
        return say.answer(bytes(answer.body), "application/octet-stream")
    return answer


def build_app(
    settings: ChaterSettings, path: str, secret: str, tells: bool, worker: int
) -> Starlette:
    """The application of one worker process."""
    service = Service(settings, Store(path), Tokens(secret), worker)
    routes = service.routes()
    if tells:

        async def tell(request: Request) -> Response:
            return say.json({"secret": secret})

        routes.append(Route(SECRET_PATH, tell))
    handlers = {HTTPException: _page, ClientDisconnect: _gone}
    return Starlette(routes=routes, exception_handlers=handlers)


async def _page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {
        404: "The requested URL was not found on the server. If you entered the URL manually "
        "please check your spelling and try again.",
        405: "The method is not allowed for the requested URL.",
    }
    title = {404: "Not Found", 405: "Method Not Allowed"}.get(error.status_code, error.detail)
    answer = say.page(error.status_code, title, words.get(error.status_code, error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _gone(request: Request, error: Exception) -> Response:
    return say.empty(400)  # nobody reads it
