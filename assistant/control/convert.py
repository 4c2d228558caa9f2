"""Dataclasses <-> protobuf messages by reflection: a field of the same name on both sides is the whole mapping.

    str int float bool      the scalar
    StrEnum                 its value, as a string
    Slots                   map<string, SlotValue>
    tuple[T, ...]           repeated
    a dataclass             the message of the same field names

An event travels as `Event`, whose oneof has one message for each event class, named alike. Tests enumerate both sides,
so a new event or field can't be forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from assistant._pb.edgewise.control.v1 import control_pb2 as pb
from assistant.errors import ControlError
from assistant.events import Event, all_event_types
from assistant.values import Slots, SlotValue

T = TypeVar("T")

INT64_MAX = 2**63 - 1


def message_from(value: Any, message: Any) -> Any:
    """Fill `message` from the dataclass `value`; returns it.

    Raises:
        ControlError: `control-value`, a value the contract can't carry (text that is not Unicode).
    """
    try:
        for name in _hints(cast(Hashable, type(value))):
            _put(message, name, getattr(value, name))
    except (TypeError, ValueError) as exc:  # UnicodeEncodeError is a ValueError
        raise ControlError("control-value", f"{type(value).__name__} holds a value that can't be sent") from exc
    return message


def value_from(cls: type[T], message: Any) -> T:
    """The dataclass `cls` that `message` describes.

    Raises:
        ControlError: `control-reply`, a value that this version doesn't know (an enumeration's new member).
    """
    try:
        return cls(**{name: _take(hint, getattr(message, name)) for name, hint in _hints(cast(Hashable, cls)).items()})
    except (TypeError, ValueError) as exc:
        raise ControlError(
            "control-reply",
            f"the running assistant sent a {cls.__name__} that this command doesn't understand",
            hint="The two are of different versions: restart the assistant.",
        ) from exc


def event_to_pb(event: Event) -> Any:
    """The `Event` message of an event."""
    message = pb.Event()
    part = getattr(message, kind_of(type(event)))
    part.SetInParent()
    message_from(event, part)
    return message


def event_from_pb(message: Any) -> Event | None:
    """The event in an `Event` message; None for a kind or value that only a newer version knows."""
    kind = message.WhichOneof("kind")
    cls = _event_types().get(kind) if kind else None
    if cls is None:
        return None
    try:
        return value_from(cls, getattr(message, kind))
    except ControlError:
        return None


def kind_of(cls: type[Event]) -> str:
    """An event class's field name in `Event`: `turn_started` for TurnStarted."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def slot_to_pb(value: SlotValue) -> Any:
    """One slot's value, its type kept."""
    if isinstance(value, bool):
        return pb.SlotValue(flag=value)
    if isinstance(value, int):
        return pb.SlotValue(integer=value) if -INT64_MAX <= value <= INT64_MAX else pb.SlotValue(big_integer=str(value))
    if isinstance(value, float):
        return pb.SlotValue(number=value)
    return pb.SlotValue(text=value)


def slot_from_pb(message: Any) -> SlotValue:
    """Raises ValueError for a value of a kind that only a newer version knows."""
    kind = message.WhichOneof("value")
    if kind is None:
        raise ValueError("a slot without a value")
    value: SlotValue = getattr(message, kind)
    return int(value) if kind == "big_integer" else value


@cache
def _event_types() -> dict[str, type[Event]]:
    return {kind_of(cls): cls for cls in all_event_types()}


@cache
def _hints(cls: Hashable) -> dict[str, Any]:
    """Field name -> type of a dataclass."""
    hints = get_type_hints(cast(Any, cls))
    return {field.name: hints[field.name] for field in fields(cast(Any, cls))}


def _put(message: Any, name: str, value: Any) -> None:
    if is_dataclass(value):
        message_from(value, getattr(message, name))
    elif isinstance(value, tuple):
        target = getattr(message, name)
        for item in value:
            if is_dataclass(item):
                message_from(item, target.add())
            else:
                target.append(item)
    elif isinstance(value, StrEnum):
        setattr(message, name, value.value)
    elif isinstance(value, str | int | float):
        setattr(message, name, value)
    else:
        target = getattr(message, name)
        for key, item in value.items():
            target[key].CopyFrom(slot_to_pb(item))


def _take(hint: Any, raw: Any) -> Any:
    if hint == Slots:
        return {key: slot_from_pb(item) for key, item in raw.items()}
    if get_origin(hint) is tuple:
        return tuple(_take(get_args(hint)[0], item) for item in raw)
    if is_dataclass(hint):
        return value_from(cast(type[Any], hint), raw)
    convert: Callable[[Any], Any] = hint
    return convert(raw)
