"""The data of all users of a Chater target, in SQLite: dishes, weights, drinks, limits.

Times are epoch milliseconds; a day is a UTC day, written `2024-01-15`.
"""

import sqlite3
import time
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from gauntlet.targets._chater_meals import Meal

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS dishes (
    email TEXT, time INTEGER, name TEXT, ingredients TEXT, calories INTEGER, weight INTEGER,
    rating INTEGER, image TEXT, carbohydrates INTEGER, fats INTEGER, proteins INTEGER,
    sugar INTEGER);
CREATE INDEX IF NOT EXISTS dishes_by_time ON dishes (email, time);
CREATE TABLE IF NOT EXISTS weights (email TEXT, time INTEGER, weight REAL);
CREATE INDEX IF NOT EXISTS weights_by_email ON weights (email);
CREATE TABLE IF NOT EXISTS drinks (email TEXT, time INTEGER, name TEXT, calories INTEGER);
CREATE INDEX IF NOT EXISTS drinks_by_time ON drinks (email, time);
CREATE TABLE IF NOT EXISTS languages (email TEXT PRIMARY KEY, language TEXT);
CREATE TABLE IF NOT EXISTS feedback (email TEXT PRIMARY KEY, time TEXT, text TEXT);
CREATE TABLE IF NOT EXISTS requests (email TEXT, day TEXT, count INTEGER, UNIQUE (email, day));
CREATE TABLE IF NOT EXISTS recommendations (
    email TEXT, day TEXT, text TEXT, UNIQUE (email, day));
"""
_BUSY_S = 10.0
_MOST_WEIGHTS = 100
"""Weights that are kept of a user, so that a long run does not grow."""


class Dish(NamedTuple):
    """A row of dishes."""

    time: int
    name: str
    ingredients: str
    """Separated by line ends."""
    calories: int
    weight: int
    rating: int
    image: str
    carbohydrates: int
    fats: int
    proteins: int
    sugar: int


class Drink(NamedTuple):
    """A row of drinks."""

    time: int
    name: str
    calories: int


def now_ms() -> int:
    """The present."""
    return int(time.time() * 1000)


def today() -> date:
    """The UTC day."""
    return datetime.now(UTC).date()


def _bounds(day: date) -> tuple[int, int]:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return (
        int(start.timestamp() * 1000),
        int((start + timedelta(days=1)).timestamp() * 1000),
    )


class Store:
    """One connection; `path` may be `:memory:`."""

    def __init__(self, path: str) -> None:
        self._data = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
        self._data.executescript(_SCHEMA)

    # -- dishes ----------------------------------------------------------------------------------

    def add(self, email: str, at: int, meal: Meal) -> None:
        """Keep a dish and what was drunk with it."""
        taken = datetime.fromtimestamp(at / 1000, UTC)
        image = f"{email}/{taken:%Y%m%d_%H%M%S}.jpg"
        row = Dish(
            at,
            meal.name,
            "\n".join(meal.ingredients),
            meal.calories,
            meal.weight,
            meal.rating,
            image,
            *meal.nutrients,
        )
        self._data.execute(f"INSERT INTO dishes VALUES (?{', ?' * len(row)})", (email, *row))
        if meal.drink is not None:
            self._data.execute("INSERT INTO drinks VALUES (?, ?, ?, ?)", (email, at, *meal.drink))

    def dishes(self, email: str, day: date) -> list[Dish]:
        """The dishes of a day, in the order of time."""
        found = self._data.execute(
            f"SELECT {', '.join(Dish._fields)} FROM dishes "
            "WHERE email = ? AND time >= ? AND time < ? ORDER BY time",
            (email, *_bounds(day)),
        )
        return [Dish(*row) for row in found]

    def modify(self, email: str, at: int, percentage: int) -> None:
        """Scale a dish, if there is one of that time."""
        scaled = ", ".join(
            f"{one} = {one} * ? / 100"
            for one in ("calories", "weight", "carbohydrates", "fats", "proteins", "sugar")
        )
        values = (*(percentage,) * 6, email, at)
        self._data.execute(f"UPDATE dishes SET {scaled} WHERE email = ? AND time = ?", values)

    def delete(self, email: str, at: int) -> None:
        """Forget a dish, if there is one of that time."""
        self._data.execute("DELETE FROM dishes WHERE email = ? AND time = ?", (email, at))
        self._data.execute("DELETE FROM drinks WHERE email = ? AND time = ?", (email, at))

    def dish(self, email: str, at: int, name: str) -> Dish | None:
        """The dish of that time and name."""
        found = self._data.execute(
            f"SELECT {', '.join(Dish._fields)} FROM dishes "
            "WHERE email = ? AND time = ? AND name = ?",
            (email, at, name),
        ).fetchone()
        return None if found is None else Dish(*found)

    def drinks(self, email: str, first: date, last: date) -> list[Drink]:
        """What was drunk on these days and those between."""
        start, end = _bounds(first)[0], _bounds(last)[1]
        found = self._data.execute(
            "SELECT time, name, calories FROM drinks "
            "WHERE email = ? AND time >= ? AND time < ? ORDER BY time",
            (email, start, end),
        )
        return [Drink(*row) for row in found]

    # -- weights, language, feedback -------------------------------------------------------------

    def weigh(self, email: str, weight: float) -> None:
        """Keep a weight in kilograms; 0 and less are refused without a word."""
        if weight <= 0:
            return
        self._data.execute("INSERT INTO weights VALUES (?, ?, ?)", (email, now_ms(), weight))
        self._data.execute(
            "DELETE FROM weights WHERE email = ? AND rowid <= (SELECT rowid FROM weights "
            "WHERE email = ? ORDER BY rowid DESC LIMIT 1 OFFSET ?)",
            (email, email, _MOST_WEIGHTS),
        )

    def weight(self, email: str, near: date | None = None) -> float:
        """The latest weight, or the one nearest to a day; 0 if there is none."""
        order = "rowid DESC" if near is None else "abs(time - ?)"
        given = () if near is None else (_bounds(near)[0],)
        found = self._data.execute(
            f"SELECT weight FROM weights WHERE email = ? ORDER BY {order} LIMIT 1", (email, *given)
        ).fetchone()
        return 0.0 if found is None else float(found[0])

    def speak(self, email: str, language: str) -> None:
        """Keep a user's language."""
        self._data.execute("INSERT OR REPLACE INTO languages VALUES (?, ?)", (email, language))

    def comment(self, email: str, at: str, text: str) -> None:
        """Keep a user's last feedback."""
        self._data.execute("INSERT OR REPLACE INTO feedback VALUES (?, ?, ?)", (email, at, text))

    # -- limits and recommendations --------------------------------------------------------------

    def count(self, email: str) -> int:
        """Count a request of today; how many there are."""
        found = self._data.execute(
            "INSERT INTO requests VALUES (?, ?, 1) "
            "ON CONFLICT (email, day) DO UPDATE SET count = count + 1 RETURNING count",
            (email, str(today())),
        ).fetchone()
        return int(found[0])

    def recommendation(self, email: str) -> str | None:
        """Today's, if one was written."""
        found = self._data.execute(
            "SELECT text FROM recommendations WHERE email = ? AND day = ?", (email, str(today()))
        ).fetchone()
        return None if found is None else str(found[0])

    def recommend(self, email: str, text: str) -> None:
        """Keep today's."""
        self._data.execute(
            "INSERT OR REPLACE INTO recommendations VALUES (?, ?, ?)", (email, str(today()), text)
        )
