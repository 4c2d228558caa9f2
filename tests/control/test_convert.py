"""Events and records travel whole: every class is found by reflection, none is listed here."""

from __future__ import annotations

import dataclasses
import types
import typing
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant._pb.edgewise.control.v1 import control_pb2 as pb
from assistant.control.convert import (
    event_from_pb,
    event_to_pb,
    kind_of,
    message_from,
    slot_from_pb,
    slot_to_pb,
    value_from,
)
from assistant.control.ports import DeviceStatus, StatusReport
from assistant.errors import ControlError
from assistant.events import Event, IntentRecognized, NotRecognized, all_event_types
from assistant.values import DueItem, ListItem, NamedList, Slots, SlotValue, StageTime, TurnRecord

MESSAGES: dict[type[Any], Any] = {
    DueItem: pb.DueItem,
    TurnRecord: pb.TurnRecord,
    StageTime: pb.StageTime,
    NamedList: pb.NamedList,
    ListItem: pb.ListItem,
    StatusReport: pb.StatusReport,
    DeviceStatus: pb.DeviceStatus,
}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SLOT_VALUES: st.SearchStrategy[SlotValue] = st.one_of(TEXTS, st.integers(), st.floats(allow_nan=False), st.booleans())


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    scalars: dict[Any, st.SearchStrategy[Any]] = {
        str: TEXTS,
        int: st.integers(min_value=0, max_value=2**32 - 1),
        float: st.floats(allow_nan=False),
        bool: st.booleans(),
        Slots: st.dictionaries(TEXTS, SLOT_VALUES, max_size=4),
    }
    if hint in scalars:
        return scalars[hint]
    if isinstance(hint, types.GenericAlias):
        return st.lists(values_of(typing.get_args(hint)[0]), max_size=3).map(tuple)
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    return records_of(hint)


def records_of(cls: type[Any]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(cls)
    return st.builds(cls, **{field.name: values_of(hints[field.name]) for field in dataclasses.fields(cls)})


def field_names(cls: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}


@pytest.mark.parametrize("cls", all_event_types(), ids=lambda cls: cls.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_every_event_survives_the_wire(cls: type[Event], data: st.DataObject) -> None:
    event = data.draw(records_of(cls))
    message = pb.Event.FromString(event_to_pb(event).SerializeToString())
    assert event_from_pb(message) == event


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_every_record_survives_the_wire(cls: type[Any], data: st.DataObject) -> None:
    value = data.draw(records_of(cls))
    message = MESSAGES[cls].FromString(message_from(value, MESSAGES[cls]()).SerializeToString())
    assert value_from(cls, message) == value


def test_the_contract_has_every_event_and_no_other() -> None:
    kinds = {field.name for field in pb.Event.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert kinds == {kind_of(cls) for cls in all_event_types()}
    assert len(kinds) > 20


@pytest.mark.parametrize("cls", all_event_types(), ids=lambda cls: cls.__name__)
def test_an_event_and_its_message_are_named_alike_and_have_the_same_fields(cls: type[Event]) -> None:
    message = pb.Event.DESCRIPTOR.fields_by_name[kind_of(cls)].message_type
    assert message is not None
    assert message.name == cls.__name__
    assert {field.name for field in message.fields} == field_names(cls)


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_a_record_and_its_message_have_the_same_fields(cls: type[Any]) -> None:
    assert {field.name for field in MESSAGES[cls].DESCRIPTOR.fields} == field_names(cls)


@pytest.mark.parametrize("value", [0, -1, 2**63 - 1, -(2**63), 2**63, 10**40, True, False, 0.5, float("inf"), "", "ä"])
def test_a_slot_keeps_its_value_and_type(value: SlotValue) -> None:
    back = slot_from_pb(pb.SlotValue.FromString(slot_to_pb(value).SerializeToString()))
    assert (back, type(back)) == (value, type(value))


def test_an_event_of_a_newer_version_is_skipped() -> None:
    assert event_from_pb(pb.Event()) is None
    assert event_from_pb(pb.Event(state_changed=pb.StateChanged(old="idle", new="dreaming"))) is None
    unknown_slot = pb.IntentRecognized(turn_id="t", intent="x", slots={"n": pb.SlotValue()}, confidence=1.0)
    assert event_from_pb(pb.Event(intent_recognized=unknown_slot)) is None


def test_a_record_of_a_newer_version_is_a_clear_error() -> None:
    with pytest.raises(ControlError) as caught:
        value_from(TurnRecord, pb.TurnRecord(outcome="enlightened"))
    assert caught.value.code == "control-reply"


def test_text_that_is_not_unicode_is_a_clear_error() -> None:
    event = IntentRecognized(turn_id="t", intent="x", slots={"name": "\ud800"}, confidence=1.0)
    with pytest.raises(ControlError) as caught:
        event_to_pb(event)
    assert caught.value.code == "control-value"
    assert "\ud800" not in str(caught.value)


def test_an_event_whose_fields_are_all_empty_is_still_that_event() -> None:
    event = NotRecognized(turn_id="", open_question=False)
    assert event_from_pb(pb.Event.FromString(event_to_pb(event).SerializeToString())) == event
