"""What each skill does and says, on the real scheduler in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest

from assistant.due.journal import Journal
from assistant.due.scheduler import MAX_ITEMS, Scheduler
from assistant.errors import StoreError
from assistant.home.virtual import VirtualHome
from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.skills.book import SkillBook
from assistant.skills.home_journal import HomeJournal
from assistant.skills.replies import load_replies
from assistant.values import DueState, IntentMatch
from tests.fakes import FakeDueStore, FakeHomeStore
from tests.skills.bystanders import bystanders
from tests.virtual_time import VirtualClock


@dataclass
class House:
    """The skills with a running scheduler."""

    timers: Scheduler
    clock: VirtualClock
    store: FakeDueStore
    home: VirtualHome = field(default_factory=lambda: VirtualHome([], [], FakeHomeStore(), lambda device: None))
    book: SkillBook = field(default_factory=SkillBook.built_in)
    zone: tzinfo = UTC
    hour_format: int = 12
    last_reply: str = ""
    playing: bool = False
    hushed: int = 0

    def hush(self) -> bool:
        self.hushed += 1
        return self.playing

    async def ask(self, intent: str, **slots: Any) -> SkillReply:
        context = SkillContext(
            clock=self.clock,
            zone=self.zone,
            hour_format=self.hour_format,
            timers=Journal(self.timers),
            home=HomeJournal(self.home),
            confirm_over=10,
            last_reply=self.last_reply,
            hush=self.hush,
            **bystanders(),
        )
        return await self.book.handle(IntentMatch(intent, slots, 0.98, "grammar"), context)

    async def say(self, intent: str, **slots: Any) -> str:
        return (await self.ask(intent, **slots)).text

    def states(self) -> list[DueState]:
        return [item.state for item in self.timers.active()]


@asynccontextmanager
async def house(**facts: Any) -> AsyncIterator[House]:
    store, clock = FakeDueStore(), VirtualClock()
    timers = Scheduler(store, clock, lambda _event: None, ring_timeout_s=300)
    await timers.start()
    try:
        yield House(timers, clock, store, **facts)
    finally:
        await timers.stop()


@asynccontextmanager
async def pasta_and_ten() -> AsyncIterator[House]:
    """A pasta timer of five minutes, and ten minutes without a name."""
    async with house() as home:
        await home.ask("HassStartTimer", minutes=5, name="pasta")
        await home.ask("HassStartTimer", minutes=10)
        yield home


async def test_time_and_date() -> None:
    async with house(zone=ZoneInfo("Europe/Berlin")) as home:
        assert await home.say("HassGetCurrentTime") == "It's 5:06 PM."
        assert await home.say("HassGetCurrentTime", name="new york") == "In New York, it's 11:06 AM."
        assert await home.say("HassGetCurrentTime", name="tokyo") == "In Tokyo, it's 12:06 AM on Monday."
        unknown = await home.ask("HassGetCurrentTime", name="narnia")
        assert (unknown.text, unknown.ok) == ("I don't know the time zone of Narnia.", False)
        assert await home.say("HassGetCurrentDate") == "It's Sunday, June 15th, 2025."
        assert await home.say("HassGetCurrentDate", date="2025-06-16") == "That's Monday, June 16th, 2025."
        assert await home.say("HassGetCurrentDate", date="2025-06-14") == "That was Saturday, June 14th, 2025."
        assert await home.ask("HassGetCurrentDate", date="someday") == SkillReply(
            "Sorry, I can't tell that date.", ok=False
        )


async def test_time_by_the_24_hour_clock() -> None:
    async with house(hour_format=24) as home:
        assert await home.say("HassGetCurrentTime") == "It's 15:06."


async def test_a_timer_is_started() -> None:
    async with house() as home:
        assert await home.say("HassStartTimer", minutes=10) == "10 minutes, starting now."
        assert (
            await home.say("HassStartTimer", hours=1, minutes=20, name="pasta")
            == "Pasta timer, 1 hour and 20 minutes, starting now."
        )
        assert [(item.name, item.duration_s) for item in home.timers.active()] == [("", 600.0), ("pasta", 4800.0)]


async def test_a_timer_needs_a_length_that_can_be_kept() -> None:
    async with house() as home:
        assert await home.ask("HassStartTimer") == SkillReply("For how long?", expects_answer=True)
        assert await home.ask("HassStartTimer", minutes=0) == SkillReply("For how long?", expects_answer=True)
        assert await home.ask("HassStartTimer", hours=169) == SkillReply(
            "The longest timer I can keep is seven days.", ok=False
        )
        assert not (await home.ask("HassStartTimer", minutes=1, name="x" * 101)).ok
        assert home.timers.active() == ()


async def test_there_is_a_limit_to_timers() -> None:
    async with house() as home:
        for _ in range(MAX_ITEMS):
            await home.timers.add(duration_s=60)
        reply = await home.ask("HassStartTimer", minutes=1)
        assert not reply.ok
        assert reply.text.startswith("I can't keep another timer like that.")
        assert await home.say("HassTimerStatus") != ""
        assert (await home.say("HassCancelTimer")).startswith("You have 100 timers like that.")
        assert await home.say("HassCancelAllTimers") == "Okay, I cancelled all 100 timers."


@pytest.mark.parametrize(
    "intent",
    [
        "HassCancelTimer",
        "HassCancelAllTimers",
        "HassPauseTimer",
        "HassUnpauseTimer",
        "HassTimerStatus",
        "HassIncreaseTimer",
        "HassDecreaseTimer",
    ],
)
async def test_without_timers_every_timer_request_says_so(intent: str) -> None:
    async with house() as home:
        assert await home.ask(intent, minutes=1) == SkillReply("There are no timers.", ok=False)


async def test_the_only_timer_needs_no_name() -> None:
    async with house() as home:
        await home.ask("HassStartTimer", minutes=10)
        await asyncio.sleep(20)
        assert await home.say("HassTimerStatus") == "The 10 minute timer has 9 minutes and 40 seconds left."
        assert (
            await home.say("HassIncreaseTimer", minutes=5) == "Okay, the 10 minute timer now has about 15 minutes left."
        )
        assert (
            await home.say("HassDecreaseTimer", minutes=10)
            == "Okay, the 15 minute timer now has 4 minutes and 40 seconds left."
        )
        assert (
            await home.say("HassPauseTimer") == "Okay, I paused the 5 minute timer with 4 minutes and 40 seconds left."
        )
        assert await home.say("HassTimerStatus") == "The 5 minute timer is paused with 4 minutes and 40 seconds left."
        assert await home.say("HassPauseTimer") == "The 5 minute timer is already paused."
        assert (
            await home.say("HassUnpauseTimer") == "Okay, the 5 minute timer goes on with 4 minutes and 40 seconds left."
        )
        assert await home.say("HassUnpauseTimer") == "The 5 minute timer is running already."
        assert await home.say("HassCancelTimer") == "Okay, I cancelled the 5 minute timer."
        assert home.timers.active() == ()


async def test_timers_are_found_by_name_by_length_and_by_what_is_nearly_the_name() -> None:
    async with pasta_and_ten() as home:
        assert await home.say("HassTimerStatus", name="pasta") == "The pasta timer has 5 minutes left."
        assert await home.say("HassTimerStatus", start_minutes=10) == "The 10 minute timer has 10 minutes left."
        assert await home.say("HassTimerStatus", name="pastor") == "The pasta timer has 5 minutes left."
        assert await home.say("HassTimerStatus", name="pasta sauce") == "The pasta timer has 5 minutes left."
        assert await home.ask("HassTimerStatus", name="eggs") == SkillReply("There's no eggs timer.", ok=False)
        assert await home.ask("HassTimerStatus", start_minutes=7) == SkillReply("There's no 7 minute timer.", ok=False)


@pytest.mark.parametrize("intent", ["HassCancelTimer", "HassPauseTimer", "HassIncreaseTimer", "HassDecreaseTimer"])
async def test_with_two_timers_it_asks_which(intent: str) -> None:
    async with pasta_and_ten() as home:
        before = home.timers.active()
        reply = await home.ask(intent, minutes=1)
        assert reply == SkillReply("Which one: the pasta timer or the 10 minute timer?", expects_answer=True)
        assert home.timers.active() == before


async def test_status_of_several() -> None:
    async with pasta_and_ten() as home:
        await home.ask("HassPauseTimer", name="pasta")
        assert await home.say("HassTimerStatus") == (
            "You have 2 timers. The pasta timer is paused with 5 minutes left. The 10 minute timer has 10 minutes left."
        )
        for hours in range(1, 4):
            await home.ask("HassStartTimer", hours=hours)
        assert (await home.say("HassTimerStatus")).startswith("You have 5 timers. The next ones: The pasta timer")
        assert await home.say("HassCancelTimer") == "You have 5 timers. Which one do you mean?"


async def test_pausing_means_what_runs_and_resuming_what_is_paused() -> None:
    async with pasta_and_ten() as home:
        await home.ask("HassPauseTimer", name="pasta")
        assert await home.say("HassPauseTimer") == "Okay, I paused the 10 minute timer with 10 minutes left."
        await home.ask("HassUnpauseTimer", name="pasta")
        assert await home.say("HassUnpauseTimer") == "Okay, the 10 minute timer goes on with 10 minutes left."


async def test_all_timers_are_cancelled() -> None:
    async with pasta_and_ten() as home:
        assert await home.say("HassCancelAllTimers") == "Okay, I cancelled all 2 timers."
        await home.ask("HassStartTimer", minutes=1)
        assert await home.say("HassCancelAllTimers") == "Okay, I cancelled your timer."


async def test_a_ringing_timer_is_silenced_by_cancel_and_by_stop() -> None:
    async with pasta_and_ten() as home:
        await asyncio.sleep(301)
        assert home.states() == [DueState.RINGING, DueState.RUNNING]
        assert await home.say("HassTimerStatus", name="pasta") == "The pasta timer is ringing."
        assert await home.say("HassPauseTimer", name="pasta") == "The pasta timer is already ringing."
        assert await home.say("HassUnpauseTimer", name="pasta") == "The pasta timer is already ringing."
        assert await home.say("HassDecreaseTimer", name="pasta", minutes=1) == "The pasta timer is already ringing."
        assert await home.say("HassCancelTimer") == "Okay."
        assert home.states() == [DueState.RUNNING]
        await asyncio.sleep(300)
        assert home.states() == [DueState.RINGING]
        assert await home.say("Stop") == "Okay."
        assert home.states() == []
        assert home.hushed == 2


async def test_a_ringing_timer_can_have_more_time() -> None:
    async with house() as home:
        await home.ask("HassStartTimer", minutes=1, name="eggs")
        await asyncio.sleep(61)
        assert await home.say("HassIncreaseTimer", minutes=2) == "Okay, the eggs timer now has 2 minutes left."
        assert home.states() == [DueState.RUNNING]


async def test_more_or_less_time_has_limits() -> None:
    async with house() as home:
        await home.ask("HassStartTimer", minutes=5, name="pasta")
        assert not (await home.ask("HassIncreaseTimer", hours=168)).ok
        assert await home.ask("HassIncreaseTimer", minutes=0) == SkillReply("How much longer?", expects_answer=True)
        assert await home.say("HassDecreaseTimer", minutes=9) == "That leaves no time, so the pasta timer is done."
        assert home.states() == [DueState.RINGING]


@pytest.mark.parametrize(
    ("expression", "text", "ok"),
    [
        ("12 * 7", "12 times 7 is 84.", True),
        ("15% of 80", "15 percent of 80 is 12.", True),
        ("sqrt 2", "The square root of 2 is about 1.414.", True),
        ("10 / 3", "10 divided by 3 is about 3.333.", True),
        ("3 - 5", "3 minus 5 is minus 2.", True),
        ("100000 * 3", "100000 times 3 is 300,000.", True),
        ("(2 + 3) * 4", "That's 20.", True),
        ("(1 + 1) / 3", "That's about 0.667.", True),
        ("(3/4) of 12", "3/4 of 12 is 9.", True),
        ("9 ^ 300", "9 to the power of 300 is about 1.873 times 10 to the power of 286.", True),
        ("1 / 10000000", "1 divided by 10000000 is about 1 times 10 to the power of minus 7.", True),
        ("1 / 0", "Nothing can be divided by zero.", False),
        ("sqrt - 4", "A negative number has no real root.", False),
        ("9 ^ 9 ^ 9", "That number is too big for me.", False),
        ("171!", "I can take the factorial of whole numbers up to 170 only.", False),
        ("2 +", "I couldn't work that out.", False),
    ],
)
async def test_sums(expression: str, text: str, ok: bool) -> None:
    async with house() as home:
        assert await home.ask("Calculate", expression=expression) == SkillReply(text, ok=ok)


async def test_the_conversation_itself() -> None:
    async with house() as home:
        assert await home.ask("Calculate") == SkillReply("What should I calculate?", expects_answer=True)
        assert await home.say("Stop") == "Nothing is playing."
        home.playing = True
        assert await home.say("Stop") == "Okay."
        assert await home.say("HassNevermind") == "Okay."
        assert await home.say("RepeatLast") == "I haven't said anything yet."
        home.last_reply = "It's 3 PM."
        assert await home.say("RepeatLast") == "It's 3 PM."
        for intent in ("Greeting", "Farewell", "Thanks", "WhoAreYou", "WhatCanYouDo", "Affirm", "Deny"):
            assert (await home.say(intent)).endswith((".", "?", "!"))


async def test_never_mind_silences_what_rings() -> None:
    async with house() as home:
        await home.ask("HassStartTimer", seconds=1)
        await asyncio.sleep(2)
        await home.ask("HassNevermind")
        assert home.states() == []


async def test_a_full_disk_is_an_apology() -> None:
    async with house() as home:

        async def full(*items: object) -> None:
            raise StoreError("disk-full", "no space")

        home.store.save = full  # type: ignore[method-assign]
        assert await home.ask("HassStartTimer", minutes=1) == SkillReply("Sorry, I couldn't start the timer.", ok=False)


class _Broken(Skill):
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"Stop": (), "Deny": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        if match.intent == "Deny":
            raise asyncio.CancelledError
        raise ZeroDivisionError


async def test_a_broken_skill_apologises_and_cancellation_passes() -> None:
    replies = load_replies("en")
    async with house(book=SkillBook([_Broken(replies)], replies)) as home:
        assert await home.ask("Stop") == SkillReply("Sorry, I couldn't stop that.", ok=False)
        assert await home.ask("Greeting") == SkillReply("I can't do that yet.", ok=False)
        with pytest.raises(asyncio.CancelledError):
            await home.ask("Deny")


def test_asking_back() -> None:
    book = SkillBook.built_in()
    start = IntentMatch("HassStartTimer", {"name": "pasta"}, 0.98, "grammar")
    assert book.missing_slots(start) == ("duration",)
    assert book.ask_back(start, ("duration",)) == SkillReply("For how long?", expects_answer=True)
    assert book.ask_back(start, ()).text == "Should I start a timer?"
    pears = IntentMatch("HassListRemoveItem", {"name": "shopping", "item": "pears"}, 0.7, "grammar")
    assert book.ask_back(pears, ()).text == "Should I take pears off the list?"
    assert book.ask_back(IntentMatch("Unknown", {}, 1.0, "grammar"), ()).text == "Did I get that right?"


def test_every_doubt_says_what_is_meant() -> None:
    book = SkillBook.built_in()
    smalltalk = {"Greeting", "Thanks", "Affirm", "Deny", "Farewell", "DeferQuestion"}
    vague = {
        intent
        for intent in book.intents()
        if "get that right" in book.ask_back(IntentMatch(intent, {}, 0.5, "x"), ()).text
    }
    assert vague <= smalltalk


def test_what_is_missing_is_asked_for_first() -> None:
    book = SkillBook.built_in()
    assert book.missing_slots(IntentMatch("Unknown", {}, 1.0, "grammar")) == ()
