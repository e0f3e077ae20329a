from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Dish(_message.Message):
    __slots__ = ("time", "dish_name", "estimated_avg_calories", "ingredients", "total_avg_weight", "health_rating", "image_id")
    TIME_FIELD_NUMBER: _ClassVar[int]
    DISH_NAME_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_AVG_CALORIES_FIELD_NUMBER: _ClassVar[int]
    INGREDIENTS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_AVG_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    HEALTH_RATING_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    time: int
    dish_name: str
    estimated_avg_calories: int
    ingredients: _containers.RepeatedScalarFieldContainer[str]
    total_avg_weight: int
    health_rating: int
    image_id: str
    def __init__(self, time: _Optional[int] = ..., dish_name: _Optional[str] = ..., estimated_avg_calories: _Optional[int] = ..., ingredients: _Optional[_Iterable[str]] = ..., total_avg_weight: _Optional[int] = ..., health_rating: _Optional[int] = ..., image_id: _Optional[str] = ...) -> None: ...

class Contains(_message.Message):
    __slots__ = ("carbohydrates", "fats", "proteins", "sugar")
    CARBOHYDRATES_FIELD_NUMBER: _ClassVar[int]
    FATS_FIELD_NUMBER: _ClassVar[int]
    PROTEINS_FIELD_NUMBER: _ClassVar[int]
    SUGAR_FIELD_NUMBER: _ClassVar[int]
    carbohydrates: float
    fats: float
    proteins: float
    sugar: float
    def __init__(self, carbohydrates: _Optional[float] = ..., fats: _Optional[float] = ..., proteins: _Optional[float] = ..., sugar: _Optional[float] = ...) -> None: ...

class TotalForDay(_message.Message):
    __slots__ = ("contains", "total_avg_weight", "total_calories")
    CONTAINS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_AVG_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_CALORIES_FIELD_NUMBER: _ClassVar[int]
    contains: Contains
    total_avg_weight: int
    total_calories: int
    def __init__(self, contains: _Optional[_Union[Contains, _Mapping]] = ..., total_avg_weight: _Optional[int] = ..., total_calories: _Optional[int] = ...) -> None: ...

class TodayFood(_message.Message):
    __slots__ = ("dishes_today", "total_for_day", "person_weight")
    DISHES_TODAY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FOR_DAY_FIELD_NUMBER: _ClassVar[int]
    PERSON_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    dishes_today: _containers.RepeatedCompositeFieldContainer[Dish]
    total_for_day: TotalForDay
    person_weight: float
    def __init__(self, dishes_today: _Optional[_Iterable[_Union[Dish, _Mapping]]] = ..., total_for_day: _Optional[_Union[TotalForDay, _Mapping]] = ..., person_weight: _Optional[float] = ...) -> None: ...
