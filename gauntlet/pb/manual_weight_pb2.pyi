from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ManualWeightRequest(_message.Message):
    __slots__ = ("weight", "user_email")
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    USER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    weight: float
    user_email: str
    def __init__(self, weight: _Optional[float] = ..., user_email: _Optional[str] = ...) -> None: ...

class ManualWeightResponse(_message.Message):
    __slots__ = ("success",)
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    success: bool
    def __init__(self, success: _Optional[bool] = ...) -> None: ...
