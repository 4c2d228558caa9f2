"""Events: found by reflection, kept out of logs where they hold words, fanned out within bounds."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import typing

import pytest

from assistant import events
from assistant.events import (
    DueChanged,
    Event,
    EventBus,
    LinkChanged,
    Reply,
    StateChanged,
    Transcript,
    TurnEnded,
    TurnEvent,
    all_event_types,
    log_fields,
)
from assistant.values import DueItem, DueState, Layer, Outcome, Slots, State

EVERY = pytest.mark.parametrize("cls", all_event_types(), ids=lambda cls: cls.__name__)


def link(number: int) -> LinkChanged:
    return LinkChanged(up=True, reason=str(number))


def test_reflection_finds_each_class_of_the_module_once() -> None:
    defined = {
        value
        for value in vars(events).values()
        if isinstance(value, type) and issubclass(value, Event) and value not in {Event, TurnEvent}
    }
    found = all_event_types()
    assert set(found) == defined
    assert len(found) == len({cls.__name__ for cls in found})


@EVERY
def test_an_event_is_frozen_slotted_and_by_keyword(cls: type[Event]) -> None:
    assert "__slots__" in vars(cls)
    assert all(field.kw_only for field in dataclasses.fields(cls))
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]


@EVERY
def test_names_of_private_fields_are_fields(cls: type[Event]) -> None:
    assert cls.private <= {field.name for field in dataclasses.fields(cls)}


@EVERY
def test_fields_that_hold_words_or_slots_are_private(cls: type[Event]) -> None:
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        holds_words = hints[field.name] in {Slots, DueItem} or field.name in {"text", "name", "utterance", "transcript"}
        assert not holds_words or field.name in cls.private, f"{cls.__name__}.{field.name} could be logged"


@EVERY
def test_units_are_in_the_names_of_times(cls: type[Event]) -> None:
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if hints[field.name] is float:
            assert re.search(r"(_s|_ms|_hz|confidence|probability)$", field.name), f"{cls.__name__}.{field.name}"


def test_what_was_said_is_not_in_the_log_fields() -> None:
    said = Transcript(turn_id="t", text="my secret", confidence=0.5, audio_s=1.0)
    answered = Reply(turn_id="t", text="your secret", layer=Layer.EDGE, reason="skill", expects_answer=False)
    item = DueItem("1", "timer", "secret tea", DueState.RUNNING, 1.0, 2.0, 3.0, "b", 0.0, 0.0)
    for event in (said, answered, DueChanged(item=item)):
        assert "secret" not in str(log_fields(event))
    assert log_fields(said) == {"turn_id": "t", "confidence": 0.5, "audio_s": 1.0}


async def test_every_subscriber_gets_every_event_in_order() -> None:
    bus = EventBus()
    with bus.subscribe() as one, bus.subscribe() as two:
        for number in range(5):
            bus.publish(link(number))
        bus.close()
        assert [event async for event in one] == [event async for event in two] == [link(n) for n in range(5)]


async def test_a_slow_subscriber_loses_the_oldest_and_knows_how_many() -> None:
    bus = EventBus()
    with bus.subscribe(capacity=3) as slow, bus.subscribe(capacity=10) as fast:
        for number in range(8):
            bus.publish(link(number))
        bus.close()
        assert [event async for event in slow] == [link(5), link(6), link(7)]
        assert slow.lost == 5
        assert fast.lost == 0


async def test_a_waiting_subscriber_wakes_up() -> None:
    bus = EventBus()
    with bus.subscribe() as subscription:
        waiting = asyncio.create_task(anext(subscription))
        await asyncio.sleep(0)
        assert not waiting.done()
        bus.publish(StateChanged(old=State.IDLE, new=State.LISTENING))
        assert await waiting == StateChanged(old=State.IDLE, new=State.LISTENING)


async def test_closing_ends_waiting_and_later_subscribers() -> None:
    bus = EventBus()
    with bus.subscribe() as before:
        waiting = asyncio.create_task(anext(before, None))
        await asyncio.sleep(0)
        bus.close()
        assert await waiting is None
    with bus.subscribe() as after:
        assert [event async for event in after] == []


async def test_nothing_reaches_a_subscription_that_is_over() -> None:
    bus = EventBus()
    with bus.subscribe() as subscription:
        pass
    bus.publish(link(1))
    bus.close()
    subscription.close()
    assert [event async for event in subscription] == []


def test_a_watcher_is_called_at_once_and_only_inside_its_block() -> None:
    bus = EventBus()
    seen: list[Event] = []
    with bus.watch(seen.append):
        bus.publish(link(1))
        assert seen == [link(1)]
    bus.publish(link(2))
    assert seen == [link(1)]


def test_a_watcher_may_leave_while_it_is_told() -> None:
    bus = EventBus()
    seen: list[str] = []
    with bus.watch(lambda _: seen.append("first")):
        leaving = contextlib.ExitStack()

        def leave(_: Event) -> None:
            seen.append("second")
            leaving.close()

        leaving.enter_context(bus.watch(leave))
        bus.publish(TurnEnded(turn_id="t", outcome=Outcome.ANSWERED))
        bus.publish(TurnEnded(turn_id="t", outcome=Outcome.ANSWERED))
    assert seen == ["first", "second", "first"]
