"""A reply in the making: what is said before it, and what becomes of one that breaks off."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import ClassVar, cast
from unittest.mock import Mock

import pytest

from assistant.cloud.health import KEEPS_LINK
from assistant.dialog import phrases
from assistant.dialog.answer import IRREVERSIBLE_S, Answerer
from assistant.dialog.egress import Egress
from assistant.dialog.open_questions import OpenQuestions
from assistant.dialog.ports import CloudAgent, LocalModel
from assistant.dialog.redact import Redactor
from assistant.dialog.reply import Answer, Question
from assistant.dialog.router import Action, Decision
from assistant.dialog.speak import Speaker, Spoken
from assistant.errors import CloudError, StoreError
from assistant.events import Event, Failed
from assistant.nlu.understanding import Understanding
from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.skills.book import SkillBook
from assistant.skills.replies import load_replies
from assistant.streams import closing
from assistant.values import IntentMatch, Layer, Outcome, new_id
from tests.fakes import FakeCloud, FakeEgressLog, FakeSwitch, FakeSynthesizer
from tests.virtual_time import VirtualClock

OPEN = Question(
    turn_id="turn",
    conversation_id=new_id(),
    text="why is the sky blue",
    understanding=Understanding("why is the sky blue", match=None, missing=(), open_question=True, unfinished=False),
    decision=Decision(Layer.CLOUD, "edge-doubtful", "An open question.", Action.CLOUD, 0.0),
    amendable=False,
    context=(),
)


def _no_context() -> SkillContext:
    raise AssertionError("no skill runs here")


def open_questions(
    cloud: CloudAgent,
    published: list[Event],
    local: LocalModel | None = None,
    egress_log: FakeEgressLog | None = None,
) -> OpenQuestions:
    return OpenQuestions(
        cloud=cloud,
        local=local,
        egress=Egress(egress_log or FakeEgressLog(), Redactor((), ()), FakeSwitch, published.append, VirtualClock()),
        publish=published.append,
        locale="en",
        threshold=0.85,
        fallback_threshold=0.5,
        patience_s=1.2,
        answer_timeout_s=60.0,
        hedge=True,
        cloud_configured=True,
    )


def answerer(
    cloud: CloudAgent,
    published: list[Event],
    *,
    news: str = "",
    skills: SkillBook | None = None,
    egress_log: FakeEgressLog | None = None,
) -> Answerer:
    return Answerer(
        skills=skills or SkillBook.built_in(),
        skill_context=_no_context if skills is None else lambda: cast("SkillContext", Mock()),
        rehearsal=_no_context,
        news=lambda: news,
        private=FakeSwitch(),
        open_questions=open_questions(cloud, published, egress_log=egress_log),
        publish=published.append,
        skill_timeout_s=5.0,
    )


async def say(cloud: CloudAgent, question: Question = OPEN) -> tuple[FakeSynthesizer, Answer, list[Event]]:
    """Have the answer spoken."""
    published: list[Event] = []
    voice, spoken, answer = FakeSynthesizer(), Spoken("turn"), Answer()
    speaker = Speaker(voice, None, published.append)
    pieces = answerer(cloud, published).answer(question, answer)
    await speaker.say(pieces, spoken, answer, aloud=False, on_audio=lambda _: None)
    return voice, answer, published


@pytest.mark.parametrize(
    ("delay_s", "aloud", "asked_to_wait"), [(1.0, True, False), (1.5, True, True), (1.5, False, False)]
)
async def test_whoever_listens_is_asked_to_wait(delay_s: float, aloud: bool, asked_to_wait: bool) -> None:
    """Once, where the first words take longer than silence is good for."""
    cloud = FakeCloud("Light ", "scatters.")
    cloud.delay_s = delay_s
    published: list[Event] = []
    question, answer = dataclasses.replace(OPEN, aloud=aloud), Answer()
    began_s = asyncio.get_running_loop().time()
    said = [
        (asyncio.get_running_loop().time() - began_s, piece)
        async for piece in answerer(cloud, published).answer(question, answer)
    ]
    texts = [piece for _, piece in said]
    assert texts == (["One moment.\n"] if asked_to_wait else []) + ["Light ", "scatters."]
    if asked_to_wait:
        assert said[0][0] == pytest.approx(1.2, abs=0.01)
    assert answer.outcome is Outcome.ANSWERED


@pytest.mark.parametrize("pieces", [(), ("x ",)])
async def test_an_apology_may_follow_the_request_to_wait(pieces: tuple[str, ...]) -> None:
    """It isn't taken for an answer that broke off."""
    cloud = FakeCloud(*(pieces or ("never",)))
    cloud.delay_s = 4.9
    cloud.error = CloudError("cloud-unreachable", "gone", retryable=True)
    cloud.error_after = len(pieces)
    question, answer = dataclasses.replace(OPEN, aloud=True), Answer()
    said = "".join([piece async for piece in answerer(cloud, []).answer(question, answer)])
    assert said.startswith("One moment.\n") is bool(pieces)
    assert (phrases.CUT_OFF in said) is bool(pieces)
    assert answer.outcome is not Outcome.ANSWERED


async def test_whoever_hangs_up_while_waiting_hangs_up_on_the_cloud() -> None:
    cloud = FakeCloud("Light.")
    cloud.delay_s = 4.0
    async with closing(answerer(cloud, []).answer(dataclasses.replace(OPEN, aloud=True), Answer())) as stream:
        assert await anext(stream) == "One moment.\n"
    assert cloud.hung_up == 1


async def test_what_can_not_be_written_down_is_not_asked_and_that_is_said() -> None:
    cloud, egress_log, answer = FakeCloud("never"), FakeEgressLog(), Answer()
    egress_log.error = StoreError("disk-full", "full", retryable=True)
    said = [piece async for piece in answerer(cloud, [], egress_log=egress_log).answer(OPEN, answer)]
    assert said == [phrases.UNLOGGED]
    assert answer.outcome is Outcome.FAILED
    assert not cloud.questions


async def test_news_is_spoken_while_the_cloud_still_thinks() -> None:
    cloud = FakeCloud("Light ", "scatters.")
    cloud.delay_s = 4.0
    began_s = asyncio.get_running_loop().time()
    published: list[Event] = []
    spoken, answer = Spoken("turn"), Answer()
    pieces = answerer(cloud, published, news="You missed your tea timer.").answer(OPEN, answer)
    speaker = Speaker(FakeSynthesizer(), None, published.append)
    saying = asyncio.create_task(speaker.say(pieces, spoken, answer, aloud=False, on_audio=lambda _: None))
    await spoken.first_audio.wait()
    assert asyncio.get_running_loop().time() - began_s < 0.1
    await saying
    assert spoken.text == "You missed your tea timer.\nLight scatters."


async def test_an_answer_that_reached_its_limit_ends_with_a_whole_sentence_and_says_so() -> None:
    cloud = FakeCloud("Whales are mammals. ", "They are also ", "incredibly ")
    cloud.error, cloud.error_after = CloudError("cloud-truncated", "too long"), 3
    voice, answer, published = await say(cloud)
    assert voice.spoken == ["Whales are mammals.", phrases.TRUNCATED]
    assert answer.outcome is Outcome.ANSWERED
    assert cloud.up
    assert not [event for event in published if isinstance(event, Failed)]


@pytest.mark.parametrize("code", sorted(KEEPS_LINK - {"cloud-truncated"}))
async def test_a_gateway_that_is_there_but_gives_no_answer_is_not_called_unreachable(code: str) -> None:
    cloud = FakeCloud()
    cloud.error = CloudError(code, "no")
    voice, answer, _ = await say(cloud)
    assert voice.spoken
    assert phrases.OFFLINE not in " ".join(voice.spoken)
    assert answer.outcome is Outcome.FAILED


@pytest.mark.parametrize("code", ["cloud-cut-off", "cloud-timeout"])
async def test_an_answer_that_breaks_off_ends_with_a_whole_sentence_and_says_so(code: str) -> None:
    cloud = FakeCloud("Whales are mammals. ", "They are ", "also ")
    cloud.error, cloud.error_after = CloudError(code, "broke"), 2
    voice, answer, published = await say(cloud)
    assert voice.spoken == ["Whales are mammals.", phrases.CUT_OFF]
    assert answer.outcome is Outcome.FAILED
    assert [event.code for event in published if isinstance(event, Failed)] == [code]


class Door(Skill):
    """Opens the door for good."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"OpenDoor": (), "KnockOnDoor": ()}
    irreversible: ClassVar[frozenset[str]] = frozenset({"OpenDoor"})

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        return SkillReply(f"{asyncio.get_running_loop().time():.3f}")


@pytest.mark.parametrize(
    ("intent", "amendable", "waits_s"),
    [("OpenDoor", True, IRREVERSIBLE_S), ("OpenDoor", False, 0.0), ("KnockOnDoor", True, 0.0)],
)
async def test_what_can_not_be_taken_back_waits_until_the_user_has_surely_finished(
    intent: str, amendable: bool, waits_s: float
) -> None:
    match = IntentMatch(intent, {}, 1.0, "grammar")
    skills = SkillBook([Door(load_replies("en"))], load_replies("en"))
    question = dataclasses.replace(
        OPEN,
        understanding=dataclasses.replace(OPEN.understanding, match=match, open_question=False),
        decision=Decision(Layer.EDGE, "skill", "A skill's request.", Action.SKILL, 1.0),
        amendable=amendable,
    )
    began_s = asyncio.get_running_loop().time()
    pieces = answerer(FakeCloud(), [], skills=skills).answer(question, Answer())
    [acted_at] = [piece async for piece in pieces]
    assert float(acted_at) - began_s == pytest.approx(waits_s, abs=0.01)
