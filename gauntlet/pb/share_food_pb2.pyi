from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ShareFoodRequest(_message.Message):
    __slots__ = ("time", "from_email", "to_email", "percentage")
    TIME_FIELD_NUMBER: _ClassVar[int]
    FROM_EMAIL_FIELD_NUMBER: _ClassVar[int]
    TO_EMAIL_FIELD_NUMBER: _ClassVar[int]
    PERCENTAGE_FIELD_NUMBER: _ClassVar[int]
    time: int
    from_email: str
    to_email: str
    percentage: int
    def __init__(self, time: _Optional[int] = ..., from_email: _Optional[str] = ..., to_email: _Optional[str] = ..., percentage: _Optional[int] = ...) -> None: ...

class ShareFoodResponse(_message.Message):
    __slots__ = ("success", "nickname_used")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    NICKNAME_USED_FIELD_NUMBER: _ClassVar[int]
    success: bool
    nickname_used: str
    def __init__(self, success: _Optional[bool] = ..., nickname_used: _Optional[str] = ...) -> None: ...
