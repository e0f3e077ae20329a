from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetFriendsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Friend(_message.Message):
    __slots__ = ("email", "nickname")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    NICKNAME_FIELD_NUMBER: _ClassVar[int]
    email: str
    nickname: str
    def __init__(self, email: _Optional[str] = ..., nickname: _Optional[str] = ...) -> None: ...

class GetFriendsResponse(_message.Message):
    __slots__ = ("friends", "count")
    FRIENDS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    friends: _containers.RepeatedCompositeFieldContainer[Friend]
    count: int
    def __init__(self, friends: _Optional[_Iterable[_Union[Friend, _Mapping]]] = ..., count: _Optional[int] = ...) -> None: ...
