"""Questions that wait for the cloud: on a real store, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from assistant.dialog import deferred as module
from assistant.dialog.deferred import EXPIRES_S, MAX_KEPT, DeferredQuestions
from assistant.dialog.egress import Egress
from assistant.dialog.redact import Redactor
from assistant.errors import AudioError, CloudError, SkillError
from assistant.events import (
    DataLeft,
    Event,
    EventBus,
    LinkChanged,
    PrivateModeChanged,
    QuestionAnswered,
    QuestionDropped,
)
from assistant.store.deferred import SqliteDeferred
from assistant.values import DeferredState, Exchange
from tests.fakes import FakeCloud, FakeEgressLog
from tests.store.kinds import open_database
from tests.virtual_time import VirtualClock


@dataclass
class Room:
    """Everything around the questions, as a test sets it."""

    folder: Path
    cloud: FakeCloud = field(default_factory=lambda: FakeCloud("Rayleigh scattering. ", "It is blue."))
    on: bool = False
    """Private mode."""
    quiet: bool = False
    speaker: bool = True
    breaks: bool = False
    """The device is switched off while it speaks."""
    spoken: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    bus: EventBus = field(default_factory=EventBus)

    def __post_init__(self) -> None:
        self.cloud.up = False
        self.free.set()
        self.clock = VirtualClock()

    async def say(self, text: str) -> None:
        self.spoken.append(text)
        if self.breaks:
            raise asyncio.CancelledError

    async def idle(self) -> None:
        await self.free.wait()

    def link(self, *, up: bool) -> None:
        self.cloud.up = up
        self.bus.publish(LinkChanged(up=up, reason="reached" if up else "network-down"))

    def private(self, *, on: bool) -> None:
        self.on = on
        self.bus.publish(PrivateModeChanged(on=on))

    @contextlib.asynccontextmanager
    async def questions(self) -> AsyncIterator[DeferredQuestions]:
        async with open_database(self.folder / "edgewise.db") as database:
            questions = DeferredQuestions(
                store=SqliteDeferred(database),
                cloud=self.cloud,
                egress=Egress(FakeEgressLog(), Redactor((), ()), lambda: self, self.events.append, self.clock),
                private=self,
                quiet=lambda: self.quiet,
                audible=lambda: self.speaker,
                say=self.say,
                idle=self.idle,
                clock=self.clock,
                publish=self.events.append,
                locale="en",
                answer_timeout_s=60.0,
            )
            await questions.start()
            with self.bus.subscribe() as events:
                running = asyncio.create_task(questions.run(events))
                try:
                    await asyncio.sleep(0.01)
                    yield questions
                finally:
                    running.cancel()
                    await asyncio.wait({running})

    @property
    def asked(self) -> list[str]:
        return [question.text for question in self.cloud.questions]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def told(question: str, answer: str = "Rayleigh scattering. It is blue.") -> str:
    return f"About your question, {question}: {answer}"


async def test_questions_are_asked_in_order_and_told_once_the_link_is_back(room: Room) -> None:
    async with room.questions() as questions:
        assert await questions.keep("Why is the sky blue?") == "kept"
        assert await questions.keep("who was ada lovelace") == "kept"
        assert await questions.keep("why is the sky blue?") == "already"
        await asyncio.sleep(7200)
        assert (room.asked, room.spoken) == ([], [])
        room.link(up=True)
        await asyncio.sleep(1)
        assert room.asked == ["Why is the sky blue?", "who was ada lovelace"]
        assert room.spoken == [told("Why is the sky blue"), told("who was ada lovelace")]
        assert questions.kept == ()
    assert [type(event).__name__ for event in room.events].count("QuestionDeferred") == 2
    assert [round(event.waited_s) for event in room.events if isinstance(event, QuestionAnswered)] == [7200, 7200]
    assert next((event.why, event.bytes) for event in room.events if isinstance(event, DataLeft)) == ("deferred", 20)


async def test_one_more_than_fits_is_refused_and_nothing_else_changes(room: Room) -> None:
    async with room.questions() as questions:
        for number in range(MAX_KEPT):
            assert await questions.keep(f"question {number}") == "kept"
        assert await questions.keep("one more") == "full"
        assert len(questions.kept) == MAX_KEPT


async def test_private_mode_keeps_them_here_until_it_ends(room: Room) -> None:
    async with room.questions() as questions:
        await questions.keep("why is the sky blue")
        room.on = True
        room.link(up=True)
        await asyncio.sleep(3600)
        assert room.asked == []
        room.private(on=False)
        await asyncio.sleep(1)
        assert room.spoken == [told("why is the sky blue")]


async def test_quiet_hours_and_a_busy_room_are_waited_for(room: Room) -> None:
    async with room.questions() as questions:
        await questions.keep("why is the sky blue")
        room.quiet = True
        room.link(up=True)
        await asyncio.sleep(3600)
        assert (len(room.asked), room.spoken) == (1, [])
        room.quiet = False
        room.free.clear()
        await asyncio.sleep(3600)
        assert room.spoken == []
        room.free.set()
        await asyncio.sleep(1)
        assert room.spoken == [told("why is the sky blue")]


async def test_after_a_day_it_is_told_once_that_it_was_too_late(room: Room) -> None:
    room.quiet = True
    async with room.questions() as questions:
        await questions.keep("why is the sky blue?")
        await asyncio.sleep(EXPIRES_S + 61)
        assert [question.state for question in questions.kept] == [DeferredState.EXPIRED]
        room.link(up=True)
        await asyncio.sleep(61)
        assert room.spoken == []
    room.quiet = False
    async with room.questions() as questions:
        await asyncio.sleep(61)
        assert questions.kept == ()
    async with room.questions() as questions:
        assert questions.kept == ()
    assert (room.asked, room.spoken) == ([], ["I couldn't answer your question in time: why is the sky blue."])
    assert [event.why for event in room.events if isinstance(event, QuestionDropped)] == ["expired"]
    assert not any(isinstance(event, QuestionAnswered) for event in room.events)


async def test_without_a_speaker_what_was_too_late_is_news(room: Room) -> None:
    room.speaker = False
    async with room.questions() as questions, asyncio.TaskGroup() as group:
        await questions.keep(" ".join(["why"] * 30))
        await asyncio.sleep(EXPIRES_S + 61)
        told = questions.news(group.create_task)
        assert told == f"I couldn't answer your question in time: {' '.join(['why'] * 10)} and so on."
        assert questions.news(group.create_task) == ""
    async with room.questions() as questions:
        assert questions.kept == ()


async def test_what_was_too_late_takes_no_room_and_no_more_than_ten_are_kept(room: Room) -> None:
    room.speaker = False
    async with room.questions() as questions:
        for day in range(2):
            for number in range(MAX_KEPT):
                assert await questions.keep(f"question {number} of day {day}") == "kept"
            await asyncio.sleep(EXPIRES_S + 61)
        assert [question.text for question in questions.kept] == [f"question {n} of day 1" for n in range(MAX_KEPT)]
    async with room.questions() as questions:
        assert len(questions.kept) == MAX_KEPT


SAID = (Exchange("t1", "who is the tallest man", "Sultan Kösen."), Exchange("t2", "where is he from", "From Mardin."))


async def test_it_is_asked_with_what_was_said_before_also_after_a_restart(room: Room) -> None:
    async with room.questions() as questions:
        assert await questions.keep("and how tall is he", "t3", SAID) == "kept"
        assert await questions.keep("and how tall is he", "t4", SAID) == "already"
        assert await questions.keep("and how tall is he", "t5", SAID[:1]) == "kept", "another he"
    async with room.questions():
        room.link(up=True)
        await asyncio.sleep(1)
    assert [len(question.context) for question in room.cloud.questions] == [4, 2]
    assert [(message.role, message.text) for message in room.cloud.questions[0].context] == [
        ("user", "who is the tallest man"),
        ("assistant", "Sultan Kösen."),
        ("user", "where is he from"),
        ("assistant", "From Mardin."),
    ]
    assert [event.turn_id for event in room.events if isinstance(event, DataLeft)] == ["t3", "t5"]


async def test_of_a_long_conversation_the_end_is_kept(room: Room) -> None:
    said = tuple(Exchange(f"t{number}", "x" * 1000, "y" * 2000) for number in range(6))
    async with room.questions() as questions:
        await questions.keep("and then", "t6", said)
        assert questions.kept[0].context == said[-2:]


async def test_what_is_forgotten_is_neither_asked_nor_sent_along(room: Room) -> None:
    async with room.questions() as questions:
        await questions.keep("and how tall is he", "t3", SAID)
        await questions.keep("why is the sky blue", "t4")
        questions.forget({"t4", "t1"})
        room.link(up=True)
        await asyncio.sleep(1)
    assert room.asked == ["and how tall is he"]
    assert [message.text for message in room.cloud.questions[0].context] == ["where is he from", "From Mardin."]
    assert [event.why for event in room.events if isinstance(event, QuestionDropped)] == ["forgotten"]


@pytest.mark.parametrize("how", ["forgotten", "cancelled"])
async def test_what_goes_while_it_is_asked_is_not_told(room: Room, how: str) -> None:
    room.cloud.delay_s = 2.0
    async with room.questions() as questions:
        await questions.keep("why is the sky blue", "t1")
        room.link(up=True)
        await asyncio.sleep(1)
        assert room.asked == ["why is the sky blue"]
        if how == "forgotten":
            questions.forget({"t1"})
        else:
            assert (await questions.cancel(questions.kept[0].id)).text == "why is the sky blue"
        await asyncio.sleep(10)
        assert questions.kept == ()
    assert room.spoken == []
    assert [event.why for event in room.events if isinstance(event, QuestionDropped)] == [how]


async def test_a_cancelled_question_is_gone_for_good_and_an_unknown_one_an_error(room: Room) -> None:
    async with room.questions() as questions:
        await questions.keep("why is the sky blue")
        await questions.cancel(questions.kept[0].id)
        with pytest.raises(SkillError) as raised:
            await questions.cancel("nobody")
        assert (raised.value.code, bool(raised.value.hint)) == ("question-unknown", True)
    async with room.questions() as questions:
        assert questions.kept == ()


async def test_a_link_that_flaps_in_mid_answer_asks_whole_and_tells_once(room: Room) -> None:
    """Ten times down and up again, each time with half an answer."""
    broken = CloudError("cloud-cut-off", "broke", retryable=True)
    room.cloud.error, room.cloud.error_after = broken, 1
    async with room.questions() as questions:
        await questions.keep("why is the sky blue")
        for _ in range(10):
            room.link(up=True)
            await asyncio.sleep(0.5)
            room.link(up=False)
            await asyncio.sleep(0.5)
        assert room.spoken == []
        assert [question.state for question in questions.kept] == [DeferredState.WAITING]
        assert 10 <= len(room.asked) <= 20, "once for each time that it came up"
        room.cloud.error = None
        room.link(up=True)
        await asyncio.sleep(1)
        room.link(up=False)
        room.link(up=True)
        await asyncio.sleep(120)
        assert questions.kept == ()
    assert room.spoken == [told("why is the sky blue")]


async def test_restarts_lose_and_repeat_nothing(room: Room) -> None:
    async with room.questions() as questions:
        await questions.keep("why is the sky blue")
    room.quiet = True
    async with room.questions() as questions:
        room.link(up=True)
        await asyncio.sleep(1)
        assert [question.state for question in questions.kept] == [DeferredState.ANSWERED]
    room.quiet = False
    async with room.questions() as questions:
        await asyncio.sleep(61)
    async with room.questions() as questions:
        await asyncio.sleep(61)
        assert questions.kept == ()
    assert (len(room.asked), room.spoken) == (1, [told("why is the sky blue")])


async def test_what_was_being_told_when_the_device_went_off_is_not_told_again(room: Room) -> None:
    room.breaks = True
    async with room.questions() as questions:
        await questions.keep("why is the sky blue")
        room.link(up=True)
        await asyncio.sleep(1)
    room.breaks = False
    async with room.questions() as questions:
        await asyncio.sleep(120)
        assert questions.kept == ()
    assert len(room.spoken) == 1


async def test_a_speaker_that_fails_keeps_the_answer(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: str) -> None:
        raise AudioError("no-speaker", "gone")

    async with room.questions() as questions:
        monkeypatch.setattr(questions, "_say", broken)
        await questions.keep("why is the sky blue")
        room.link(up=True)
        await asyncio.sleep(1)
        assert [question.state for question in questions.kept] == [DeferredState.ANSWERED]
        monkeypatch.setattr(questions, "_say", room.say)
        await asyncio.sleep(module.POLL_S + 1)
    assert room.spoken == [told("why is the sky blue")]


async def test_without_a_speaker_it_is_news_and_news_once(room: Room) -> None:
    room.speaker = False
    async with room.questions() as questions, asyncio.TaskGroup() as group:
        await questions.keep("why is the sky blue")
        assert questions.news(group.create_task) == ""
        room.link(up=True)
        await asyncio.sleep(1)
        assert questions.news(group.create_task) == told("why is the sky blue")
        assert questions.news(group.create_task) == ""
    assert room.spoken == []
    async with room.questions() as questions:
        assert questions.kept == ()


async def test_a_link_that_breaks_in_mid_answer_asks_again_later_and_whole(room: Room) -> None:
    room.cloud.error, room.cloud.error_after = CloudError("cloud-cut-off", "broke", retryable=True), 1
    async with room.questions() as questions:
        await questions.keep("why is the sky blue")
        room.link(up=True)
        await asyncio.sleep(1)
        assert room.spoken == []
        room.cloud.error = None
        room.link(up=True)
        await asyncio.sleep(1)
    assert room.spoken == [told("why is the sky blue")]


async def test_a_question_that_the_cloud_will_never_answer_ends_in_words(room: Room) -> None:
    room.cloud.error = CloudError("cloud-invalid", "too long")
    async with room.questions() as questions:
        await questions.keep("why is the sky blue")
        room.link(up=True)
        await asyncio.sleep(1)
    assert room.spoken == [told("why is the sky blue", "I found no answer to that.")]


async def test_a_long_answer_is_told_in_short(room: Room) -> None:
    room.cloud.pieces = tuple(f"Sentence {number}. " for number in range(9))
    async with room.questions() as questions:
        await questions.keep("why is the sky blue")
        room.link(up=True)
        await asyncio.sleep(1)
    assert room.spoken == [told("why is the sky blue", "Sentence 0. Sentence 1. Sentence 2.")]


async def test_a_clock_that_was_decades_behind_expires_nothing_it_should_not(room: Room) -> None:
    room.clock.shift_wall_s = EXPIRES_S * 365
    async with room.questions() as questions:
        await questions.keep("why is the sky blue")
        room.clock.shift_wall_s = 0.0
        await asyncio.sleep(120)
        assert len(questions.kept) == 1
        assert questions.kept[0].state is DeferredState.WAITING
