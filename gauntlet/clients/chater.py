"""Chater as pure functions: the requests there are, and whether an answer is right.

    check_photo(status, content_type, kept_body, email)

Nothing here touches a socket. A check returns what was found when the answer is right and raises
`WrongAnswer` with an `Outcome` when it is not. A status of 200 proves nothing: the API answers
`Failed` with it, and says a failure by a message of no byte.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

import orjson
from google.protobuf.message import DecodeError, Message

from gauntlet.clients._chater_tokens import read
from gauntlet.errors import WrongAnswer
from gauntlet.pb.alcohol_pb2 import (
    GetAlcoholLatestResponse,
    GetAlcoholRangeResponse,
)
from gauntlet.pb.custom_date_food_pb2 import CustomDateFoodResponse
from gauntlet.pb.delete_food_pb2 import DeleteFoodResponse
from gauntlet.pb.feedback_pb2 import FeedbackResponse
from gauntlet.pb.food_health_level_pb2 import FoodHealthLevelResponse
from gauntlet.pb.get_recomendation_pb2 import RecommendationResponse
from gauntlet.pb.manual_weight_pb2 import ManualWeightResponse
from gauntlet.pb.modify_food_record_pb2 import ModifyFoodRecordResponse
from gauntlet.pb.set_language_pb2 import SetLanguageResponse
from gauntlet.pb.today_food_pb2 import TodayFood

PB, GP = "application/protobuf", "application/grpc+proto"
JSON = "application/json"

M = TypeVar("M", bound=Message)
Body = bytes | bytearray | memoryview


class Call(NamedTuple):
    """One kind of request: how it is sent and what it is called in the statistics."""

    method: str
    path: str
    content_type: str | None
    name: str


def _call(method: str, path: str, content_type: str | None, why: str = "") -> Call:
    return Call(method, path, content_type, f"{method} {path}{why}")


PHOTO = _call("POST", "/eater_receive_photo", PB)
TODAY = _call("GET", "/eater_get_today", None, " (for time)")
TODAY_AGAIN = _call("GET", "/eater_get_today", None, " (post-modify)")
TODAY_FOR_HEALTH = _call("GET", "/eater_get_today", None, " (for health level)")
MODIFY = _call("POST", "/modify_food_record", GP)
WEIGHT = _call("POST", "/manual_weight", GP)
RECOMMENDATION = _call("POST", "/get_recommendation", PB)
DELETE = _call("POST", "/delete_food", GP)
CUSTOM_DATE = _call("POST", "/get_food_custom_date", PB)
LANGUAGE = _call("POST", "/set_language", GP)
ALCOHOL_LATEST = _call("GET", "/alcohol_latest", None)
ALCOHOL_RANGE = _call("POST", "/alcohol_range", GP)
FEEDBACK = _call("POST", "/feedback", GP)
SIGN_IN = _call("POST", "/eater_auth", JSON)
HEALTH_LEVEL = _call("POST", "/food_health_level", PB)
CALLS = (
    *(PHOTO, TODAY, MODIFY, WEIGHT, RECOMMENDATION, TODAY_AGAIN, DELETE),
    *(CUSTOM_DATE, LANGUAGE, ALCOHOL_LATEST, ALCOHOL_RANGE, FEEDBACK, SIGN_IN),
    *(TODAY_FOR_HEALTH, HEALTH_LEVEL),
)


class Outcome(StrEnum):
    """Every way in which an answer can be wrong."""

    STATUS = "status"
    CONTENT_TYPE = "content type"
    BAD_SHAPE = "bad shape"
    TOKEN_MISSING = "token missing"
    TOKEN_FORMAT = "token format"
    TOKEN_EXPIRED = "token expired"
    TOKEN_REFUSED = "token refused"
    NO_IDENTITY = "no identity"
    DAILY_LIMIT = "daily limit"
    NO_FOOD = "no food"
    BAD_REQUEST = "bad request"
    WORKER_TIMEOUT = "worker timeout"
    UNAVAILABLE = "unavailable"
    SERVER_ERROR = "server error"
    FAILED = "failed with 200"
    EMPTY = "empty message"
    UNSUCCESSFUL = "unsuccessful"
    DISH_MISSING = "dish missing"
    NOT_CHANGED = "not changed"
    STILL_THERE = "still there"
    WEIGHT_LOST = "weight lost"
    TOTALS = "totals differ"
    WRONG_USER = "wrong user"
    WRONG_TOKEN = "wrong token"


class Dish(NamedTuple):
    """A dish of a day, as far as it is looked at."""

    time: int
    name: str
    calories: int
    weight: int


class Day(NamedTuple):
    """What a user ate on a day, and the weight that goes with it."""

    dishes: dict[int, Dish]
    person_weight: float


def check_photo(status: int, content_type: str | None, body: bytes, email: str | None) -> None:
    """A photo that was understood."""
    answer = _object(status, content_type, body)
    if answer.get("status") != "Success":
        raise WrongAnswer(Outcome.BAD_SHAPE, "expected a status of Success, got another")
    if email is not None and answer.get("user_email") != email:
        raise WrongAnswer(Outcome.WRONG_USER, "expected the token's e-mail, got another")


def check_today(status: int, content_type: str | None, body: bytes) -> Day:
    """What was eaten today."""
    answer = _message(status, content_type, body, PB, TodayFood)
    return _day(answer.dishes_today, answer.total_for_day, answer.person_weight)


def check_custom_date(status: int, content_type: str | None, body: bytes) -> Day:
    """What was eaten on a day."""
    answer = _message(status, content_type, body, PB, CustomDateFoodResponse)
    return _day(answer.dishes_for_date, answer.total_for_day, answer.person_weight)


def check_modify(status: int, content_type: str | None, body: bytes) -> None:
    """A change that was made."""
    _successful(_message(status, content_type, body, GP, ModifyFoodRecordResponse))


def check_delete(status: int, content_type: str | None, body: bytes) -> None:
    """A dish that was deleted."""
    _successful(_message(status, content_type, body, GP, DeleteFoodResponse))


def check_weight(status: int, content_type: str | None, body: bytes) -> None:
    """A weight that was taken; whether it was understood, only reading it back tells."""
    _successful(_message(status, content_type, body, GP, ManualWeightResponse))


def check_language(status: int, content_type: str | None, body: bytes) -> None:
    """A language that was set."""
    _successful(_message(status, content_type, body, GP, SetLanguageResponse))


def check_feedback(status: int, content_type: str | None, body: bytes) -> None:
    """An opinion that was taken."""
    _successful(_message(status, content_type, body, GP, FeedbackResponse))


def check_recommendation(status: int, content_type: str | None, body: bytes) -> None:
    """Advice in words."""
    answer = _message(status, content_type, body, PB, RecommendationResponse)
    if not answer.recommendation.strip():
        raise WrongAnswer(Outcome.EMPTY, "expected a recommendation, got a blank one")


def check_alcohol_latest(status: int, content_type: str | None, body: bytes) -> None:
    """Today's drinks, possibly none."""
    answer = _message(status, content_type, body, GP, GetAlcoholLatestResponse)
    summary = answer.today_summary
    if summary.total_drinks < len(summary.drinks_of_day) and summary.total_drinks >= 0:
        raise WrongAnswer(Outcome.TOTALS, "expected at least as many drinks as are named")
    if summary.total_drinks < 0 or summary.total_calories < 0:
        raise WrongAnswer(Outcome.BAD_SHAPE, "expected counts of 0 and more, got less")


def check_alcohol_range(
    status: int, content_type: str | None, body: bytes, first: str, last: str
) -> None:
    """The drinks of some days; none is a message of no byte, and so is a worker's error."""
    answer = _message(status, content_type, body, GP, GetAlcoholRangeResponse, may_be_empty=True)
    begin, end = _iso(first), _iso(last)
    if not all(begin <= event.date <= end for event in answer.events):
        raise WrongAnswer(Outcome.BAD_SHAPE, "expected days of the range, got others")


def check_health_level(status: int, content_type: str | None, body: bytes) -> None:
    """Words on a dish."""
    answer = _message(status, content_type, body, PB, FoodHealthLevelResponse)
    if not (answer.title or answer.description or answer.health_summary):
        raise WrongAnswer(Outcome.EMPTY, "expected words on the dish, got none")


def check_sign_in(status: int, content_type: str | None, body: bytes, email: str) -> None:
    """A token of ours for a real id token: of that user, and alive for as long as it is said."""
    answer = _object(status, content_type, body)
    if answer.get("userEmail") != email:
        raise WrongAnswer(Outcome.WRONG_USER, "expected the e-mail that signed in, got another")
    try:
        claims = read(str(answer.get("token")))
    except ValueError:
        raise WrongAnswer(Outcome.WRONG_TOKEN, "expected a token, got something else") from None
    if claims.email != email:
        raise WrongAnswer(Outcome.WRONG_TOKEN, "expected a token of that e-mail, got another's")
    lifetime = answer.get("expiresIn")
    if not isinstance(lifetime, int) or lifetime <= 0:
        raise WrongAnswer(Outcome.BAD_SHAPE, "expected a lifetime in seconds, got none")


def check_refusal(status: int, content_type: str | None, body: bytes) -> None:
    """The 401 for an id token that nobody issued."""
    if status == 200:
        raise WrongAnswer(Outcome.WRONG_TOKEN, "expected a refusal of a made-up id token, got 200")
    if status != 401:
        raise _refused(status, body)
    if _read(body).get("error") != "invalid_token":
        raise WrongAnswer(Outcome.BAD_SHAPE, "expected the error invalid_token, got another")


def check_changed(before: Dish, after: Dish, percentage: int) -> None:
    """The dish has so many percent of its calories and its weight."""
    for was, now in ((before.calories, after.calories), (before.weight, after.weight)):
        if abs(was * percentage / 100 - now) >= 1:
            what = "twice" if percentage == 200 else f"{percentage} % of"
            raise WrongAnswer(
                Outcome.NOT_CHANGED, f"expected {what} the calories and the weight, got others"
            )


def check_gone(times: Iterable[int], day: Day) -> None:
    """None of the dishes that were deleted is there."""
    if any(time in day.dishes for time in times):
        raise WrongAnswer(Outcome.STILL_THERE, "expected a deleted dish to be gone, got it again")


def _object(status: int, content_type: str | None, body: bytes) -> dict[str, Any]:
    if status != 200:
        raise _refused(status, body)
    if body == b"Failed":
        raise WrongAnswer(Outcome.FAILED, "expected an answer, got Failed with status 200")
    _typed(content_type, JSON)
    found = _read(body)
    if not found:
        raise WrongAnswer(Outcome.BAD_SHAPE, "expected a JSON object, got something else")
    return found


def _message(
    status: int,
    content_type: str | None,
    body: bytes,
    expected: str,
    kind: type[M],
    may_be_empty: bool = False,
) -> M:
    if status != 200:
        raise _refused(status, body)
    if body == b"Failed":
        raise WrongAnswer(Outcome.FAILED, "expected a message, got Failed with status 200")
    if content_type != expected:
        _typed(content_type, expected)
    if not body and not may_be_empty:
        raise WrongAnswer(Outcome.EMPTY, "expected a message, got no byte")
    try:
        return kind.FromString(body)
    except DecodeError:
        raise WrongAnswer(Outcome.BAD_SHAPE, "expected another message, got no such") from None


def _successful(answer: Any) -> None:
    if not answer.success:
        raise WrongAnswer(Outcome.UNSUCCESSFUL, "expected success, got false")


def _day(dishes: Any, total: Any, person_weight: float) -> Day:
    found: dict[int, Dish] = {}
    calories = grams = 0
    for dish in dishes:
        one = Dish(dish.time, dish.dish_name, dish.estimated_avg_calories, dish.total_avg_weight)
        found[one.time] = one
        calories += one.calories
        grams += one.weight
    # A server that adds up before it cuts to whole numbers is off by less than one per dish.
    off = abs(calories - total.total_calories) > len(dishes)
    # Without dishes the weight of the day is that of the person: so it is in the field.
    if dishes and abs(grams - total.total_avg_weight) > len(dishes):
        off = True
    if off:
        raise WrongAnswer(Outcome.TOTALS, "expected totals that add up, got others")
    return Day(found, person_weight)


def _typed(content_type: str | None, expected: str) -> None:
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == expected:
        return
    got = kind if kind in _KNOWN_TYPES else "another one" if kind else "none"
    raise WrongAnswer(Outcome.CONTENT_TYPE, f"expected {expected}, got {got}")


def _refused(status: int, body: bytes) -> WrongAnswer:
    """What a status means; words of a server are looked at, never repeated."""
    if status == 401:
        outcome = _DENIED.get(_read(body).get("message"), Outcome.TOKEN_REFUSED)
    elif status == 400:
        outcome = Outcome.BAD_REQUEST
        if b"daily limit" in body:
            outcome = Outcome.DAILY_LIMIT
        elif b"NOT A FOOD" in body:
            outcome = Outcome.NO_FOOD
    else:
        outcome = _BY_STATUS.get(status, Outcome.STATUS)
    return WrongAnswer(outcome, f"expected status 200, got {status}")


def _read(body: bytes) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _iso(day: str) -> str:
    return datetime.strptime(day, "%d-%m-%Y").date().isoformat()


_KNOWN_TYPES = (PB, GP, JSON, "text/html", "text/plain", "application/octet-stream")
_BY_STATUS = {
    408: Outcome.WORKER_TIMEOUT,
    500: Outcome.SERVER_ERROR,
    503: Outcome.UNAVAILABLE,
}
_DENIED: dict[Any, Outcome] = {
    "Token is missing": Outcome.TOKEN_MISSING,
    "Invalid token format": Outcome.TOKEN_FORMAT,
    "Token has expired": Outcome.TOKEN_EXPIRED,
    "Invalid token": Outcome.TOKEN_REFUSED,
    "Authentication required": Outcome.NO_IDENTITY,
}
