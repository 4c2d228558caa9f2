"""An outage as the household lives through it: a whole assistant, its clock virtual, its gateway played."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from assistant.cloud.client import GrpcCloud
from assistant.config import Config, load_config
from assistant.daemon import Assistant, open_assistant
from assistant.dialog import phrases
from assistant.errors import CloudError
from assistant.events import DataLeft, Event, QuestionAnswered, QuestionDeferred
from assistant.models import Models
from assistant.values import CloudQuestion, Outcome
from tests.fakes import FakeEngines
from tests.house import ask
from tests.script import Script
from tests.virtual_time import VirtualClock

SKY = "about your question, why is the sky blue: an answer."


class Far:
    """The gateway, as the real client's calls see it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.here = False
        self.asked: list[str] = []
        self.contexts: list[tuple[str, ...]] = []
        monkeypatch.setattr(GrpcCloud, "check", lambda _: self.check())
        monkeypatch.setattr(GrpcCloud, "converse", lambda _, question: self.converse(question))

    async def check(self) -> None:
        if not self.here:
            raise CloudError("cloud-unreachable", "nobody there", retryable=True)

    async def converse(self, question: CloudQuestion) -> AsyncGenerator[str, None]:
        await self.check()
        self.asked.append(question.text)
        self.contexts.append(tuple(message.text for message in question.context))
        yield "An answer."


class Home:
    """The same home over restarts, all that it said unasked, and every event."""

    def __init__(self, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        self._config = config
        self.clock = VirtualClock()
        self.told: list[tuple[float, str]] = []
        self.events: list[Event] = []

        async def say(_: Assistant, text: str) -> None:
            self.told.append((asyncio.get_running_loop().time() - 1_000.0, text.lower()))

        monkeypatch.setattr(Assistant, "say", say)
        monkeypatch.setattr(Assistant, "_no_speaker", lambda _: "")

    @contextlib.asynccontextmanager
    async def assistant(self) -> AsyncIterator[Assistant]:
        engines = FakeEngines(self._config, Models(self._config.paths.models_dir))
        async with open_assistant(self._config, clock=self.clock, engines=engines) as assistant:
            with assistant.bus.watch(self.events.append):
                await asyncio.sleep(1.0)
                yield assistant

    def of(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self.events)


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Far:
    return Far(monkeypatch)


@pytest.fixture
def linked(config: Config) -> Config:
    return load_config(config.paths, ['cloud.address="gateway.test:50051"', 'locale.time_zone="UTC"'])


async def test_by_voice_the_offer_is_heard_taken_and_kept_without_another_wake_word(linked: Config, far: Far) -> None:
    script = Script()
    script.says(1.0, "why is the sky blue")
    script.says(16.0, "yes", wake=False)

    async def back(_: Assistant) -> None:
        far.here = True

    script.does(25.0, back)
    played = await script.play(linked, until_s=180.0)  # the next probe may be a minute away
    assert played.replies == [f"{phrases.OFFLINE} {phrases.OFFER_LATER}", "I'll tell you when I'm back online."]
    assert played.outcomes == [Outcome.OFFLINE, Outcome.ANSWERED]
    assert [len(played.of(kind)) for kind in (QuestionDeferred, QuestionAnswered)] == [1, 1]
    assert far.asked == ["why is the sky blue"]
    assert [text.lower() for text in played.spoken if "your question" in text] == [SKY]


async def test_no_and_anything_else_keep_nothing(linked: Config, far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(linked, monkeypatch)
    async with home.assistant() as assistant:
        for answer in ("no", "never mind", "what time is it"):
            assert phrases.OFFER_LATER in (await ask(assistant, "why is the sky blue")).reply
            await ask(assistant, answer)
        assert phrases.OFFER_LATER in (await ask(assistant, "why is the sky blue")).reply
        await asyncio.sleep(31.0)
        await ask(assistant, "yes")
        far.here = True
        await asyncio.sleep(600.0)
    assert (far.asked, home.told, home.of(QuestionDeferred)) == ([], [], 0)


async def test_it_is_asked_with_the_conversation_it_belongs_to_and_forgotten_with_its_turn(
    linked: Config, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(linked, monkeypatch)
    async with home.assistant() as assistant:
        first = await ask(assistant, "what is five plus seven")
        for question in ("who discovered that number", "why is the sky blue"):
            asked = await ask(assistant, question)
            assert asked.outcome is Outcome.OFFLINE
            kept = await ask(assistant, "yes")
            assert "sky" not in str(kept.slots), "the words stay with the turn that said them"
        assert [each.text for each in assistant.deferred.all()] == ["who discovered that number", "why is the sky blue"]
        await assistant.forget_turn(asked.id)
    async with home.assistant() as assistant:
        [kept_one] = assistant.deferred.all()
        assert kept_one.text == "who discovered that number"
        far.here = True
        await asyncio.sleep(600.0)
    assert far.asked == ["who discovered that number"]
    assert far.contexts == [(first.text, first.reply)]


async def test_what_was_said_before_it_is_forgotten_with_its_own_turn(
    linked: Config, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(linked, monkeypatch)
    async with home.assistant() as assistant:
        first = await ask(assistant, "what is five plus seven")
        await ask(assistant, "who discovered that number")
        await ask(assistant, "yes")
        await assistant.forget_turn(first.id)
    async with home.assistant():
        far.here = True
        await asyncio.sleep(600.0)
    assert (far.asked, far.contexts) == (["who discovered that number"], [()])


async def test_forgetting_everything_leaves_no_question(
    linked: Config, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(linked, monkeypatch)
    async with home.assistant() as assistant:
        await ask(assistant, "what is five plus seven")
        await ask(assistant, "why is the sky blue")
        await ask(assistant, "yes")
        await assistant.forget_between(None, None)
        assert assistant.deferred.all() == []
    async with home.assistant() as assistant:
        assert assistant.deferred.all() == []
    words = b"".join(path.read_bytes() for path in linked.paths.state_dir.rglob("edgewise.db*"))
    assert b"sky blue" not in words


async def test_a_question_forgotten_before_the_yes_is_not_kept(
    linked: Config, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(linked, monkeypatch)
    async with home.assistant() as assistant:
        asked = await ask(assistant, "why is the sky blue")
        await assistant.forget_turn(asked.id)
        assert (await ask(assistant, "yes")).reply == "Sorry, I don't know that question any more."
        assert assistant.deferred.all() == []


async def test_without_a_gateway_nothing_is_offered(config: Config) -> None:
    engines = FakeEngines(config, Models(config.paths.models_dir))
    async with open_assistant(config, clock=VirtualClock(), engines=engines) as assistant:
        assert (await ask(assistant, "why is the sky blue")).reply == phrases.NOT_CONFIGURED


async def test_two_hours_without_a_network(linked: Config, far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 15:06 on; quiet hours from 17:00 to 19:00. Restarts, private mode, and an edge that works throughout."""
    linked = load_config(
        linked.paths,
        ['cloud.address="gateway.test:50051"', 'locale.time_zone="UTC"', 'skills.quiet_hours=["17:00-19:00"]'],
    )
    home = Home(linked, monkeypatch)
    async with home.assistant() as assistant:
        for question in ("why is the sky blue", "what causes an earthquake", "why do cats purr"):
            reply = await ask(assistant, question)
            assert (reply.outcome, phrases.OFFER_LATER in reply.reply) == (Outcome.OFFLINE, True)
            assert (await ask(assistant, "yes")).reply == "I'll tell you when I'm back online."
            await asyncio.sleep(900.0)
            assert (await ask(assistant, "what is five plus seven")).outcome is Outcome.ANSWERED
    async with home.assistant() as assistant:
        assert "private" in (await ask(assistant, "turn on private mode")).reply.lower()
        await asyncio.sleep(3600.0)
        assert (await ask(assistant, "set a timer for ten minutes")).outcome is Outcome.ANSWERED
        far.here = True
        await asyncio.sleep(900.0)  # the longest pause between probes is 5 minutes
        assert (far.asked, home.of(DataLeft)) == ([], 0)
        await asyncio.sleep(900.0)
        await ask(assistant, "turn off private mode")
        await asyncio.sleep(60.0)
        assert far.asked == ["why is the sky blue", "what causes an earthquake", "why do cats purr"]
        assert home.told == []
    async with home.assistant():
        await asyncio.sleep(3 * 3600.0)
    assert [text for _, text in home.told] == [
        SKY,
        "about your question, what causes an earthquake: an answer.",
        "about your question, why do cats purr: an answer.",
    ]
    nineteen_s = (19 * 60 - 15 * 60 - 6) * 60 - 40
    assert all(nineteen_s <= at_s < nineteen_s + 61 for at_s, _ in home.told)
    assert [home.of(kind) for kind in (QuestionDeferred, QuestionAnswered)] == [3, 3]
    assert len(far.asked) == 3
