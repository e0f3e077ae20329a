from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class PhotoMessage(_message.Message):
    __slots__ = ("time", "photo_data", "photoType")
    TIME_FIELD_NUMBER: _ClassVar[int]
    PHOTO_DATA_FIELD_NUMBER: _ClassVar[int]
    PHOTOTYPE_FIELD_NUMBER: _ClassVar[int]
    time: str
    photo_data: bytes
    photoType: str
    def __init__(self, time: _Optional[str] = ..., photo_data: _Optional[bytes] = ..., photoType: _Optional[str] = ...) -> None: ...
