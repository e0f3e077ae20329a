"""What the users of chater do."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from gauntlet.mixes.predict import ImageSize
from gauntlet.models import Duration, Interval, Model, WaitTime, Weight, Weights
from gauntlet.text import shown

DATE = "%d-%m-%Y"
"""How the API writes a day in requests."""


def _words(value: Any) -> Any:
    """Text, also where YAML or a variable takes it for a number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


Words = Annotated[str, BeforeValidator(_words)]


def _day(text: str) -> str:
    try:
        found = datetime.strptime(text, DATE)
    except ValueError:
        found = None
    if found is None or len(text) != 10:
        raise ValueError(f'expected a day such as "15-01-2024", got {shown(text)}')
    return text


Day = Annotated[
    str, AfterValidator(_day), WithJsonSchema({"type": "string", "pattern": r"^\d\d-\d\d-\d{4}$"})
]


def _email(text: str) -> str:
    local, at, domain = text.partition("@")
    if not (local and at and domain) or any(one.isspace() for one in text) or "@" in domain:
        raise ValueError(f'expected an e-mail such as "test@example.com", got {shown(text)}')
    return text


Email = Annotated[str, AfterValidator(_email), WithJsonSchema({"type": "string"})]


class ChaterWeights(Weights):
    """How often each task of chater is chosen."""

    full_flow: Weight = 1
    custom_date_query: Weight = 1
    set_language: Weight = 1
    alcohol_latest: Weight = 1
    alcohol_range: Weight = 1
    submit_feedback: Weight = 1
    eater_auth: Weight = 1
    get_food_health_level: Weight = 1


class Photo(Model):
    """What is uploaded: a file, or pictures of meals drawn from the run's seed."""

    path: Words | None = None
    type: Literal["default_prompt", "weight_prompt"] = "default_prompt"
    size: ImageSize = (400, 533)
    """Width and height in pixels of drawn pictures."""
    count: int = Field(default=8, ge=1, le=10_000)
    quality: int = Field(default=85, ge=1, le=100)

    @property
    def is_of_food(self) -> bool:
        """Whether a photo makes a dish; else it is of a scale and makes a weight."""
        return self.type == "default_prompt"


class Drinking(Model):
    """The days of alcohol_range; null: the last seven days, to today, in UTC."""

    start: Day | None = None
    end: Day | None = None


class SignIn(Model):
    """What eater_auth sends; the id token comes from TEST_AUTH_TOKEN."""

    provider: Literal["google", "apple"] = "google"
    email: Email | None = None
    """null: the user's own."""
    name: Words = "Locust Tester"
    picture: Words = "https://example.com/avatar.png"


class Waiting(Model):
    """Deadlines of a request."""

    first_byte: Duration = 100.0
    total: Duration = 120.0


class ChaterMix(Model):
    """Weights, wait time and contents of chater."""

    weights: ChaterWeights = ChaterWeights()
    wait: Literal["original"] | WaitTime
    email: Email | None = None
    """Of the user of a token; minted tokens are for addresses made from it."""
    photo: Photo = Photo()
    percentage: int = Field(default=200, ge=1, le=1000)
    """What a dish is changed to."""
    manual_weight: Literal["auto", "server", "readme"] = "auto"
    """How the fields of a weight are numbered; `auto` finds out before the load."""
    recommendation_days: int = Field(default=1, ge=0, le=366)
    custom_date: Day | None = None
    """null: yesterday in UTC."""
    language: Words = Field(default="en", min_length=1)
    alcohol: Drinking = Drinking()
    feedback: Words = Field(default="Load test feedback message", min_length=1)
    sign_in: SignIn = SignIn()
    deadlines: Waiting = Waiting()

    @property
    def seconds(self) -> Interval:
        """The wait time; the original tester paused half a second to one and a half."""
        return Interval(low=0.5, high=1.5) if self.wait == "original" else self.wait

    def day(self) -> str:
        """The day that is asked for."""
        return self.custom_date or _days_ago(1)

    def days(self) -> tuple[str, str]:
        """First and last day of the range."""
        return self.alcohol.start or _days_ago(7), self.alcohol.end or _days_ago(0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        first, last = self.days()
        if datetime.strptime(first, DATE) > datetime.strptime(last, DATE):
            raise ValueError(f"alcohol.start: expected a day up to {last}, got {first}")
        return self


def _days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime(DATE)
