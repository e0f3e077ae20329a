"""Users of Chater: protobuf messages behind bearer tokens, each answer parsed and made sense of.

| task                    | tag          | requests                                               |
|-------------------------|--------------|--------------------------------------------------------|
| `full_flow`             | full_flow    | photo, today, change of the dish to 200 %, weight,     |
|                         |              | recommendation, today again, deletion of the dish      |
| `custom_date_query`     | custom_date  | POST /get_food_custom_date                             |
| `set_language`          | language     | POST /set_language                                     |
| `alcohol_latest`        | alcohol      | GET /alcohol_latest                                    |
| `alcohol_range`         | alcohol      | POST /alcohol_range                                    |
| `submit_feedback`       | feedback     | POST /feedback                                         |
| `eater_auth`            | auth         | POST /eater_auth                                       |
| `get_food_health_level` | health_level | today, then POST /food_health_level for a dish of the  |
|                         |              | user's own, which it uploads once                      |

Weights, wait time and contents come from `profiles/chater/mix.yaml`. A user touches only dishes
that it created, by their time, and deletes them at the end of its life.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import ClassVar

from locust import tag, task
from locust.env import Environment

from gauntlet import config
from gauntlet.clients import chater as api
from gauntlet.clients import chater_bodies as bodies
from gauntlet.clients.http import Deadlines
from gauntlet.mixes.chater import ChaterMix
from gauntlet.report.chater import FlowSummary
from gauntlet.user import Preparation, SuiteUser, wait, weigh

from . import _chater_before as before
from ._chater_accounts import EMAIL, Accounts, accounts, check
from ._chater_after import clean_up, to_the_end
from ._chater_belongings import SIXTY_FOURTHS, Belongings, Moments, find, is_of_today
from .http import HttpUser

logger = logging.getLogger(__name__)

ID_TOKEN = "TEST_AUTH_TOKEN"
REFUSALS = (400, 401, 403, 404, 405, 413, 429)
"""Statuses after which no dish was made of a photo."""

Headers = Mapping[str, str | bytes | None]

_HEADERS: dict[str | None, Headers | None] = {
    api.PB: {"Content-Type": api.PB},
    api.GP: {"Content-Type": api.GP},
    api.JSON: {"Content-Type": api.JSON, "Authorization": None},  # of the sign-in alone
    None: None,
}


class ChaterUser(SuiteUser, HttpUser):
    """One person with a phone; subclass it in a locustfile."""

    abstract = True
    system = "chater"

    mix: ClassVar[ChaterMix]
    accounts: ClassVar[Accounts]
    pictures: ClassVar[before.Pictures | None] = None
    moments: ClassVar[Moments]
    layout: ClassVar[str] = before.FALLBACK
    reads_back: ClassVar[bool] = True
    """Whether a weight that was set must be seen; not where nobody knows how to set one."""
    part: ClassVar[int] = 1
    """What the weights of this run have behind the point, in 64ths."""
    id_token: ClassVar[str | None] = None
    extra: ClassVar[FlowSummary] = FlowSummary()
    _told: ClassVar[set[str]] = set()

    @classmethod
    def configure(cls, mix: ChaterMix) -> None:
        """Take over weights, wait time and deadlines."""
        cls.mix = mix
        cls.deadlines = Deadlines(first_byte=mix.deadlines.first_byte, total=mix.deadlines.total)
        weigh(cls, mix.weights.model_dump())
        wait(cls, mix.seconds)

    @classmethod
    def prepare(cls, preparation: Preparation) -> None:
        """Get tokens and pictures; find out how weights are numbered."""
        host = preparation.addresses.get("chater", cls.host or "")
        cls._told = set()
        cls.part = 1 + preparation.seed % (SIXTY_FOURTHS - 1)
        cls.id_token = config.secret(ID_TOKEN)
        cls.accounts = accounts(cls.mix.email, host, preparation.worker)
        cls.moments = Moments(cls.accounts.shared, preparation.worker)
        tasks = {getattr(one, "__name__", "") for one in cls.tasks}
        if tasks & {"full_flow", "get_food_health_level"}:
            cls.pictures = before.pictures(cls.mix.photo, preparation)
        if "full_flow" in tasks:
            cls._find_layout(host)
        if "eater_auth" in tasks and cls.id_token is None:
            logger.info("eater_auth: no %s: a made-up id token must get a 401", ID_TOKEN)

    @classmethod
    def preflight(cls, host: str, tasks: set[str]) -> Iterator[str]:
        """Refuse tokens that cannot be good; make one call per endpoint that changes nothing."""
        check(cls.accounts)
        account = cls.accounts.probe
        client = before.asker(host, account, cls.verify and not cls.insecure)
        email = cls.mix.sign_in.email or account.email or EMAIL
        yield from before.preflight(client, tasks, cls.mix, email, cls.id_token)
        client.close()

    @classmethod
    def _find_layout(cls, host: str) -> None:
        cls.layout, cls.reads_back = cls.mix.manual_weight, True
        if cls.layout != "auto":
            cls.extra.layout = f"as {cls.layout}, as the mix says"
            return
        found = None
        account = cls.accounts.probe
        if account.token is not None and not cls.accounts.mistakes:
            client = before.asker(host, account, cls.verify and not cls.insecure)
            found = before.find_layout(client, account, cls.part)
            client.close()
        cls.layout, cls.reads_back = found or before.FALLBACK, found is not None
        if found:
            cls.extra.layout = f"as {found}: a weight was set and read back"
            logger.info("manual_weight: fields are numbered as %s", cls.extra.layout[3:])
        else:
            cls.extra.layout = f"as {cls.layout}, unproved"
            logger.warning(
                "manual_weight: no weight could be set and read back; fields are numbered as %s, "
                "and whether a weight arrives is not checked",
                cls.layout,
            )

    def __init__(self, environment: Environment) -> None:
        self._accounts = self.accounts  # the next run may have others before this user is gone
        self.account = self._accounts.take()
        if self.account.token is not None:
            self.default_headers = {  # type: ignore[misc]  # every user has a token of its own
                **(self.default_headers or {}),
                "Authorization": f"Bearer {self.account.token}",
            }
        super().__init__(environment)
        self._own = Belongings(self.accounts.shared, self.reads_back)
        for mistake in self.accounts.mistakes:  # there is no preflight, which would refuse them
            self._warn(mistake)

    def run(self) -> None:  # type: ignore[misc]  # the HTTP user's own, and nothing left behind
        """Live from `on_start` to `on_stop`; Locust calls it."""
        try:
            super().run()
        finally:
            to_the_end(self._clean_up)

    # -- tasks -----------------------------------------------------------------------------------

    @tag("full_flow")
    @task
    def full_flow(self) -> None:
        """Photograph a meal, double it, step on the scale, ask for advice, take it all back."""
        began = perf_counter()
        broken_at = self._flow()
        self.extra.flow(perf_counter() - began, broken_at.name if broken_at else None)

    @tag("custom_date")
    @task
    def custom_date_query(self) -> None:
        """Look at the meals of another day."""
        self._ask(api.CUSTOM_DATE, bodies.custom_date(self.mix.day()), api.check_custom_date)

    @tag("language")
    @task
    def set_language(self) -> None:
        """Choose a language."""
        if self._has_email("set_language"):
            body = bodies.language(self.account.email or "", self.mix.language)
            self._ask(api.LANGUAGE, body, api.check_language)

    @tag("alcohol")
    @task
    def alcohol_latest(self) -> None:
        """Look at today's drinks."""
        self._ask(api.ALCOHOL_LATEST, None, api.check_alcohol_latest)

    @tag("alcohol")
    @task
    def alcohol_range(self) -> None:
        """Look at the drinks of some days."""
        first, last = self.mix.days()
        right = partial(api.check_alcohol_range, first=first, last=last)
        self._ask(api.ALCOHOL_RANGE, bodies.alcohol_range(first, last), right)

    @tag("feedback")
    @task
    def submit_feedback(self) -> None:
        """Say something."""
        if self._has_email("submit_feedback"):
            now = datetime.now(UTC).isoformat()
            body = bodies.feedback(now, self.account.email or "", self.mix.feedback)
            self._ask(api.FEEDBACK, body, api.check_feedback)

    @tag("auth")
    @task
    def eater_auth(self) -> None:
        """Sign in; without an id token of a provider that must be refused."""
        given = self.mix.sign_in
        email = given.email or self.account.email or EMAIL
        body = bodies.sign_in(given.provider, self.id_token, email, given.name, given.picture)
        if self.id_token is None:
            if self._ask(api.SIGN_IN, body, api.check_refusal, refused=True):
                self.extra.count("refused")
        else:
            self._ask(api.SIGN_IN, body, partial(api.check_sign_in, email=email))

    @tag("health_level")
    @task
    def get_food_health_level(self) -> None:
        """Ask how healthy a dish is."""
        own, dishes = self._own, list[api.Dish]()
        if self.mix.photo.is_of_food and (own.kept is None or not is_of_today(own.kept)):
            own.kept = self._upload()

        def right(status: int, content_type: str | None, body: bytes) -> None:
            day = own.check_day(status, content_type, body)
            if own.kept is not None and (dish := find(own.kept, day)):
                dishes.append(dish)

        self._ask(api.TODAY_FOR_HEALTH, None, right)
        for dish in dishes:
            body = bodies.health_level(dish.time, dish.name)
            self._ask(api.HEALTH_LEVEL, body, api.check_health_level)

    # -- the flow --------------------------------------------------------------------------------

    def _flow(self) -> api.Call | None:
        """The request at which it broke, if it did; the dish is deleted in any case."""
        uploaded = None
        if self.pictures is not None:
            uploaded = self._upload()
            if uploaded is None:
                return api.PHOTO
            if not self.mix.photo.is_of_food:
                uploaded = None
        broken_at = self._live_with(uploaded)
        if uploaded is not None and not self._delete(uploaded):
            broken_at = broken_at or api.DELETE
        return broken_at

    def _live_with(self, uploaded: int | None) -> api.Call | None:
        """Everything between the photo and the deletion of its dish."""
        own, dishes = self._own, list[api.Dish]()

        def found(status: int, content_type: str | None, body: bytes) -> None:
            day = own.check_day(status, content_type, body)
            if uploaded is not None and (dish := find(uploaded, day)):
                dishes.append(dish)

        if not self._ask(api.TODAY, None, found):
            return api.TODAY
        percentage, email = self.mix.percentage, self.account.email
        for dish in dishes:
            body = bodies.modify(dish.time, email, percentage)
            if not self._ask(api.MODIFY, body, api.check_modify):
                return api.MODIFY
        kilograms = self.draws.randint(1, 99) + self.part / SIXTY_FOURTHS
        own.weight, body = None, bodies.weight(self.layout, email, kilograms)
        if not self._ask(api.WEIGHT, body, api.check_weight):
            return api.WEIGHT
        own.weight = kilograms
        body = bodies.recommendation(self.mix.recommendation_days)
        if not self._ask(api.RECOMMENDATION, body, api.check_recommendation):
            return api.RECOMMENDATION

        def right(status: int, content_type: str | None, body: bytes) -> None:
            day = own.check_day(status, content_type, body)
            for dish in dishes:
                if changed := find(dish.time, day):
                    api.check_changed(dish, changed, percentage)
            own.check_weight(day.person_weight)

        return None if self._ask(api.TODAY_AGAIN, None, right) else api.TODAY_AGAIN

    def _upload(self) -> int | None:
        """The time of a photo; None where there is none, or it was refused."""
        if self.pictures is None:
            return None
        picture, time_ms = self.pictures.picture(self.draws.serial()), self.moments.next()
        email = None if self.accounts.shared else self.account.email
        created = self._own.created
        if self.mix.photo.is_of_food:
            created[time_ms] = None  # before anybody answers: the answer may never come

        def right(status: int, content_type: str | None, body: bytes) -> None:
            if status in REFUSALS:
                created.pop(time_ms, None)
            api.check_photo(status, content_type, body, email)

        message = bodies.photo(time_ms, picture.parts, picture.length, self.mix.photo.type)
        if self._ask(api.PHOTO, message, right):
            self.extra.count("uploaded" if self.mix.photo.is_of_food else "weighed")
            return time_ms
        return None

    def _delete(self, time_ms: int) -> bool:
        """Delete a dish of our own."""
        if not self._ask(api.DELETE, bodies.delete(time_ms), api.check_delete):
            return False
        self._own.note_deleted(time_ms)
        self.extra.count("deleted")
        return True

    def _has_email(self, task: str) -> bool:
        if self.account.email is None:
            self._warn(f"{task} is skipped: it needs TEST_USER_EMAIL or a token that names one")
        return self.account.email is not None

    def _warn(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            logger.warning("%s", text)

    # -- requests --------------------------------------------------------------------------------

    def _ask(
        self,
        call: api.Call,
        body: bytes | tuple[bytes, ...] | None,
        right: before.Check,
        refused: bool = False,
    ) -> bool:
        """Make a request and judge it; whether it was right. `refused`: an error status may be."""
        good = False
        with self.client.request(
            call.method,
            call.path,
            call.name,
            True,
            data=body,
            headers=_HEADERS[call.content_type],
        ) as response:
            self.extra.count("requests")
            try:
                right(*before.parts(response))
                response.context["verified"] = good = True
            finally:
                if not good:
                    self.extra.count("failures")
            if refused:
                response.success()
        return good

    def _clean_up(self) -> None:
        own = self._own
        deleted = [] if own.deleted is None else [own.deleted]
        if own.created or deleted:
            assert self.host is not None
            client = before.asker(self.host, self.account, self.verify and not self.insecure)
            clean_up(client, self.account.email, own.created, deleted, self.extra)
            client.close()
        self._accounts.give_back(self.account)
