"""What a Chater target sees in a photo: a dish made up from a hash of its pixels.

The same picture always is the same dish; one in eight comes with a drink.
"""

import random
from io import BytesIO
from typing import NamedTuple

from PIL import Image
from xxhash import xxh3_64_intdigest

SIDE = 1024
"""Pictures are shrunk to fit this square, as in the original."""

_DISHES = {
    "Borscht": ("beetroot", "cabbage", "potato", "sour cream"),
    "Caesar salad": ("lettuce", "chicken", "croutons", "parmesan"),
    "Margherita": ("dough", "tomato", "mozzarella", "basil"),
    "Oatmeal": ("oats", "milk", "blueberries"),
    "Pad thai": ("rice noodles", "egg", "tofu", "peanuts"),
    "Salmon with rice": ("salmon", "rice", "broccoli"),
}
_DRINKS = (("Beer", 210), ("Red wine", 125), ("Cider", 180))


class Meal(NamedTuple):
    """A dish; calories in kcal, weight and nutrients in grams."""

    name: str
    ingredients: tuple[str, ...]
    calories: int
    weight: int
    rating: int
    nutrients: tuple[int, int, int, int]
    """Carbohydrates, fats, proteins, sugar."""
    drink: tuple[str, int] | None
    """Name and calories of what is drunk with it."""


def look_at(photo: bytes) -> Meal:
    """The dish in a picture; raises OSError or ValueError if it is none."""
    picture = Image.open(BytesIO(photo))
    picture.draft("RGB", (SIDE, SIDE))
    picture.thumbnail((SIDE, SIDE))
    source = random.Random(xxh3_64_intdigest(picture.tobytes()))
    name = source.choice(sorted(_DISHES))
    rating = source.choice((-1, *range(1, 11)))
    nutrients = source.randint(5, 90), source.randint(1, 40), source.randint(3, 50)
    return Meal(
        name,
        _DISHES[name],
        calories=source.randint(120, 900),
        weight=source.randint(100, 600),
        rating=rating,
        nutrients=(*nutrients, source.randint(0, 30)),
        drink=source.choice(_DRINKS) if source.random() < 0.125 else None,
    )
