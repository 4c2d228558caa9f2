"""The running assistant and its fake give the control service the same things."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from assistant.audio.format import Chunk
from assistant.config import Config
from assistant.control.ports import ControlTarget
from assistant.daemon import open_assistant
from assistant.errors import EdgewiseError
from assistant.events import DueChanged, Event, Routed, TurnEnded, TurnEvent, TurnStarted
from assistant.values import DueState, ListItem, NamedList, Outcome, State
from tests.fakes import FakeTarget

Opener = Callable[[Config], AbstractAsyncContextManager[ControlTarget]]


@contextlib.asynccontextmanager
async def real(config: Config) -> AsyncIterator[ControlTarget]:
    async with open_assistant(config) as assistant:
        yield assistant


@contextlib.asynccontextmanager
async def fake(_config: Config) -> AsyncIterator[ControlTarget]:
    yield FakeTarget()


BOTH = pytest.mark.parametrize("opened", [real, fake], ids=["assistant", "fake"])


@BOTH
async def test_status_of_an_idle_assistant(config: Config, opened: Opener) -> None:
    async with opened(config) as target:
        status = target.status()
        assert status.state is State.IDLE
        assert status.version
        assert status.uptime_s >= 0
        assert status.active_timers == 0
        assert bool(status.microphone.name) != bool(status.microphone.problem)
        assert bool(status.speaker.name) != bool(status.speaker.problem)
        assert status.link_reason


@BOTH
async def test_a_question_by_text_is_a_turn_from_its_start_to_its_end(config: Config, opened: Opener) -> None:
    events: list[Event] = []
    async with opened(config) as target:
        record = await target.ask(
            text="set a timer for ten minutes",
            audio=None,
            source="text",
            speak=False,
            on_audio=None,
            on_event=events.append,
        )
    assert (record.text, record.source, record.outcome) == ("set a timer for ten minutes", "text", Outcome.ANSWERED)
    assert record.intent == "HassStartTimer"
    assert record.slots["minutes"] == 10
    assert record.reply
    assert isinstance(events[0], TurnStarted)
    assert events[-1] == TurnEnded(turn_id=record.id, outcome=Outcome.ANSWERED)
    assert any(isinstance(event, Routed) for event in events)
    assert all(event.turn_id == record.id for event in events if isinstance(event, TurnEvent))


@BOTH
async def test_timers_are_kept_and_changed(config: Config, opened: Opener) -> None:
    async with opened(config) as target:
        with target.bus.subscribe() as subscription:
            added = await target.add_timer(90.0, "tea")
            assert await anext(subscription) == DueChanged(item=added)
        assert (added.name, added.state, added.duration_s) == ("tea", DueState.RUNNING, 90.0)
        [(item, remaining_s)] = target.timers()
        assert item == added
        assert 0 < remaining_s <= 90.0
        for change, state in (("pause", DueState.PAUSED), ("resume", DueState.RUNNING), ("cancel", DueState.CANCELLED)):
            assert (await target.change_timer(added.id, change)).state is state
        assert list(target.timers()) == []


@BOTH
async def test_timers_are_no_alarms_and_no_reminders(config: Config, opened: Opener) -> None:
    async with opened(config) as target:
        added = await target.add_timer(90.0, "tea")
        assert [item for item, _ in target.due_items("timer")] == [added]
        assert list(target.due_items("alarm")) == list(target.due_items("reminder")) == []


@BOTH
async def test_the_home_is_told(config: Config, opened: Opener) -> None:
    async with opened(config) as target:
        devices = await target.devices()
        assert devices
        assert [device.area.casefold() for device in devices] == sorted(device.area.casefold() for device in devices)
        assert all(device.id and device.name and device.state for device in devices)


@BOTH
async def test_lists_are_made_added_to_and_taken_from(config: Config, opened: Opener) -> None:
    async with opened(config) as target:
        assert list(target.lists()) == []
        milk, eggs = ListItem("milk"), ListItem("brown eggs")
        assert await target.change_list(" Shopping ", "add", ["Milk", "brown  eggs", "milk"]) == NamedList(
            "shopping", (milk, eggs)
        )
        await target.change_list("party", "add", ["balloons"])
        assert [each.name for each in target.lists()] == ["shopping", "party"]
        assert (await target.change_list("shopping", "remove", ["MILK"])).items == (eggs,)
        assert target.lists()[0] == NamedList("shopping", (eggs,))


@BOTH
@pytest.mark.parametrize(
    ("name", "change", "items", "code"),
    [
        ("shopping", "remove", ["milk", "caviar"], "item-unknown"),
        ("shoping", "remove", ["milk"], "list-unknown"),
        ("shopping", "add", ["x" * 201], "lists-limit"),
        ("x" * 201, "add", ["milk"], "lists-limit"),
        ("shopping", "add", [" "], "lists-limit"),
        ("shopping", "admire", ["milk"], "list-change"),
    ],
)
async def test_what_cannot_be_done_to_a_list_changes_none(  # noqa: PLR0917 - all of one case
    config: Config, opened: Opener, name: str, change: str, items: list[str], code: str
) -> None:
    async with opened(config) as target:
        there = await target.change_list("shopping", "add", ["milk"])
        with pytest.raises(EdgewiseError) as caught:
            await target.change_list(name, change, items)
        assert caught.value.code == code
        assert list(target.lists()) == [there]


@BOTH
async def test_a_timer_nobody_set(config: Config, opened: Opener) -> None:
    async with opened(config) as target:
        with pytest.raises(EdgewiseError) as caught:
            await target.change_timer("0198-nothing", "cancel")
    assert caught.value.code == "due-unknown"


@BOTH
@pytest.mark.real_time
@pytest.mark.models
async def test_a_text_has_a_sound(config: Config, opened: Opener) -> None:
    async with opened(config) as target:
        chunks = [chunk async for chunk in target.synthesize("Good morning.")]
    assert sum(chunk.duration_s for chunk in chunks) > 0.2


@BOTH
@pytest.mark.real_time
@pytest.mark.models
async def test_a_reply_has_a_sound_without_any_speaker(config: Config, opened: Opener) -> None:
    sound: list[Chunk] = []
    async with opened(config) as target:
        await target.ask(
            text="what time is it", audio=None, source="text", speak=False, on_audio=sound.append, on_event=None
        )
    assert sum(chunk.duration_s for chunk in sound) > 0.2


@BOTH
async def test_a_turn_is_in_the_ledger_and_nothing_left(config: Config, opened: Opener) -> None:
    async with opened(config) as target:
        assert list(await target.routes(before=0, limit=5)) == []
        record = await target.ask(
            text="set a timer for ten minutes", audio=None, source="text", speak=False, on_audio=None, on_event=None
        )
        (line,) = await target.routes(before=0, limit=5)
        assert (line.text, line.intent, line.layer, line.reason) == (record.text, record.intent, "edge", "skill")
        assert line.entry.turn_id == record.id
        assert line.entry.candidates[0].intent == record.intent
        assert line.entry.threshold == 0.85
        assert line.confidence == record.confidence
        assert list(await target.routes(before=line.number, limit=5)) == []
        assert list(await target.departures(before=0, since_wall_s=0.0, limit=5)) == []


@BOTH
async def test_a_question_that_nobody_keeps_cannot_be_cancelled(config: Config, opened: Opener) -> None:
    async with opened(config) as target:
        assert list(target.deferred.all()) == []
        with pytest.raises(EdgewiseError) as raised:
            await target.deferred.cancel("nobody")
        assert raised.value.code == "question-unknown"
