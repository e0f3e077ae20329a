"""The reference target of Chater answers what the original answers, byte for byte."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from gauntlet.pb.alcohol_pb2 import GetAlcoholLatestResponse, GetAlcoholRangeRequest
from gauntlet.pb.custom_date_food_pb2 import CustomDateFoodRequest, CustomDateFoodResponse
from gauntlet.pb.delete_food_pb2 import DeleteFoodRequest
from gauntlet.pb.feedback_pb2 import FeedbackRequest
from gauntlet.pb.food_health_level_pb2 import FoodHealthLevelRequest, FoodHealthLevelResponse
from gauntlet.pb.get_recomendation_pb2 import RecommendationRequest, RecommendationResponse
from gauntlet.pb.manual_weight_pb2 import ManualWeightRequest
from gauntlet.pb.manual_weight_readme_pb2 import ManualWeightRequest as ReadmeWeightRequest
from gauntlet.pb.modify_food_record_pb2 import ModifyFoodRecordRequest
from gauntlet.pb.set_language_pb2 import SetLanguageRequest
from tests.targets._chater import (
    CORRUPT,
    GP,
    KEY,
    PB,
    TXT,
    Chater,
    chater,
    photo,
    token,
)
from tests.targets.conftest import in_one_of_five, wait_until

JSON = "application/json"
YES = b"\x08\x01"
NO_DATA = b'{"error":"Invalid Protobuf data","success":false}\n'
DAYS = ("01-01-2024", "07-01-2024")
GOOD = {
    "/eater_receive_photo": photo(),
    "/get_food_custom_date": CustomDateFoodRequest(date="15-01-2024").SerializeToString(),
    "/modify_food_record": ModifyFoodRecordRequest(time=1, percentage=200).SerializeToString(),
    "/delete_food": DeleteFoodRequest(time=1700000000000).SerializeToString(),
    "/manual_weight": ManualWeightRequest(weight=70.5, user_email="q").SerializeToString(),
    "/get_recommendation": RecommendationRequest(days=1).SerializeToString(),
    "/alcohol_range": GetAlcoholRangeRequest(
        start_date=DAYS[0], end_date=DAYS[1]
    ).SerializeToString(),
    "/set_language": SetLanguageRequest(language_code="en").SerializeToString(),
    "/feedback": FeedbackRequest(feedback="well", userEmail="q").SerializeToString(),
    "/food_health_level": FoodHealthLevelRequest(time=1, food_name="x").SerializeToString(),
}
GETS = ("/eater_get_today", "/alcohol_latest")


@pytest.fixture(scope="module")
def target() -> Iterator[Chater]:
    with chater() as shared:
        yield shared


# -- every endpoint and every kind of body ---------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "good", "empty", "corrupt"),
    [
        ("/modify_food_record", (200, GP, YES), (400, JSON, NO_DATA), (500, GP, b"")),
        ("/delete_food", (200, GP, YES), (400, JSON, NO_DATA), (500, GP, b"")),
        ("/manual_weight", (200, GP, YES), (400, JSON, NO_DATA), (500, GP, b"")),
        ("/feedback", (200, GP, YES), (400, JSON, NO_DATA), (500, GP, b"")),
        ("/set_language", (200, GP, YES), (200, GP, YES), (500, GP, b"")),
        ("/alcohol_range", (200, GP, b""), None, (500, GP, b"")),
        ("/food_health_level", (200, PB, b""), (200, PB, b""), (500, PB, b"")),
        ("/get_food_custom_date", None, (400, TXT, b"No date provided"), (200, TXT, b"Failed")),
        ("/get_recommendation", None, None, (500, TXT, b"Failed")),
    ],
)
def test_a_body_gets_its_answer(
    target: Chater, path: str, good: Any, empty: Any, corrupt: Any
) -> None:
    bodies = {"good": (GOOD[path], good), "empty": (b"", empty), "corrupt": (CORRUPT, corrupt)}
    for kind, (body, expected) in bodies.items():
        if expected is not None:
            assert target.post(path, body).seen == expected, kind


def test_a_photo_is_taken_and_bad_ones_are_refused_with_a_reason(target: Chater) -> None:
    good = target.post("/eater_receive_photo", photo())
    assert good.seen == (200, JSON, b'{"status":"Success","user_email":"a@b.c"}\n')
    for body in (b"", CORRUPT, photo(data=b"no picture")):
        refused = target.post("/eater_receive_photo", body)
        content = json.loads(refused.body)
        assert (refused.status, refused.content_type) == (400, JSON)
        assert content["error"] and content["message"] == "Failed to process the request"
    future = str(int(time.time()) + 90_000)
    refused = target.post("/eater_receive_photo", photo(at=future))
    assert refused.seen == (400, JSON, b'{"error":"Time cannot be in the future"}\n')
    assert target.post("/eater_receive_photo", photo(kind="")).status == 400


@pytest.mark.parametrize("path", [*GOOD, *GETS])
@pytest.mark.parametrize(
    ("bearer", "said"),
    [
        pytest.param(None, "Token is missing", id="none"),
        pytest.param("Basic YTpi", "Invalid token format", id="another kind"),
        pytest.param("Bearer ", "Invalid token", id="nothing"),
        pytest.param("Bearer a.b.c", "Invalid token", id="no token"),
        pytest.param(f"Bearer {token(exp=1_000_000)}", "Token has expired", id="expired"),
        pytest.param(f"Bearer {token(key=b'x' * 32)}", "Invalid token", id="another's signature"),
    ],
)
def test_a_bad_token_gets_a_401_that_says_why(
    target: Chater, path: str, bearer: str | None, said: str
) -> None:
    somebody = Chater(target.port, bearer)
    answer = somebody.ask("GET" if path in GETS else "POST", path, GOOD.get(path, b""))
    assert answer.seen == (401, JSON, f'{{"message":"{said}"}}\n'.encode())


def test_a_token_without_a_name_is_refused_where_requests_are_counted(target: Chater) -> None:
    nobody = Chater(target.port, f"Bearer {token(email=None)}")
    said = (401, JSON, b'{"message":"Authentication required"}\n')
    assert nobody.post("/get_recommendation", b"").seen == said
    assert nobody.ask("GET", "/alcohol_latest").status == 200


def test_a_long_secret_is_the_key_itself() -> None:
    secret = "a secret of more than thirty-two bytes"
    with chater(secret=secret) as target:
        target.bearer = f"Bearer {token(key=secret.encode())}"
        assert target.ask("GET", "/alcohol_latest").seen == (200, GP, b"\x0a\x00")
        assert target.ask("GET", "/__secret").status == 404, "it was given, so it is not told"


def test_a_target_without_a_secret_makes_one_and_tells_it() -> None:
    with chater(secret=None) as target:
        target.bearer = None
        told = json.loads(target.ask("GET", "/__secret").body)["secret"]
        target.bearer = f"Bearer {token(key=told.encode())}"
        assert target.ask("GET", "/alcohol_latest").status == 200


def test_unknown_paths_and_wrong_methods_get_pages(target: Chater) -> None:
    for method, path, status in (("GET", "/eater/photo", 404), ("GET", "/delete_food", 405)):
        answer = target.ask(method, path)
        assert (answer.status, answer.content_type) == (status, TXT)
        assert answer.body.startswith(b"<!doctype html>\n<html lang=en>")


# -- data --------------------------------------------------------------------------------------


def test_a_dish_lives_from_its_photo_to_its_deletion(target: Chater) -> None:
    one = target.as_user("whole@life")
    assert one.ask("GET", "/eater_get_today").body == b"\x12\x02\x0a\x00"
    at = int(time.time() * 1000)
    for moment in (at, at + 1):
        one.post("/eater_receive_photo", photo(at=str(moment), seed=moment % 7 + 1))
    today = one.today()
    assert [dish.time for dish in today.dishes_today] == [at, at + 1]
    assert today.total_for_day.total_calories == sum(
        dish.estimated_avg_calories for dish in today.dishes_today
    )
    body = ModifyFoodRecordRequest(time=at, percentage=200).SerializeToString()
    assert one.post("/modify_food_record", body).body == YES
    before, after = today.dishes_today[0], one.today().dishes_today[0]
    assert after.estimated_avg_calories == 2 * before.estimated_avg_calories
    assert after.total_avg_weight == 2 * before.total_avg_weight
    level = FoodHealthLevelRequest(time=at, food_name=before.dish_name).SerializeToString()
    found = FoodHealthLevelResponse.FromString(one.post("/food_health_level", level).body)
    assert found.title == before.dish_name
    assert one.post("/delete_food", DeleteFoodRequest(time=at).SerializeToString()).body == YES
    assert [dish.time for dish in one.today().dishes_today] == [at + 1]
    assert not target.as_user("nobody@else").today().dishes_today


@pytest.mark.parametrize("layout", ["server", "readme"])
def test_a_weight_is_understood_in_one_layout_and_answered_with_success_in_both(
    layout: str,
) -> None:
    with chater("--weight-layout", layout) as target:
        for name, kind in (("server", ManualWeightRequest), ("readme", ReadmeWeightRequest)):
            body = kind(weight=70.5, user_email=f"{name}@x").SerializeToString()
            assert target.post("/manual_weight", body).seen == (200, GP, YES)
        right = target.as_user(f"{layout}@x")
        wait_until(lambda: right.today().person_weight == 70.5, "the weight")
        assert right.today().total_for_day.total_avg_weight == 70, "so it is without dishes"
        wrong = "readme" if layout == "server" else "server"
        assert target.as_user(f"{wrong}@x").today().person_weight == 0


def test_days_hold_what_belongs_to_them(target: Chater) -> None:
    one = target.as_user("days@x")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    one.post("/eater_receive_photo", photo(at=yesterday.isoformat()))
    body = CustomDateFoodRequest(date=f"{yesterday:%d-%m-%Y}").SerializeToString()
    found = CustomDateFoodResponse.FromString(one.post("/get_food_custom_date", body).body)
    assert len(found.dishes_for_date) == 1 and not one.today().dishes_today


def test_drinks_come_with_some_meals(target: Chater) -> None:
    one = target.as_user("drinks@x")
    for seed in range(1, 40):
        one.post("/eater_receive_photo", photo(seed=seed))
    found = GetAlcoholLatestResponse.FromString(one.ask("GET", "/alcohol_latest").body)
    assert 0 < found.today_summary.total_drinks == len(found.today_summary.drinks_of_day)
    today = f"{datetime.now(UTC):%d-%m-%Y}"
    body = GetAlcoholRangeRequest(start_date=today, end_date=today).SerializeToString()
    assert one.post("/alcohol_range", body).body


def test_a_recommendation_is_kept_for_the_day(target: Chater) -> None:
    one = target.as_user("advice@x")
    answers = {one.post("/get_recommendation", GOOD["/get_recommendation"]).body for _ in range(2)}
    (body,) = answers
    assert "vegetables" in RecommendationResponse.FromString(body).recommendation


def test_a_store_in_a_file_is_there_for_the_next_target_and_for_all_workers(tmp_path: Path) -> None:
    path = str(tmp_path / "store.sqlite")
    with chater("--store", path, "--workers", "2") as target:
        for seed in range(8):
            assert target.post("/eater_receive_photo", photo(seed=seed)).status == 200
        assert len(target.today().dishes_today) == 8
    with chater("--store", path) as target:
        assert len(target.today().dishes_today) == 8


# -- times and limits ------------------------------------------------------------------------------


def test_answers_come_on_the_grid_and_what_nobody_waits_for_comes_at_once() -> None:
    with chater("--answer-grid", "500ms", "--work-time", "20ms") as target:
        assert target.ask("GET", "/eater_get_today").seconds >= 0.5
        assert in_one_of_five(
            lambda: target.post("/manual_weight", GOOD["/manual_weight"]).seconds < 0.5
        )


def test_one_slot_lets_requests_wait_for_each_other() -> None:
    with chater("--slots", "1", "--work-time", "300ms") as target:
        begin = time.perf_counter()
        asking = [threading.Thread(target=target.today) for _ in range(3)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
        assert time.perf_counter() - begin >= 0.9


def test_the_daily_limit_is_one_for_photos_and_advice_and_has_its_exception() -> None:
    with chater("--daily-limit", "2", "--exempt-email", "vip@x") as target:
        one, vip = target.as_user("one@x"), target.as_user("vip@x")
        assert one.post("/eater_receive_photo", photo()).status == 200
        assert one.post("/get_recommendation", b"").status == 200
        refused = one.post("/eater_receive_photo", photo())
        said = (
            "Unfortuantly, you have reached your daily limit of 2 requests. "
            "Please try again tomorrow, be mingfull and eat healthy food."
        )
        assert refused.seen == (400, JSON, f'{{"error":"{said}"}}\n'.encode())
        assert {vip.post("/get_recommendation", b"").status for _ in range(4)} == {200}
        assert one.today().dishes_today, "looking is not counted"


# -- what goes wrong behind the API ----------------------------------------------------------------

UNSENT = b'{"error":"Kafka dispatch failed","success":false}\n'
UNSENT_PHOTO = b'{"error":"Kafka dispatch failed","message":"Kafka dispatch failed"}\n'
GONE = b"Service temporarily unavailable"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            "--fault-worker-timeout",
            {
                "/eater_receive_photo": (408, TXT, b"Timeout"),
                "/eater_get_today": (503, TXT, GONE),
                "/get_food_custom_date": (500, TXT, b"Failed"),
                "/modify_food_record": (500, GP, b""),
                "/delete_food": (500, GP, b""),
                "/manual_weight": (200, GP, YES),
                "/get_recommendation": (500, TXT, b"Failed"),
                "/alcohol_latest": (500, GP, b""),
                "/alcohol_range": (500, GP, b""),
                "/set_language": (200, GP, YES),
                "/feedback": (200, GP, YES),
                "/food_health_level": (200, PB, b""),
            },
        ),
        (
            "--fault-worker-error",
            {
                "/eater_receive_photo": (400, JSON, b'{"error":"NOT A FOOD"}\n'),
                "/eater_get_today": (503, TXT, GONE),
                "/get_food_custom_date": (500, TXT, b"Failed"),
                "/modify_food_record": (500, GP, b""),
                "/delete_food": (500, GP, b""),
                "/get_recommendation": (500, TXT, b"Failed"),
                "/alcohol_latest": (200, GP, b"\x0a\x00"),
                "/alcohol_range": (200, GP, b""),
                "/food_health_level": (200, PB, b""),
            },
        ),
        (
            "--fault-kafka",
            {
                "/eater_receive_photo": (503, JSON, UNSENT_PHOTO),
                "/eater_get_today": (503, TXT, GONE),
                "/get_food_custom_date": (500, TXT, b"Failed"),
                "/modify_food_record": (503, JSON, UNSENT),
                "/delete_food": (503, JSON, UNSENT),
                "/manual_weight": (503, GP, b""),
                "/get_recommendation": (500, TXT, b"Failed"),
                "/alcohol_latest": (503, GP, b""),
                "/alcohol_range": (503, GP, b""),
                "/feedback": (503, GP, b""),
                "/food_health_level": (200, PB, b""),
            },
        ),
    ],
)
def test_trouble_behind_the_api_has_the_status_of_its_endpoint(
    fault: str, expected: dict[str, tuple[int, str, bytes]]
) -> None:
    with chater(fault, "100%", "--timeout-scale", "0.001") as target:
        for path, seen in expected.items():
            answer = target.ask("GET" if path in GETS else "POST", path, GOOD.get(path, b""))
            assert answer.seen == seen, path
        assert target.post("/alcohol_range", b"").status in (500, 503), "a worker keeps silent"


# -- sign-in ---------------------------------------------------------------------------------------

PERSON = {"provider": "google", "email": "a@b.c", "name": "A"}


def id_token(key: bytes = KEY, **claims: Any) -> str:
    return jwt.encode({"email": "a@b.c", "exp": int(time.time()) + 60, **claims}, key, "HS256")


def test_a_sign_in_gives_a_token_that_opens_the_api(target: Chater) -> None:
    answer = target.sign_in({**PERSON, "idToken": id_token()})
    content = json.loads(answer.body)
    assert (answer.status, list(content)) == (200, sorted(content))
    assert (content["expiresIn"], content["userEmail"]) == (31536000, "a@b.c")
    assert Chater(target.port, f"Bearer {content['token']}").ask("GET", "/alcohol_latest").status


@pytest.mark.parametrize(
    ("content", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"provider": "google"}, 400, "invalid_request"),
        ({**PERSON, "provider": "x", "idToken": "t"}, 400, "invalid_provider"),
        ({**PERSON, "idToken": "no token"}, 401, "invalid_token"),
        ({**PERSON, "idToken": id_token(exp=1_000_000)}, 401, "invalid_token"),
        ({**PERSON, "idToken": id_token(email="x@y.z")}, 401, "invalid_token"),
        ({**PERSON, "idToken": id_token(key=b"y" * 32)}, 401, "invalid_token"),
        (b"{", 500, "internal_error"),
    ],
)
def test_a_sign_in_is_refused(target: Chater, content: Any, status: int, error: str) -> None:
    answer = target.sign_in(content)
    assert (answer.status, json.loads(answer.body)["error"]) == (status, error)


def test_odd_sign_ins_get_odd_answers(target: Chater) -> None:
    assert target.sign_in([1]).seen == (200, TXT, b"Failed")
    assert target.sign_in({**PERSON, "idToken": id_token()}, kind="text/plain").status == 500
    with chater("--unsigned-id-tokens") as lax:
        content = {**PERSON, "idToken": id_token(key=b"y" * 32)}
        assert lax.sign_in(content).status == 200


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("--fault-failed", (200, TXT, b"Failed")),
        ("--fault-empty", (200, GP, b"")),
        ("--fault-content-type", (200, "application/octet-stream", YES)),
    ],
)
def test_a_good_answer_is_spoiled_on_request(fault: str, seen: tuple[int, str, bytes]) -> None:
    with chater(fault, "100%") as target:
        assert target.post("/set_language", GOOD["/set_language"]).seen == seen
