"""Chater's messages byte by byte, its tokens, and what each wrong answer is called."""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import jwt
import orjson
import pytest

from gauntlet.clients import _chater_tokens as tokens
from gauntlet.clients import chater as api
from gauntlet.clients import chater_bodies as bodies
from gauntlet.errors import WrongAnswer
from gauntlet.measure.outcomes import OWN, closed_list
from gauntlet.pb.alcohol_pb2 import (
    AlcoholDaySummary,
    AlcoholEvent,
    GetAlcoholLatestResponse,
    GetAlcoholRangeResponse,
)
from gauntlet.pb.eater_photo_pb2 import PhotoMessage
from gauntlet.pb.food_health_level_pb2 import FoodHealthLevelResponse
from gauntlet.pb.get_recomendation_pb2 import RecommendationResponse
from gauntlet.pb.today_food_pb2 import Dish, TodayFood, TotalForDay

YES = b"\x08\x01"
Check = Callable[[int, str | None, bytes], object]
SUCCESSES = (
    api.check_modify,
    api.check_delete,
    api.check_weight,
    api.check_language,
    api.check_feedback,
)


def outcome(check: Check, status: int, kind: str | None, body: bytes) -> str:
    """The class of a wrong answer; fails where it is right."""
    with pytest.raises(WrongAnswer) as caught:
        check(status, kind, body)
    assert caught.value.outcome in closed_list("chater")
    return str(caught.value.outcome)


# -- bodies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "wire"),
    [
        (bodies.recommendation(1), "0801"),
        (bodies.delete(1700000000000), "0880d095ffbc31"),
        (bodies.weight("server", "q", 70.5), "0d00008d42120171"),
        (bodies.weight("readme", "q", 70.5), "0a01711500008d42"),
        (bodies.custom_date("15-01-2024"), "0a0a" + b"15-01-2024".hex()),
        (bodies.recommendation(0), ""),
    ],
)
def test_bodies_are_those_of_the_api(body: bytes, wire: str) -> None:
    assert body.hex() == wire


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 300_000])
def test_a_photo_in_parts_is_the_message_that_the_library_reads(size: int) -> None:
    parts = (b"\xff" * size, b"", b"abc")
    sent = bodies.photo(1700000000000, parts, size + 3, "default_prompt")
    assert all(one is part for one, part in zip(sent[1:], parts, strict=True)), "not copied"
    assert PhotoMessage.FromString(b"".join(sent)) == PhotoMessage(
        time="1700000000000", photo_data=b"".join(parts), photoType="default_prompt"
    )


def test_requests_have_the_content_types_of_the_original() -> None:
    kinds = {api.PB: set[str](), api.GP: set[str](), api.JSON: set[str](), None: set[str]()}
    for call in api.CALLS:
        kinds[call.content_type].add(call.path)
    assert kinds == {
        api.PB: {
            *("/eater_receive_photo", "/get_recommendation"),
            *("/get_food_custom_date", "/food_health_level"),
        },
        api.GP: {
            *("/modify_food_record", "/manual_weight", "/delete_food"),
            *("/set_language", "/alcohol_range", "/feedback"),
        },
        api.JSON: {"/eater_auth"},
        None: {"/eater_get_today", "/alcohol_latest"},
    }


# -- tokens ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 31, 32, 64])
def test_a_short_secret_is_hashed_and_a_long_one_is_not(length: int) -> None:
    secret = "s" * length
    key = secret.encode() if length >= 32 else sha256(secret.encode()).digest()
    claims = jwt.decode(tokens.mint(secret, "a@b.c"), key, algorithms=["HS256"])
    assert claims["sub"] == "a@b.c" and claims["exp"] - claims["iat"] == 20_000 * 3600


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (tokens.mint("s", "a@b.c"), None),
        (jwt.encode({}, "k" * 32), None),
        ("", "expected a token of three parts, got something else"),
        ("a.b", "expected a token of three parts, got something else"),
        ("a.b.c", "expected a token of three parts, got something else"),
        (
            jwt.encode({"exp": 86400}, "k" * 32),
            "expected a token that is alive, got one that expired at 1970-01-02 00:00:00 UTC",
        ),
        (
            jwt.encode({"exp": 10**30}, "k" * 32),
            None,
        ),
    ],
)
def test_a_token_is_looked_at_without_its_signature(token: str, said: str | None) -> None:
    assert tokens.mistake(token, time.time()) == said


# -- answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", SUCCESSES)
def test_success_is_one_of_right_kind_and_shape(check: Check) -> None:
    check(200, api.GP, YES)
    assert outcome(check, 200, api.GP, b"") == "empty message"
    assert outcome(check, 200, api.GP, b"\x08\x00") == "unsuccessful"
    assert outcome(check, 200, api.GP, b"\xff\xff") == "bad shape"
    assert outcome(check, 200, api.PB, YES) == "content type"
    assert outcome(check, 200, None, YES) == "content type"
    assert outcome(check, 200, "text/html; charset=utf-8", b"Failed") == "failed with 200"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, b'{"message":"Token is missing"}', "token missing"),
        (401, b'{"message":"Invalid token format"}', "token format"),
        (401, b'{"message":"Token has expired"}', "token expired"),
        (401, b'{"message":"Invalid token"}', "token refused"),
        (401, b'{"message":"Authentication required"}', "no identity"),
        (401, b"[]", "token refused"),
        (400, b'{"error":"... daily limit of 10 ..."}', "daily limit"),
        (400, b'{"error":"NOT A FOOD"}', "no food"),
        (400, b'{"error":"Invalid Protobuf data"}', "bad request"),
        (408, b"Timeout", "worker timeout"),
        (500, b"Failed", "server error"),
        (503, b"", "unavailable"),
        (404, b"", "status"),
    ],
)
def test_a_status_has_its_class_and_nothing_of_the_body_in_its_text(
    status: int, body: bytes, expected: str
) -> None:
    assert outcome(api.check_today, status, "text/html", body) == expected
    with pytest.raises(WrongAnswer, match=f"expected status 200, got {status}$"):
        api.check_sign_in(status, "text/html", body, "a@b.c")


def day(*dishes: tuple[int, int, int], calories: int = -1, grams: int = -1) -> bytes:
    """A day of dishes (time, calories, weight), with totals that add up unless given."""
    total = TotalForDay(
        total_calories=sum(one[1] for one in dishes) if calories < 0 else calories,
        total_avg_weight=sum(one[2] for one in dishes) if grams < 0 else grams,
    )
    told = [
        Dish(time=at, dish_name="x", estimated_avg_calories=kcal, total_avg_weight=weight)
        for at, kcal, weight in dishes
    ]
    return TodayFood(dishes_today=told, total_for_day=total, person_weight=70).SerializeToString()


def test_a_day_adds_up() -> None:
    found = api.check_today(200, api.PB, day((1, 100, 50), (2, 200, 60)))
    assert found.dishes[2] == api.Dish(2, "x", 200, 60) and found.person_weight == 70
    api.check_today(200, api.PB, day((1, 100, 50), (2, 200, 60), calories=301))
    assert outcome(api.check_today, 200, api.PB, day((1, 100, 50), calories=200)) == "totals differ"
    assert outcome(api.check_today, 200, api.PB, day((1, 100, 50), grams=70)) == "totals differ"
    assert outcome(api.check_today, 200, api.PB, day(calories=5)) == "totals differ"
    api.check_today(200, api.PB, day(grams=70))


def test_a_change_is_of_calories_and_weight() -> None:
    before = api.Dish(1, "x", 101, 50)
    api.check_changed(before, api.Dish(1, "x", 202, 100), 200)
    api.check_changed(before, api.Dish(1, "x", 50, 25), 50)
    for wrong in (before, api.Dish(1, "x", 202, 50), api.Dish(1, "x", 101, 100)):
        with pytest.raises(WrongAnswer, match="not changed: expected twice"):
            api.check_changed(before, wrong, 200)


def test_what_was_deleted_is_gone() -> None:
    found = api.Day({1: api.Dish(1, "x", 1, 1)}, 0.0)
    api.check_gone((2,), found)
    with pytest.raises(WrongAnswer, match="still there"):
        api.check_gone((2, 1), found)


def test_photos_belong_to_the_user() -> None:
    good = b'{"status":"Success","user_email":"a@b.c"}'
    api.check_photo(200, "application/json", good, "a@b.c")
    for body, email, expected in (
        (good, "x@y.z", "wrong user"),
        (b'{"status":"Other"}', None, "bad shape"),
        (b"[1]", None, "bad shape"),
        (b"Failed", None, "failed with 200"),
    ):
        with pytest.raises(WrongAnswer) as caught:
            api.check_photo(200, "application/json", body, email)
        assert caught.value.outcome == expected


def test_words_are_not_blank() -> None:
    blank = RecommendationResponse(recommendation=" \n").SerializeToString()
    assert outcome(api.check_recommendation, 200, api.PB, blank) == "empty message"
    assert outcome(api.check_health_level, 200, api.PB, b"") == "empty message"
    named = FoodHealthLevelResponse(title="x").SerializeToString()
    api.check_health_level(200, api.PB, named)


def test_drinks_are_of_the_days_that_were_asked_for() -> None:
    event = GetAlcoholRangeResponse(events=[AlcoholEvent(date="2024-01-31")]).SerializeToString()
    api.check_alcohol_range(200, api.GP, event, "01-01-2024", "31-01-2024")
    api.check_alcohol_range(200, api.GP, b"", "01-01-2024", "31-01-2024")
    with pytest.raises(WrongAnswer, match="bad shape"):
        api.check_alcohol_range(200, api.GP, event, "01-02-2024", "28-02-2024")
    api.check_alcohol_latest(200, api.GP, b"\x0a\x00")
    below = GetAlcoholLatestResponse(
        today_summary=AlcoholDaySummary(total_drinks=-1)
    ).SerializeToString()
    assert outcome(api.check_alcohol_latest, 200, api.GP, below) == "bad shape"


def test_a_sign_in_is_judged_by_its_token() -> None:
    def answer(**changes: Any) -> bytes:
        good = {"token": tokens.mint("s", "a@b.c"), "expiresIn": 86400, "userEmail": "a@b.c"}
        return orjson.dumps(good | changes)

    api.check_sign_in(200, "application/json", answer(), "a@b.c")
    for changes, expected in (
        ({"token": "x"}, "wrong token"),
        ({"token": tokens.mint("s", "x@y.z")}, "wrong token"),
        ({"userEmail": "x@y.z"}, "wrong user"),
        ({"expiresIn": 0}, "bad shape"),
    ):
        with pytest.raises(WrongAnswer) as caught:
            api.check_sign_in(200, "application/json", answer(**changes), "a@b.c")
        assert caught.value.outcome == expected


def test_a_made_up_id_token_must_be_refused() -> None:
    api.check_refusal(401, "application/json", b'{"error":"invalid_token","message":"x"}')
    assert outcome(api.check_refusal, 200, "application/json", b"{}") == "wrong token"
    assert outcome(api.check_refusal, 401, "application/json", b"{}") == "bad shape"
    assert outcome(api.check_refusal, 503, "application/json", b"{}") == "unavailable"


def test_every_outcome_is_in_the_closed_list() -> None:
    general = {"status", "content type", "bad shape"}
    assert {str(one) for one in api.Outcome} - general == set(OWN["chater"])
