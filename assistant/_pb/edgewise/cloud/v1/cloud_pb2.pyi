from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConverseRequest(_message.Message):
    __slots__ = ("request_id", "conversation_id", "context", "utterance", "locale", "deadline_ms")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    conversation_id: str
    context: _containers.RepeatedCompositeFieldContainer[Message]
    utterance: str
    locale: str
    deadline_ms: int
    def __init__(self, request_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., context: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., utterance: _Optional[str] = ..., locale: _Optional[str] = ..., deadline_ms: _Optional[int] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("role", "text")
    class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ROLE_UNSPECIFIED: _ClassVar[Message.Role]
        ROLE_USER: _ClassVar[Message.Role]
        ROLE_ASSISTANT: _ClassVar[Message.Role]
    ROLE_UNSPECIFIED: Message.Role
    ROLE_USER: Message.Role
    ROLE_ASSISTANT: Message.Role
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    role: Message.Role
    text: str
    def __init__(self, role: _Optional[_Union[Message.Role, str]] = ..., text: _Optional[str] = ...) -> None: ...

class ConverseReply(_message.Message):
    __slots__ = ("delta", "end")
    DELTA_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    delta: Delta
    end: End
    def __init__(self, delta: _Optional[_Union[Delta, _Mapping]] = ..., end: _Optional[_Union[End, _Mapping]] = ...) -> None: ...

class Delta(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class End(_message.Message):
    __slots__ = ("reason", "usage")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REASON_UNSPECIFIED: _ClassVar[End.Reason]
        REASON_STOP: _ClassVar[End.Reason]
        REASON_LENGTH: _ClassVar[End.Reason]
    REASON_UNSPECIFIED: End.Reason
    REASON_STOP: End.Reason
    REASON_LENGTH: End.Reason
    REASON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    reason: End.Reason
    usage: Usage
    def __init__(self, reason: _Optional[_Union[End.Reason, str]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("prompt_tokens", "completion_tokens")
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    prompt_tokens: int
    completion_tokens: int
    def __init__(self, prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ...) -> None: ...

class SyncRequest(_message.Message):
    __slots__ = ("turns", "cursor", "forgotten_turn_ids")
    TURNS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_TURN_IDS_FIELD_NUMBER: _ClassVar[int]
    turns: _containers.RepeatedCompositeFieldContainer[Turn]
    cursor: bytes
    forgotten_turn_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, turns: _Optional[_Iterable[_Union[Turn, _Mapping]]] = ..., cursor: _Optional[bytes] = ..., forgotten_turn_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class SyncReply(_message.Message):
    __slots__ = ("stored_turn_ids", "turns", "cursor", "more", "forgotten_turn_ids")
    STORED_TURN_IDS_FIELD_NUMBER: _ClassVar[int]
    TURNS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_TURN_IDS_FIELD_NUMBER: _ClassVar[int]
    stored_turn_ids: _containers.RepeatedScalarFieldContainer[str]
    turns: _containers.RepeatedCompositeFieldContainer[Turn]
    cursor: bytes
    more: bool
    forgotten_turn_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, stored_turn_ids: _Optional[_Iterable[str]] = ..., turns: _Optional[_Iterable[_Union[Turn, _Mapping]]] = ..., cursor: _Optional[bytes] = ..., more: _Optional[bool] = ..., forgotten_turn_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Turn(_message.Message):
    __slots__ = ("turn_id", "conversation_id", "device_id", "started_ms", "utterance", "reply")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_MS_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    conversation_id: str
    device_id: str
    started_ms: int
    utterance: str
    reply: str
    def __init__(self, turn_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., device_id: _Optional[str] = ..., started_ms: _Optional[int] = ..., utterance: _Optional[str] = ..., reply: _Optional[str] = ...) -> None: ...
