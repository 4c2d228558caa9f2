from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusReport(_message.Message):
    __slots__ = ("state", "version", "uptime_s", "models", "microphone", "speaker", "link_up", "link_reason", "active_timers", "problems")
    STATE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPTIME_S_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    MICROPHONE_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    LINK_UP_FIELD_NUMBER: _ClassVar[int]
    LINK_REASON_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_TIMERS_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    state: str
    version: str
    uptime_s: float
    models: _containers.RepeatedScalarFieldContainer[str]
    microphone: DeviceStatus
    speaker: DeviceStatus
    link_up: bool
    link_reason: str
    active_timers: int
    problems: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, state: _Optional[str] = ..., version: _Optional[str] = ..., uptime_s: _Optional[float] = ..., models: _Optional[_Iterable[str]] = ..., microphone: _Optional[_Union[DeviceStatus, _Mapping]] = ..., speaker: _Optional[_Union[DeviceStatus, _Mapping]] = ..., link_up: _Optional[bool] = ..., link_reason: _Optional[str] = ..., active_timers: _Optional[int] = ..., problems: _Optional[_Iterable[str]] = ...) -> None: ...

class DeviceStatus(_message.Message):
    __slots__ = ("name", "problem")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    name: str
    problem: str
    def __init__(self, name: _Optional[str] = ..., problem: _Optional[str] = ...) -> None: ...

class AskRequest(_message.Message):
    __slots__ = ("text", "wav", "speak", "want_audio")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    WAV_FIELD_NUMBER: _ClassVar[int]
    SPEAK_FIELD_NUMBER: _ClassVar[int]
    WANT_AUDIO_FIELD_NUMBER: _ClassVar[int]
    text: str
    wav: bytes
    speak: bool
    want_audio: bool
    def __init__(self, text: _Optional[str] = ..., wav: _Optional[bytes] = ..., speak: _Optional[bool] = ..., want_audio: _Optional[bool] = ...) -> None: ...

class AskReply(_message.Message):
    __slots__ = ("event", "audio", "result")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    event: Event
    audio: AudioChunk
    result: TurnRecord
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ..., audio: _Optional[_Union[AudioChunk, _Mapping]] = ..., result: _Optional[_Union[TurnRecord, _Mapping]] = ...) -> None: ...

class AudioChunk(_message.Message):
    __slots__ = ("rate_hz", "pcm")
    RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    PCM_FIELD_NUMBER: _ClassVar[int]
    rate_hz: int
    pcm: bytes
    def __init__(self, rate_hz: _Optional[int] = ..., pcm: _Optional[bytes] = ...) -> None: ...

class TurnRecord(_message.Message):
    __slots__ = ("id", "conversation_id", "started_wall_s", "source", "text", "reply", "intent", "slots", "layer", "reason", "confidence", "outcome", "stages", "private")
    class SlotsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: SlotValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[SlotValue, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_WALL_S_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_FIELD_NUMBER: _ClassVar[int]
    id: str
    conversation_id: str
    started_wall_s: float
    source: str
    text: str
    reply: str
    intent: str
    slots: _containers.MessageMap[str, SlotValue]
    layer: str
    reason: str
    confidence: float
    outcome: str
    stages: _containers.RepeatedCompositeFieldContainer[StageTime]
    private: bool
    def __init__(self, id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., started_wall_s: _Optional[float] = ..., source: _Optional[str] = ..., text: _Optional[str] = ..., reply: _Optional[str] = ..., intent: _Optional[str] = ..., slots: _Optional[_Mapping[str, SlotValue]] = ..., layer: _Optional[str] = ..., reason: _Optional[str] = ..., confidence: _Optional[float] = ..., outcome: _Optional[str] = ..., stages: _Optional[_Iterable[_Union[StageTime, _Mapping]]] = ..., private: _Optional[bool] = ...) -> None: ...

class StageTime(_message.Message):
    __slots__ = ("stage", "ms")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    MS_FIELD_NUMBER: _ClassVar[int]
    stage: str
    ms: float
    def __init__(self, stage: _Optional[str] = ..., ms: _Optional[float] = ...) -> None: ...

class SlotValue(_message.Message):
    __slots__ = ("text", "integer", "number", "flag", "big_integer")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    FLAG_FIELD_NUMBER: _ClassVar[int]
    BIG_INTEGER_FIELD_NUMBER: _ClassVar[int]
    text: str
    integer: int
    number: float
    flag: bool
    big_integer: str
    def __init__(self, text: _Optional[str] = ..., integer: _Optional[int] = ..., number: _Optional[float] = ..., flag: _Optional[bool] = ..., big_integer: _Optional[str] = ...) -> None: ...

class SayRequest(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class SayReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SynthesizeRequest(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class WatchEventsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTimersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTimersReply(_message.Message):
    __slots__ = ("timers",)
    TIMERS_FIELD_NUMBER: _ClassVar[int]
    timers: _containers.RepeatedCompositeFieldContainer[Timer]
    def __init__(self, timers: _Optional[_Iterable[_Union[Timer, _Mapping]]] = ...) -> None: ...

class Timer(_message.Message):
    __slots__ = ("item", "remaining_s")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    REMAINING_S_FIELD_NUMBER: _ClassVar[int]
    item: DueItem
    remaining_s: float
    def __init__(self, item: _Optional[_Union[DueItem, _Mapping]] = ..., remaining_s: _Optional[float] = ...) -> None: ...

class AddTimerRequest(_message.Message):
    __slots__ = ("duration_s", "name")
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    duration_s: float
    name: str
    def __init__(self, duration_s: _Optional[float] = ..., name: _Optional[str] = ...) -> None: ...

class ChangeTimerRequest(_message.Message):
    __slots__ = ("item_id", "change")
    class Change(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CHANGE_UNSPECIFIED: _ClassVar[ChangeTimerRequest.Change]
        CHANGE_CANCEL: _ClassVar[ChangeTimerRequest.Change]
        CHANGE_PAUSE: _ClassVar[ChangeTimerRequest.Change]
        CHANGE_RESUME: _ClassVar[ChangeTimerRequest.Change]
    CHANGE_UNSPECIFIED: ChangeTimerRequest.Change
    CHANGE_CANCEL: ChangeTimerRequest.Change
    CHANGE_PAUSE: ChangeTimerRequest.Change
    CHANGE_RESUME: ChangeTimerRequest.Change
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    change: ChangeTimerRequest.Change
    def __init__(self, item_id: _Optional[str] = ..., change: _Optional[_Union[ChangeTimerRequest.Change, str]] = ...) -> None: ...

class ListDueRequest(_message.Message):
    __slots__ = ("kind",)
    KIND_FIELD_NUMBER: _ClassVar[int]
    kind: str
    def __init__(self, kind: _Optional[str] = ...) -> None: ...

class ListDueReply(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Timer]
    def __init__(self, items: _Optional[_Iterable[_Union[Timer, _Mapping]]] = ...) -> None: ...

class GetListsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetListsReply(_message.Message):
    __slots__ = ("lists",)
    LISTS_FIELD_NUMBER: _ClassVar[int]
    lists: _containers.RepeatedCompositeFieldContainer[NamedList]
    def __init__(self, lists: _Optional[_Iterable[_Union[NamedList, _Mapping]]] = ...) -> None: ...

class ChangeListRequest(_message.Message):
    __slots__ = ("name", "change", "items")
    class Change(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CHANGE_UNSPECIFIED: _ClassVar[ChangeListRequest.Change]
        CHANGE_ADD: _ClassVar[ChangeListRequest.Change]
        CHANGE_REMOVE: _ClassVar[ChangeListRequest.Change]
    CHANGE_UNSPECIFIED: ChangeListRequest.Change
    CHANGE_ADD: ChangeListRequest.Change
    CHANGE_REMOVE: ChangeListRequest.Change
    NAME_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    name: str
    change: ChangeListRequest.Change
    items: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., change: _Optional[_Union[ChangeListRequest.Change, str]] = ..., items: _Optional[_Iterable[str]] = ...) -> None: ...

class GetHomeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetHomeReply(_message.Message):
    __slots__ = ("devices",)
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedCompositeFieldContainer[KnownDevice]
    def __init__(self, devices: _Optional[_Iterable[_Union[KnownDevice, _Mapping]]] = ...) -> None: ...

class ListRoutesRequest(_message.Message):
    __slots__ = ("before", "limit")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    before: int
    limit: int
    def __init__(self, before: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListRoutesReply(_message.Message):
    __slots__ = ("routes",)
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    routes: _containers.RepeatedCompositeFieldContainer[Route]
    def __init__(self, routes: _Optional[_Iterable[_Union[Route, _Mapping]]] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("number", "started_wall_s", "text", "reply", "intent", "layer", "reason", "confidence", "outcome", "entry")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STARTED_WALL_S_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    number: int
    started_wall_s: float
    text: str
    reply: str
    intent: str
    layer: str
    reason: str
    confidence: float
    outcome: str
    entry: LedgerEntry
    def __init__(self, number: _Optional[int] = ..., started_wall_s: _Optional[float] = ..., text: _Optional[str] = ..., reply: _Optional[str] = ..., intent: _Optional[str] = ..., layer: _Optional[str] = ..., reason: _Optional[str] = ..., confidence: _Optional[float] = ..., outcome: _Optional[str] = ..., entry: _Optional[_Union[LedgerEntry, _Mapping]] = ...) -> None: ...

class LedgerEntry(_message.Message):
    __slots__ = ("turn_id", "candidates", "task", "open_question", "missing", "asked", "link_up", "private", "threshold", "reject_threshold", "deadline_ms", "bytes_out", "first_token_ms", "first_audio_ms", "amended", "aftermath", "verdict", "cloud_answer")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    OPEN_QUESTION_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    LINK_UP_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    REJECT_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    BYTES_OUT_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_MS_FIELD_NUMBER: _ClassVar[int]
    FIRST_AUDIO_MS_FIELD_NUMBER: _ClassVar[int]
    AMENDED_FIELD_NUMBER: _ClassVar[int]
    AFTERMATH_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    CLOUD_ANSWER_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    task: str
    open_question: bool
    missing: _containers.RepeatedScalarFieldContainer[str]
    asked: str
    link_up: bool
    private: bool
    threshold: float
    reject_threshold: float
    deadline_ms: float
    bytes_out: int
    first_token_ms: float
    first_audio_ms: float
    amended: bool
    aftermath: str
    verdict: str
    cloud_answer: str
    def __init__(self, turn_id: _Optional[str] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., task: _Optional[str] = ..., open_question: _Optional[bool] = ..., missing: _Optional[_Iterable[str]] = ..., asked: _Optional[str] = ..., link_up: _Optional[bool] = ..., private: _Optional[bool] = ..., threshold: _Optional[float] = ..., reject_threshold: _Optional[float] = ..., deadline_ms: _Optional[float] = ..., bytes_out: _Optional[int] = ..., first_token_ms: _Optional[float] = ..., first_audio_ms: _Optional[float] = ..., amended: _Optional[bool] = ..., aftermath: _Optional[str] = ..., verdict: _Optional[str] = ..., cloud_answer: _Optional[str] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("intent", "confidence", "source")
    INTENT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    intent: str
    confidence: float
    source: str
    def __init__(self, intent: _Optional[str] = ..., confidence: _Optional[float] = ..., source: _Optional[str] = ...) -> None: ...

class ListDeparturesRequest(_message.Message):
    __slots__ = ("before", "since_wall_s", "limit")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    SINCE_WALL_S_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    before: int
    since_wall_s: float
    limit: int
    def __init__(self, before: _Optional[int] = ..., since_wall_s: _Optional[float] = ..., limit: _Optional[int] = ...) -> None: ...

class ListDeparturesReply(_message.Message):
    __slots__ = ("departures",)
    DEPARTURES_FIELD_NUMBER: _ClassVar[int]
    departures: _containers.RepeatedCompositeFieldContainer[Departure]
    def __init__(self, departures: _Optional[_Iterable[_Union[Departure, _Mapping]]] = ...) -> None: ...

class Departure(_message.Message):
    __slots__ = ("number", "at_wall_s", "turn_id", "to", "bytes", "why", "text", "context", "replaced")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AT_WALL_S_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    number: int
    at_wall_s: float
    turn_id: str
    to: str
    bytes: int
    why: str
    text: str
    context: int
    replaced: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, number: _Optional[int] = ..., at_wall_s: _Optional[float] = ..., turn_id: _Optional[str] = ..., to: _Optional[str] = ..., bytes: _Optional[int] = ..., why: _Optional[str] = ..., text: _Optional[str] = ..., context: _Optional[int] = ..., replaced: _Optional[_Iterable[str]] = ...) -> None: ...

class KnownDevice(_message.Message):
    __slots__ = ("id", "name", "area", "floor", "state", "aliases")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    AREA_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    area: str
    floor: str
    state: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., area: _Optional[str] = ..., floor: _Optional[str] = ..., state: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ...) -> None: ...

class ListHistoryRequest(_message.Message):
    __slots__ = ("limit", "device")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    limit: int
    device: str
    def __init__(self, limit: _Optional[int] = ..., device: _Optional[str] = ...) -> None: ...

class ListHistoryReply(_message.Message):
    __slots__ = ("turns",)
    TURNS_FIELD_NUMBER: _ClassVar[int]
    turns: _containers.RepeatedCompositeFieldContainer[PastTurn]
    def __init__(self, turns: _Optional[_Iterable[_Union[PastTurn, _Mapping]]] = ...) -> None: ...

class PastTurn(_message.Message):
    __slots__ = ("id", "device_id", "started_wall_s", "text", "reply", "private")
    ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_WALL_S_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_FIELD_NUMBER: _ClassVar[int]
    id: str
    device_id: str
    started_wall_s: float
    text: str
    reply: str
    private: bool
    def __init__(self, id: _Optional[str] = ..., device_id: _Optional[str] = ..., started_wall_s: _Optional[float] = ..., text: _Optional[str] = ..., reply: _Optional[str] = ..., private: _Optional[bool] = ...) -> None: ...

class ForgetRequest(_message.Message):
    __slots__ = ("turn_id", "span")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    span: TimeSpan
    def __init__(self, turn_id: _Optional[str] = ..., span: _Optional[_Union[TimeSpan, _Mapping]] = ...) -> None: ...

class TimeSpan(_message.Message):
    __slots__ = ("since_wall_s", "before_wall_s")
    SINCE_WALL_S_FIELD_NUMBER: _ClassVar[int]
    BEFORE_WALL_S_FIELD_NUMBER: _ClassVar[int]
    since_wall_s: float
    before_wall_s: float
    def __init__(self, since_wall_s: _Optional[float] = ..., before_wall_s: _Optional[float] = ...) -> None: ...

class ForgetReply(_message.Message):
    __slots__ = ("forgotten",)
    FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    forgotten: int
    def __init__(self, forgotten: _Optional[int] = ...) -> None: ...

class ListDeferredRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListDeferredReply(_message.Message):
    __slots__ = ("questions",)
    QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    questions: _containers.RepeatedCompositeFieldContainer[KeptQuestion]
    def __init__(self, questions: _Optional[_Iterable[_Union[KeptQuestion, _Mapping]]] = ...) -> None: ...

class CancelDeferredRequest(_message.Message):
    __slots__ = ("question_id",)
    QUESTION_ID_FIELD_NUMBER: _ClassVar[int]
    question_id: str
    def __init__(self, question_id: _Optional[str] = ...) -> None: ...

class KeptQuestion(_message.Message):
    __slots__ = ("id", "text", "asked_wall_s", "state", "answer")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ASKED_WALL_S_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    id: str
    text: str
    asked_wall_s: float
    state: str
    answer: str
    def __init__(self, id: _Optional[str] = ..., text: _Optional[str] = ..., asked_wall_s: _Optional[float] = ..., state: _Optional[str] = ..., answer: _Optional[str] = ...) -> None: ...

class NamedList(_message.Message):
    __slots__ = ("name", "items")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    name: str
    items: _containers.RepeatedCompositeFieldContainer[ListItem]
    def __init__(self, name: _Optional[str] = ..., items: _Optional[_Iterable[_Union[ListItem, _Mapping]]] = ...) -> None: ...

class ListItem(_message.Message):
    __slots__ = ("text", "done")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    text: str
    done: bool
    def __init__(self, text: _Optional[str] = ..., done: _Optional[bool] = ...) -> None: ...

class DueItem(_message.Message):
    __slots__ = ("id", "kind", "name", "state", "duration_s", "due_wall_s", "due_steady_s", "boot_id", "remaining_s", "created_wall_s", "local", "recurrence")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    DUE_WALL_S_FIELD_NUMBER: _ClassVar[int]
    DUE_STEADY_S_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    REMAINING_S_FIELD_NUMBER: _ClassVar[int]
    CREATED_WALL_S_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    RECURRENCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    name: str
    state: str
    duration_s: float
    due_wall_s: float
    due_steady_s: float
    boot_id: str
    remaining_s: float
    created_wall_s: float
    local: str
    recurrence: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[str] = ..., duration_s: _Optional[float] = ..., due_wall_s: _Optional[float] = ..., due_steady_s: _Optional[float] = ..., boot_id: _Optional[str] = ..., remaining_s: _Optional[float] = ..., created_wall_s: _Optional[float] = ..., local: _Optional[str] = ..., recurrence: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("turn_started", "wake_word_detected", "speech_started", "speech_ended", "transcript", "intent_recognized", "not_recognized", "routed", "reply_chunk", "reply", "playback_started", "playback_finished", "interrupted", "turn_ended", "failed", "state_changed", "link_changed", "audio_device_lost", "audio_device_restored", "data_left", "due_changed", "ring_started", "ring_stopped", "partial_transcript", "turn_amended", "home_changed", "private_mode_changed", "volume_changed", "music_changed", "mute_changed", "question_deferred", "question_answered", "question_dropped", "lost")
    TURN_STARTED_FIELD_NUMBER: _ClassVar[int]
    WAKE_WORD_DETECTED_FIELD_NUMBER: _ClassVar[int]
    SPEECH_STARTED_FIELD_NUMBER: _ClassVar[int]
    SPEECH_ENDED_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    INTENT_RECOGNIZED_FIELD_NUMBER: _ClassVar[int]
    NOT_RECOGNIZED_FIELD_NUMBER: _ClassVar[int]
    ROUTED_FIELD_NUMBER: _ClassVar[int]
    REPLY_CHUNK_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    PLAYBACK_STARTED_FIELD_NUMBER: _ClassVar[int]
    PLAYBACK_FINISHED_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_FIELD_NUMBER: _ClassVar[int]
    TURN_ENDED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    STATE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    LINK_CHANGED_FIELD_NUMBER: _ClassVar[int]
    AUDIO_DEVICE_LOST_FIELD_NUMBER: _ClassVar[int]
    AUDIO_DEVICE_RESTORED_FIELD_NUMBER: _ClassVar[int]
    DATA_LEFT_FIELD_NUMBER: _ClassVar[int]
    DUE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    RING_STARTED_FIELD_NUMBER: _ClassVar[int]
    RING_STOPPED_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    TURN_AMENDED_FIELD_NUMBER: _ClassVar[int]
    HOME_CHANGED_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_MODE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    VOLUME_CHANGED_FIELD_NUMBER: _ClassVar[int]
    MUSIC_CHANGED_FIELD_NUMBER: _ClassVar[int]
    MUTE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    QUESTION_DEFERRED_FIELD_NUMBER: _ClassVar[int]
    QUESTION_ANSWERED_FIELD_NUMBER: _ClassVar[int]
    QUESTION_DROPPED_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    turn_started: TurnStarted
    wake_word_detected: WakeWordDetected
    speech_started: SpeechStarted
    speech_ended: SpeechEnded
    transcript: Transcript
    intent_recognized: IntentRecognized
    not_recognized: NotRecognized
    routed: Routed
    reply_chunk: ReplyChunk
    reply: Reply
    playback_started: PlaybackStarted
    playback_finished: PlaybackFinished
    interrupted: Interrupted
    turn_ended: TurnEnded
    failed: Failed
    state_changed: StateChanged
    link_changed: LinkChanged
    audio_device_lost: AudioDeviceLost
    audio_device_restored: AudioDeviceRestored
    data_left: DataLeft
    due_changed: DueChanged
    ring_started: RingStarted
    ring_stopped: RingStopped
    partial_transcript: PartialTranscript
    turn_amended: TurnAmended
    home_changed: HomeChanged
    private_mode_changed: PrivateModeChanged
    volume_changed: VolumeChanged
    music_changed: MusicChanged
    mute_changed: MuteChanged
    question_deferred: QuestionDeferred
    question_answered: QuestionAnswered
    question_dropped: QuestionDropped
    lost: int
    def __init__(self, turn_started: _Optional[_Union[TurnStarted, _Mapping]] = ..., wake_word_detected: _Optional[_Union[WakeWordDetected, _Mapping]] = ..., speech_started: _Optional[_Union[SpeechStarted, _Mapping]] = ..., speech_ended: _Optional[_Union[SpeechEnded, _Mapping]] = ..., transcript: _Optional[_Union[Transcript, _Mapping]] = ..., intent_recognized: _Optional[_Union[IntentRecognized, _Mapping]] = ..., not_recognized: _Optional[_Union[NotRecognized, _Mapping]] = ..., routed: _Optional[_Union[Routed, _Mapping]] = ..., reply_chunk: _Optional[_Union[ReplyChunk, _Mapping]] = ..., reply: _Optional[_Union[Reply, _Mapping]] = ..., playback_started: _Optional[_Union[PlaybackStarted, _Mapping]] = ..., playback_finished: _Optional[_Union[PlaybackFinished, _Mapping]] = ..., interrupted: _Optional[_Union[Interrupted, _Mapping]] = ..., turn_ended: _Optional[_Union[TurnEnded, _Mapping]] = ..., failed: _Optional[_Union[Failed, _Mapping]] = ..., state_changed: _Optional[_Union[StateChanged, _Mapping]] = ..., link_changed: _Optional[_Union[LinkChanged, _Mapping]] = ..., audio_device_lost: _Optional[_Union[AudioDeviceLost, _Mapping]] = ..., audio_device_restored: _Optional[_Union[AudioDeviceRestored, _Mapping]] = ..., data_left: _Optional[_Union[DataLeft, _Mapping]] = ..., due_changed: _Optional[_Union[DueChanged, _Mapping]] = ..., ring_started: _Optional[_Union[RingStarted, _Mapping]] = ..., ring_stopped: _Optional[_Union[RingStopped, _Mapping]] = ..., partial_transcript: _Optional[_Union[PartialTranscript, _Mapping]] = ..., turn_amended: _Optional[_Union[TurnAmended, _Mapping]] = ..., home_changed: _Optional[_Union[HomeChanged, _Mapping]] = ..., private_mode_changed: _Optional[_Union[PrivateModeChanged, _Mapping]] = ..., volume_changed: _Optional[_Union[VolumeChanged, _Mapping]] = ..., music_changed: _Optional[_Union[MusicChanged, _Mapping]] = ..., mute_changed: _Optional[_Union[MuteChanged, _Mapping]] = ..., question_deferred: _Optional[_Union[QuestionDeferred, _Mapping]] = ..., question_answered: _Optional[_Union[QuestionAnswered, _Mapping]] = ..., question_dropped: _Optional[_Union[QuestionDropped, _Mapping]] = ..., lost: _Optional[int] = ...) -> None: ...

class TurnStarted(_message.Message):
    __slots__ = ("turn_id", "conversation_id", "source")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    conversation_id: str
    source: str
    def __init__(self, turn_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class WakeWordDetected(_message.Message):
    __slots__ = ("turn_id", "word", "probability")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    WORD_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    word: str
    probability: float
    def __init__(self, turn_id: _Optional[str] = ..., word: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...

class SpeechStarted(_message.Message):
    __slots__ = ("turn_id", "at_s")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    AT_S_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    at_s: float
    def __init__(self, turn_id: _Optional[str] = ..., at_s: _Optional[float] = ...) -> None: ...

class SpeechEnded(_message.Message):
    __slots__ = ("turn_id", "at_s", "reason")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    AT_S_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    at_s: float
    reason: str
    def __init__(self, turn_id: _Optional[str] = ..., at_s: _Optional[float] = ..., reason: _Optional[str] = ...) -> None: ...

class TurnAmended(_message.Message):
    __slots__ = ("turn_id", "at_s")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    AT_S_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    at_s: float
    def __init__(self, turn_id: _Optional[str] = ..., at_s: _Optional[float] = ...) -> None: ...

class PartialTranscript(_message.Message):
    __slots__ = ("turn_id", "text", "audio_s")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_S_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    text: str
    audio_s: float
    def __init__(self, turn_id: _Optional[str] = ..., text: _Optional[str] = ..., audio_s: _Optional[float] = ...) -> None: ...

class Transcript(_message.Message):
    __slots__ = ("turn_id", "text", "confidence", "audio_s")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    AUDIO_S_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    text: str
    confidence: float
    audio_s: float
    def __init__(self, turn_id: _Optional[str] = ..., text: _Optional[str] = ..., confidence: _Optional[float] = ..., audio_s: _Optional[float] = ...) -> None: ...

class IntentRecognized(_message.Message):
    __slots__ = ("turn_id", "intent", "slots", "confidence")
    class SlotsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: SlotValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[SlotValue, _Mapping]] = ...) -> None: ...
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    intent: str
    slots: _containers.MessageMap[str, SlotValue]
    confidence: float
    def __init__(self, turn_id: _Optional[str] = ..., intent: _Optional[str] = ..., slots: _Optional[_Mapping[str, SlotValue]] = ..., confidence: _Optional[float] = ...) -> None: ...

class NotRecognized(_message.Message):
    __slots__ = ("turn_id", "open_question")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    OPEN_QUESTION_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    open_question: bool
    def __init__(self, turn_id: _Optional[str] = ..., open_question: _Optional[bool] = ...) -> None: ...

class Routed(_message.Message):
    __slots__ = ("turn_id", "layer", "reason", "sentence")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    layer: str
    reason: str
    sentence: str
    def __init__(self, turn_id: _Optional[str] = ..., layer: _Optional[str] = ..., reason: _Optional[str] = ..., sentence: _Optional[str] = ...) -> None: ...

class ReplyChunk(_message.Message):
    __slots__ = ("turn_id", "text")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    text: str
    def __init__(self, turn_id: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Reply(_message.Message):
    __slots__ = ("turn_id", "text", "layer", "reason", "expects_answer")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXPECTS_ANSWER_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    text: str
    layer: str
    reason: str
    expects_answer: bool
    def __init__(self, turn_id: _Optional[str] = ..., text: _Optional[str] = ..., layer: _Optional[str] = ..., reason: _Optional[str] = ..., expects_answer: _Optional[bool] = ...) -> None: ...

class PlaybackStarted(_message.Message):
    __slots__ = ("turn_id",)
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    def __init__(self, turn_id: _Optional[str] = ...) -> None: ...

class PlaybackFinished(_message.Message):
    __slots__ = ("turn_id", "played_s", "interrupted")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    PLAYED_S_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    played_s: float
    interrupted: bool
    def __init__(self, turn_id: _Optional[str] = ..., played_s: _Optional[float] = ..., interrupted: _Optional[bool] = ...) -> None: ...

class Interrupted(_message.Message):
    __slots__ = ("turn_id", "by")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    by: str
    def __init__(self, turn_id: _Optional[str] = ..., by: _Optional[str] = ...) -> None: ...

class TurnEnded(_message.Message):
    __slots__ = ("turn_id", "outcome")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    outcome: str
    def __init__(self, turn_id: _Optional[str] = ..., outcome: _Optional[str] = ...) -> None: ...

class Failed(_message.Message):
    __slots__ = ("code", "message", "stage", "retryable", "turn_id")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    stage: str
    retryable: bool
    turn_id: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., stage: _Optional[str] = ..., retryable: _Optional[bool] = ..., turn_id: _Optional[str] = ...) -> None: ...

class StateChanged(_message.Message):
    __slots__ = ("old", "new")
    OLD_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    old: str
    new: str
    def __init__(self, old: _Optional[str] = ..., new: _Optional[str] = ...) -> None: ...

class LinkChanged(_message.Message):
    __slots__ = ("up", "reason")
    UP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    up: bool
    reason: str
    def __init__(self, up: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class AudioDeviceLost(_message.Message):
    __slots__ = ("device", "reason")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    device: str
    reason: str
    def __init__(self, device: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class AudioDeviceRestored(_message.Message):
    __slots__ = ("device", "lost_s")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    LOST_S_FIELD_NUMBER: _ClassVar[int]
    device: str
    lost_s: float
    def __init__(self, device: _Optional[str] = ..., lost_s: _Optional[float] = ...) -> None: ...

class DataLeft(_message.Message):
    __slots__ = ("turn_id", "to", "bytes", "why")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    to: str
    bytes: int
    why: str
    def __init__(self, turn_id: _Optional[str] = ..., to: _Optional[str] = ..., bytes: _Optional[int] = ..., why: _Optional[str] = ...) -> None: ...

class DueChanged(_message.Message):
    __slots__ = ("item",)
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item: DueItem
    def __init__(self, item: _Optional[_Union[DueItem, _Mapping]] = ...) -> None: ...

class RingStarted(_message.Message):
    __slots__ = ("due_id", "kind", "name")
    DUE_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    due_id: str
    kind: str
    name: str
    def __init__(self, due_id: _Optional[str] = ..., kind: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class RingStopped(_message.Message):
    __slots__ = ("due_id", "by")
    DUE_ID_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    due_id: str
    by: str
    def __init__(self, due_id: _Optional[str] = ..., by: _Optional[str] = ...) -> None: ...

class VolumeChanged(_message.Message):
    __slots__ = ("volume",)
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    volume: int
    def __init__(self, volume: _Optional[int] = ...) -> None: ...

class QuestionDeferred(_message.Message):
    __slots__ = ("question_id",)
    QUESTION_ID_FIELD_NUMBER: _ClassVar[int]
    question_id: str
    def __init__(self, question_id: _Optional[str] = ...) -> None: ...

class QuestionAnswered(_message.Message):
    __slots__ = ("question_id", "waited_s")
    QUESTION_ID_FIELD_NUMBER: _ClassVar[int]
    WAITED_S_FIELD_NUMBER: _ClassVar[int]
    question_id: str
    waited_s: float
    def __init__(self, question_id: _Optional[str] = ..., waited_s: _Optional[float] = ...) -> None: ...

class QuestionDropped(_message.Message):
    __slots__ = ("question_id", "why")
    QUESTION_ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    question_id: str
    why: str
    def __init__(self, question_id: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class PrivateModeChanged(_message.Message):
    __slots__ = ("on",)
    ON_FIELD_NUMBER: _ClassVar[int]
    on: bool
    def __init__(self, on: _Optional[bool] = ...) -> None: ...

class MuteChanged(_message.Message):
    __slots__ = ("on",)
    ON_FIELD_NUMBER: _ClassVar[int]
    on: bool
    def __init__(self, on: _Optional[bool] = ...) -> None: ...

class MusicChanged(_message.Message):
    __slots__ = ("state", "title")
    STATE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    state: str
    title: str
    def __init__(self, state: _Optional[str] = ..., title: _Optional[str] = ...) -> None: ...

class HomeChanged(_message.Message):
    __slots__ = ("device_id", "name", "state")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    name: str
    state: str
    def __init__(self, device_id: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[str] = ...) -> None: ...
