"""The handlers of a Chater target that are about food: photo, days, changes, advice."""

from datetime import UTC, date, datetime
from typing import Any

from google.protobuf.message import DecodeError
from starlette.responses import Response

from gauntlet.pb import custom_date_food_pb2 as custom_date_pb
from gauntlet.pb import today_food_pb2 as today_pb
from gauntlet.pb.custom_date_food_pb2 import CustomDateFoodRequest, CustomDateFoodResponse
from gauntlet.pb.delete_food_pb2 import DeleteFoodRequest, DeleteFoodResponse
from gauntlet.pb.eater_photo_pb2 import PhotoMessage
from gauntlet.pb.food_health_level_pb2 import FoodHealthLevelRequest, FoodHealthLevelResponse
from gauntlet.pb.get_recomendation_pb2 import RecommendationRequest, RecommendationResponse
from gauntlet.pb.modify_food_record_pb2 import ModifyFoodRecordRequest, ModifyFoodRecordResponse
from gauntlet.pb.today_food_pb2 import TodayFood
from gauntlet.targets import _chater_answers as say
from gauntlet.targets._chater_backend import Backend, Fate, Work
from gauntlet.targets._chater_meals import look_at
from gauntlet.targets._chater_settings import ChaterSettings
from gauntlet.targets._chater_store import Store, now_ms, today

PHOTO_S, TODAY_S, OTHER_S, RECOMMENDATION_S = 60.0, 20.0, 30.0, 90.0
"""How long the original waits for its workers."""

_DAY_MS = 86_400_000
_EPOCH_MS = 100_000_000_000
"""A number of at least this counts milliseconds, a smaller one seconds."""

_TYPES = ("default_prompt", "weight_prompt")
_TEXT = """Keep an eye on sugar today.

Recommended:
- vegetables with every meal
- fish twice a week

Avoid:
- sweet drinks
"""


class Food:
    """Everything about dishes."""

    def __init__(self, settings: ChaterSettings, store: Store, backend: Backend) -> None:
        self._settings = settings
        self._store = store
        self._backend = backend

    async def photo(self, body: bytes, email: str, fate: Fate) -> Response:
        """POST /eater_receive_photo."""
        try:
            found = PhotoMessage.FromString(body)
            at = parse_time(found.time)
        except DecodeError as error:
            return say.not_processed(str(error))
        if at > now_ms() + _DAY_MS:
            return say.json({"error": "Time cannot be in the future"}, 400)
        try:
            meal = look_at(found.photo_data)
        except (OSError, ValueError, SyntaxError) as error:
            return say.not_processed(f"cannot identify image file ({type(error).__name__})")
        if found.photoType not in _TYPES:
            return say.json({"error": f"No prompt found for {found.photoType or 'none'}"}, 400)
        match await self._backend.ask(fate, self._settings.photo_time_s, PHOTO_S):
            case Work.UNSENT:
                return say.json({"error": say.DISPATCH, "message": say.DISPATCH}, 503)
            case Work.TIMED_OUT:
                return say.text("Timeout", 408)
            case Work.REFUSED:
                return say.json({"error": "NOT A FOOD"}, 400)
        if found.photoType == "weight_prompt":
            self._store.weigh(email, meal.weight / 4)
        else:
            self._store.add(email, at, meal)
        self._backend.dispatch(lambda: self._recommend(email), self._settings.recommendation_time_s)
        return say.json({"status": "Success", "user_email": email})

    async def today(self, email: str, fate: Fate) -> Response:
        """GET /eater_get_today."""
        work = await self._backend.ask(fate, self._settings.work_time_s, TODAY_S)
        if work is not Work.DONE:
            return say.text("Service temporarily unavailable", 503)
        answer = TodayFood()
        self._fill(answer, answer.dishes_today, today_pb, email, today(), fate)
        answer.person_weight = self._store.weight(email)
        if not answer.dishes_today:
            answer.total_for_day.total_avg_weight = int(answer.person_weight)
        return say.message(answer, say.PB)

    async def custom_date(self, body: bytes, email: str, fate: Fate) -> Response:
        """POST /get_food_custom_date."""
        if not body:
            return say.text("No date provided", 400)
        try:
            day = parse_date(CustomDateFoodRequest.FromString(body).date)
        except DecodeError:
            return say.text(say.FAILED)
        # A worker that cannot read the date keeps silent.
        silent = fate if day else fate._replace(worker_timeout=True)
        work = await self._backend.ask(silent, self._settings.work_time_s, OTHER_S)
        if work is not Work.DONE or day is None:
            return say.text(say.FAILED, 500)
        answer = CustomDateFoodResponse()
        self._fill(answer, answer.dishes_for_date, custom_date_pb, email, day, fate)
        answer.person_weight = self._store.weight(email, near=day)
        return say.message(answer, say.PB)

    async def modify(self, body: bytes, email: str, fate: Fate) -> Response:
        """POST /modify_food_record."""
        if not body:
            return say.invalid()
        try:
            found = ModifyFoodRecordRequest.FromString(body)
        except DecodeError:
            return say.empty(500)
        if refused := await self._change(fate):
            return refused
        if not fate.undone:
            self._store.modify(email, found.time, found.percentage)
        return say.message(ModifyFoodRecordResponse(success=True), say.GP)

    async def delete(self, body: bytes, email: str, fate: Fate) -> Response:
        """POST /delete_food."""
        if not body:
            return say.invalid()
        try:
            found = DeleteFoodRequest.FromString(body)
        except DecodeError:
            return say.empty(500)
        if refused := await self._change(fate):
            return refused
        if not fate.undone:
            self._store.delete(email, found.time)
        return say.message(DeleteFoodResponse(success=True), say.GP)

    async def recommendation(self, body: bytes, email: str, fate: Fate) -> Response:
        """POST /get_recommendation."""
        try:
            RecommendationRequest.FromString(body)
        except DecodeError:
            return say.text(say.FAILED, 500)
        kept = self._store.recommendation(email)
        if kept is None:
            seconds = self._settings.recommendation_time_s
            if await self._backend.ask(fate, seconds, RECOMMENDATION_S) is not Work.DONE:
                return say.text(say.FAILED, 500)
            kept = self._recommend(email)
        return say.message(RecommendationResponse(recommendation=kept), say.PB)

    async def health_level(self, body: bytes, email: str, fate: Fate) -> Response:
        """POST /food_health_level."""
        try:
            asked = FoodHealthLevelRequest.FromString(body)
        except DecodeError:
            return say.empty(500, say.PB)
        if await self._backend.ask(fate, self._settings.work_time_s, OTHER_S) is not Work.DONE:
            return say.empty(200, say.PB)
        dish = self._store.dish(email, asked.time, asked.food_name)
        answer = FoodHealthLevelResponse()
        if dish is not None:
            answer.title = dish.name
            answer.description = f"{dish.calories} kcal in {dish.weight} g"
            answer.health_summary = "Good in small portions"
        return say.message(answer, say.PB)

    async def _change(self, fate: Fate) -> Response | None:
        """Wait for a change; the answer if it fails."""
        work = await self._backend.ask(fate, self._settings.work_time_s, OTHER_S)
        if work is Work.UNSENT:
            return say.not_dispatched()
        return None if work is Work.DONE else say.empty(500)

    def _recommend(self, email: str) -> str:
        self._store.recommend(email, _TEXT)
        return _TEXT

    def _fill(self, answer: Any, into: Any, pb: Any, email: str, day: date, fate: Fate) -> None:
        """Put the dishes of a day and their totals into one of the two messages that hold them."""
        dishes = self._store.dishes(email, day)
        for one in dishes:
            into.append(
                pb.Dish(
                    time=one.time,
                    dish_name=one.name,
                    estimated_avg_calories=one.calories,
                    ingredients=one.ingredients.split("\n"),
                    total_avg_weight=one.weight,
                    health_rating=one.rating,
                    image_id=one.image,
                )
            )
        total = answer.total_for_day
        for name in ("carbohydrates", "fats", "proteins", "sugar"):
            setattr(total.contains, name, sum(getattr(one, name) for one in dishes))
        total.total_avg_weight = sum(one.weight for one in dishes)
        total.total_calories = sum(one.calories for one in dishes) + 500 * fate.totals


def parse_time(text: str) -> int:
    """Epoch milliseconds of what a phone says: ISO 8601, seconds, milliseconds; else now."""
    try:
        if text.isdecimal():
            number = int(text)
            return number if number >= _EPOCH_MS else number * 1000
        found = datetime.fromisoformat(text)
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return now_ms()


def parse_date(text: str) -> date | None:
    """A day written dd-mm-yyyy."""
    try:
        return datetime.strptime(text, "%d-%m-%Y").date()
    except ValueError:
        return None
