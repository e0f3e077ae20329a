"""The handlers of a Chater target that are about the user: weight, drinks, language, sign-in."""

from datetime import UTC, datetime
from typing import Any

import orjson
from google.protobuf.message import DecodeError
from starlette.responses import Response

from gauntlet.pb.alcohol_pb2 import (
    AlcoholEvent,
    GetAlcoholLatestResponse,
    GetAlcoholRangeRequest,
    GetAlcoholRangeResponse,
)
from gauntlet.pb.feedback_pb2 import FeedbackRequest, FeedbackResponse
from gauntlet.pb.manual_weight_pb2 import ManualWeightRequest, ManualWeightResponse
from gauntlet.pb.manual_weight_readme_pb2 import ManualWeightRequest as ReadmeWeightRequest
from gauntlet.pb.set_language_pb2 import SetLanguageRequest, SetLanguageResponse
from gauntlet.targets import _chater_answers as say
from gauntlet.targets._chater_backend import Backend, Fate, Work
from gauntlet.targets._chater_food import OTHER_S, parse_date
from gauntlet.targets._chater_settings import ChaterSettings
from gauntlet.targets._chater_store import Store, today
from gauntlet.targets._chater_tokens import YEAR_S, Denied, Tokens, unsigned_claims

_PROVIDERS = ("google", "apple")
_UNAVAILABLE = "Authentication backend unavailable"
_LAYOUTS: dict[str, Any] = {"server": ManualWeightRequest, "readme": ReadmeWeightRequest}


class Person:
    """Everything about the user."""

    def __init__(
        self, settings: ChaterSettings, store: Store, backend: Backend, tokens: Tokens
    ) -> None:
        self._settings = settings
        self._store = store
        self._backend = backend
        self._tokens = tokens
        self._weight_message = _LAYOUTS[settings.weight_layout]

    async def weight(self, body: bytes, email: str, fate: Fate) -> Response:
        """POST /manual_weight: the message says whose weight it is, and nobody waits."""
        if not body:
            return say.invalid()
        try:
            found = self._weight_message.FromString(body)
        except DecodeError:
            return say.empty(500)
        if fate.kafka_down:
            return say.empty(503)
        if not fate.lost_weight:
            who, weight = found.user_email, found.weight
            work_time_s = self._settings.work_time_s
            self._backend.dispatch(lambda: self._store.weigh(who, weight), work_time_s)
        return say.message(ManualWeightResponse(success=True), say.GP)

    async def alcohol_latest(self, email: str, fate: Fate) -> Response:
        """GET /alcohol_latest."""
        match await self._backend.ask(fate, self._settings.work_time_s, OTHER_S):
            case Work.UNSENT:
                return say.empty(503)
            case Work.TIMED_OUT:
                return say.empty(500)
            case work:
                drinks = self._store.drinks(email, today(), today()) if work is Work.DONE else []
        answer = GetAlcoholLatestResponse()
        answer.today_summary.SetInParent()
        answer.today_summary.total_drinks = len(drinks)
        answer.today_summary.total_calories = sum(one.calories for one in drinks)
        answer.today_summary.drinks_of_day.extend(one.name for one in drinks)
        return say.message(answer, say.GP)

    async def alcohol_range(self, body: bytes, email: str, fate: Fate) -> Response:
        """POST /alcohol_range."""
        try:
            found = GetAlcoholRangeRequest.FromString(body)
        except DecodeError:
            return say.empty(500)
        first, last = parse_date(found.start_date), parse_date(found.end_date)
        if first is None or last is None:  # the worker keeps silent
            fate = fate._replace(worker_timeout=True)
        match await self._backend.ask(fate, self._settings.work_time_s, OTHER_S):
            case Work.UNSENT:
                return say.empty(503)
            case Work.TIMED_OUT:
                return say.empty(500)
            case Work.REFUSED:
                return say.empty(200)
        assert first is not None and last is not None
        events = [
            AlcoholEvent(
                time=one.time,
                date=f"{datetime.fromtimestamp(one.time / 1000, UTC):%Y-%m-%d}",
                drink_name=one.name,
                calories=one.calories,
                quantity=1,
            )
            for one in self._store.drinks(email, first, last)
        ]
        return say.message(GetAlcoholRangeResponse(events=events), say.GP)

    async def language(self, body: bytes, email: str, fate: Fate) -> Response:
        """POST /set_language."""
        try:
            found = SetLanguageRequest.FromString(body)
        except DecodeError:
            return say.empty(500)
        self._store.speak(email, found.language_code or "en")
        return say.message(SetLanguageResponse(success=True), say.GP)

    async def feedback(self, body: bytes, email: str, fate: Fate) -> Response:
        """POST /feedback: the message says whose it is, and nobody waits."""
        if not body:
            return say.invalid()
        try:
            found = FeedbackRequest.FromString(body)
        except DecodeError:
            return say.empty(500)
        if not found.feedback.strip():
            return say.empty(400)
        if fate.kafka_down:
            return say.empty(503)
        self._store.comment(found.userEmail, found.time, found.feedback)
        return say.message(FeedbackResponse(success=True), say.GP)

    async def sign_in(self, body: bytes, content_type: str, fate: Fate) -> Response:
        """POST /eater_auth: an id token of a provider for one of ours."""
        try:
            given = orjson.loads(body) if content_type.startswith("application/json") else None
        except orjson.JSONDecodeError:
            given = None
        if given is None:
            words = "Authentication service temporarily unavailable"
            return say.json({"error": "internal_error", "message": words}, 500)
        if not isinstance(given, dict):
            return say.text(say.FAILED)
        if refused := _incomplete(given):
            return say.json({"error": refused[0], "message": refused[1]}, 400)
        match await self._backend.ask(fate, self._settings.work_time_s, OTHER_S):
            case Work.UNSENT:
                return say.json({"error": "service_unavailable", "message": _UNAVAILABLE}, 503)
            case Work.TIMED_OUT:
                words = "Authentication request timed out"
                return say.json({"error": "timeout", "message": words}, 500)
            case Work.REFUSED:
                return say.json({"error": "service_unavailable", "message": _UNAVAILABLE}, 500)
        email = given["email"]
        if not self._is_of(given["idToken"], email):
            words = "Invalid identity token"
            return say.json({"error": "invalid_token", "message": words}, 401)
        return say.json(
            {
                "token": self._tokens.issue(email, given["provider"]),
                "expiresIn": YEAR_S,
                "userEmail": email,
                "userName": given.get("name") or email,
                "profilePictureURL": given.get("profilePictureURL") or "",
            }
        )

    def _is_of(self, id_token: Any, email: Any) -> bool:
        """Whether an id token is whole, alive and of that e-mail."""
        if not isinstance(id_token, str) or not isinstance(email, str):
            return False
        try:
            if self._settings.unsigned_id_tokens:
                claims = unsigned_claims(id_token)
            else:
                claims = self._tokens.claims(id_token)
        except Denied:
            return False
        return "exp" in claims and claims.get("email") == email


def _incomplete(given: dict[str, Any]) -> tuple[str, str] | None:
    """Error and message for a sign-in that says too little."""
    if not given:
        return "invalid_request", "No JSON data provided"
    if not all(given.get(name) for name in ("provider", "idToken", "email")):
        return "invalid_request", "Missing required fields: provider, idToken, email"
    if given["provider"] not in _PROVIDERS:
        return "invalid_provider", "Provider must be google or apple"
    return None
