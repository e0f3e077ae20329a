"""The bodies of requests to Chater: what to send.

chater_bodies.photo(time_ms, picture.parts, picture.length, "default_prompt")
"""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import orjson

from gauntlet.pb.alcohol_pb2 import GetAlcoholRangeRequest
from gauntlet.pb.custom_date_food_pb2 import CustomDateFoodRequest
from gauntlet.pb.delete_food_pb2 import DeleteFoodRequest
from gauntlet.pb.eater_photo_pb2 import PhotoMessage
from gauntlet.pb.feedback_pb2 import FeedbackRequest
from gauntlet.pb.food_health_level_pb2 import FoodHealthLevelRequest
from gauntlet.pb.get_recomendation_pb2 import RecommendationRequest
from gauntlet.pb.manual_weight_pb2 import ManualWeightRequest
from gauntlet.pb.manual_weight_readme_pb2 import ManualWeightRequest as ReadmeWeightRequest
from gauntlet.pb.modify_food_record_pb2 import ModifyFoodRecordRequest
from gauntlet.pb.set_language_pb2 import SetLanguageRequest


def photo(time_ms: int, parts: Sequence[bytes], length: int, kind: str) -> tuple[bytes, ...]:
    """A PhotoMessage around the parts of a picture, which are not copied."""
    head = PhotoMessage(time=str(time_ms), photoType=kind).SerializeToString()
    return (head + b"\x12" + _varint(length), *parts)  # 0x12: field 2, bytes


def modify(time_ms: int, email: str | None, percentage: int) -> bytes:
    """A change of a dish."""
    return ModifyFoodRecordRequest(
        time=time_ms, user_email=email or "", percentage=percentage
    ).SerializeToString()


def weight(layout: str, email: str | None, kilograms: float) -> bytes:
    """A weight, numbered as `server` or as `readme`."""
    kind: Any = ReadmeWeightRequest if layout == "readme" else ManualWeightRequest
    body: bytes = kind(user_email=email or "", weight=kilograms).SerializeToString()
    return body


def delete(time_ms: int) -> bytes:
    """A deletion of a dish."""
    return DeleteFoodRequest(time=time_ms).SerializeToString()


def recommendation(days: int) -> bytes:
    """A wish for advice; no byte for no days."""
    return RecommendationRequest(days=days).SerializeToString()


def custom_date(day: str) -> bytes:
    """A question for a day."""
    return CustomDateFoodRequest(date=day).SerializeToString()


def language(email: str, code: str) -> bytes:
    """A choice of language."""
    return SetLanguageRequest(user_email=email, language_code=code).SerializeToString()


def alcohol_range(first: str, last: str) -> bytes:
    """A question for some days."""
    return GetAlcoholRangeRequest(start_date=first, end_date=last).SerializeToString()


def feedback(at: str, email: str, text: str) -> bytes:
    """An opinion."""
    return FeedbackRequest(time=at, userEmail=email, feedback=text).SerializeToString()


def health_level(time_ms: int, name: str) -> bytes:
    """A question for a dish."""
    return FoodHealthLevelRequest(time=time_ms, food_name=name).SerializeToString()


def sign_in(provider: str, id_token: str | None, email: str, name: str, picture: str) -> bytes:
    """A sign-in; without an id token one that nobody can take for real."""
    return orjson.dumps(
        {
            "provider": provider,
            "idToken": id_token or str(uuid4()),
            "email": email,
            "name": name,
            "profilePictureURL": picture,
        }
    )


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
