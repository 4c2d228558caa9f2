"""Who answers an open question, and who takes over when that fails."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import TypeVar

import pytest

from assistant.dialog import deadline, phrases
from assistant.dialog.paced import paced
from assistant.dialog.reply import Answer, Question
from assistant.dialog.router import Action, Decision, RouterPolicy, route
from assistant.dialog.speak import Speaker, Spoken
from assistant.errors import CloudError, LlmError
from assistant.events import DataLeft, Event
from assistant.sentences import split_sentences
from assistant.streams import closing, in_time, whole_words
from assistant.values import Layer, Outcome
from tests.dialog.test_answer import OPEN, open_questions
from tests.fakes import FakeCloud, FakeLocalModel, FakeSynthesizer

T = TypeVar("T")
POLICY = RouterPolicy(threshold=0.85, reject_threshold=0.3)
_GONE = CloudError("cloud-unreachable", "gone", retryable=True)


@dataclasses.dataclass
class Heard:
    """What became of a question."""

    sentences: list[str]
    text: str
    answer: Answer
    decision: Decision
    events: list[Event]
    first_s: float
    """When the first piece came."""


async def ask(
    cloud: FakeCloud, local: FakeLocalModel | None, question: Question = OPEN, *, private: bool = False
) -> Heard:
    """Settle, answer and speak a question, as a turn does."""
    events: list[Event] = []
    beyond = open_questions(cloud, events, local)
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    def decide(sure: float | None) -> Decision:
        return route(question.understanding, POLICY, link_up=cloud.up, private=private, local=sure)

    question = dataclasses.replace(question, decision=decide(None), aloud=True, may_hedge=cloud.up and not private)
    question = await beyond.settle(question, decide)
    answer, spoken, voice = Answer(), Spoken("turn"), FakeSynthesizer()
    first: list[float] = []

    async def timed() -> AsyncIterator[str]:
        async with closing(beyond.answer(question, answer)) as pieces:
            async for piece in pieces:
                first.append(loop.time() - began_s)
                yield piece

    try:
        speaker = Speaker(voice, None, events.append)
        await speaker.say(timed(), spoken, answer, aloud=False, on_audio=lambda _: None)
    finally:
        if question.call:
            await question.call.close()
    return Heard(voice.spoken, spoken.text, answer, question.decision, events, first[0])


def left(heard: Heard) -> int:
    return sum(isinstance(event, DataLeft) for event in heard.events)


async def test_a_sure_model_answers_and_nothing_leaves() -> None:
    cloud, local = FakeCloud("Scattering."), FakeLocalModel("Light ", "scatters.")
    heard = await ask(cloud, local)
    assert heard.sentences == ["Light scatters."]
    assert (heard.decision.reason, heard.decision.action) == ("edge-confident", Action.LOCAL)
    assert heard.answer.layer is Layer.EDGE
    assert not cloud.questions
    assert not left(heard)


async def test_an_unsure_model_leaves_it_to_the_cloud() -> None:
    cloud, local = FakeCloud("Scattering."), FakeLocalModel("Paint.", confidence=0.6)
    heard = await ask(cloud, local)
    assert heard.sentences == ["Scattering."]
    assert (heard.decision.reason, heard.answer.layer) == ("edge-doubtful", Layer.CLOUD)
    assert heard.decision.confidence == 0.6
    assert left(heard) == 1


@pytest.mark.parametrize(("sure", "said"), [(0.9, "Light scatters."), (0.2, "Scattering.")])
async def test_while_the_model_ponders_the_cloud_is_asked_as_well(sure: float, said: str) -> None:
    cloud, local = FakeCloud("Scattering."), FakeLocalModel("Light scatters.", confidence=sure)
    local.thinks_s = 0.8
    cloud.delay_s = 0.4
    heard = await ask(cloud, local)
    assert heard.sentences == [said]
    assert left(heard) == 1
    assert len(cloud.questions) == 1
    assert cloud.hung_up == 0 or sure > 0.5
    assert heard.first_s == pytest.approx(0.8, abs=0.01), "the cloud's answer was there already"


async def test_a_model_that_ponders_too_long_is_taken_for_unsure() -> None:
    cloud, local = FakeCloud("Scattering."), FakeLocalModel("Light scatters.")
    local.thinks_s = 60
    heard = await ask(cloud, local)
    assert heard.sentences == ["Scattering."]
    assert heard.first_s == pytest.approx(deadline.CONFIDENCE_S, abs=0.01)


async def test_a_model_that_fails_is_taken_for_unsure() -> None:
    cloud, local = FakeCloud("Scattering."), FakeLocalModel("Light scatters.")
    local.error = LlmError("llm-died", "gone", retryable=True)
    assert (await ask(cloud, local)).sentences == ["Scattering."]


async def test_a_model_at_its_limit_says_so() -> None:
    cloud, local = FakeCloud("never"), FakeLocalModel("Light scatters. ", "Short waves ", "most of")
    local.error, local.error_after = LlmError("llm-truncated", "enough"), 2
    heard = await ask(cloud, local)
    assert heard.sentences == ["Light scatters.", phrases.TRUNCATED]
    assert heard.answer.outcome is Outcome.ANSWERED


@pytest.mark.parametrize(
    ("sure", "said"),
    [(0.9, ["Light scatters."]), (0.6, [phrases.NOT_SURE, "Light scatters."]), (0.4, [phrases.OFFLINE])],
)
async def test_offline_it_answers_what_it_can(sure: float, said: list[str]) -> None:
    cloud, local = FakeCloud("never"), FakeLocalModel("Light scatters.", confidence=sure)
    cloud.up = False
    heard = await ask(cloud, local)
    assert " ".join(heard.sentences) == " ".join(said)
    assert heard.decision.reason == "offline"
    assert not cloud.questions


@pytest.mark.parametrize("sure", [0.9, 0.2])
async def test_private_nothing_leaves_whatever_the_model_knows(sure: float) -> None:
    cloud, local = FakeCloud("never"), FakeLocalModel("Light scatters.", confidence=sure)
    heard = await ask(cloud, local, private=True)
    assert (heard.sentences == ["Light scatters."]) is (sure > 0.5)
    assert not cloud.questions
    assert not left(heard)


@pytest.mark.parametrize("delay_s", [0.0, 60.0])
@pytest.mark.parametrize("sure", [0.6, 0.2])
async def test_no_first_word_and_the_edge_takes_over(delay_s: float, sure: float) -> None:
    """At 5 s at the latest; whoever listens was asked to wait."""
    cloud, local = FakeCloud("never"), FakeLocalModel("Light scatters.", confidence=sure)
    cloud.delay_s, cloud.error = delay_s, None if delay_s else _GONE
    heard = await ask(cloud, local)
    waited = [phrases.ONE_MOMENT] if delay_s else []
    says = [phrases.NOT_SURE, "Light scatters."] if sure > 0.5 else split_sentences(phrases.OFFLINE)
    assert heard.sentences == waited + says
    assert heard.first_s <= 1.5
    assert heard.answer.layer is (Layer.EDGE if sure > 0.5 else None)


async def drips(text: str, first_s: float, next_s: float) -> AsyncIterator[str]:
    """A word at a time."""
    for number, word in enumerate(text.split()):
        await asyncio.sleep(next_s if number else first_s)
        yield f"{word} "


async def said_of(text: str, first_s: float, next_s: float) -> tuple[list[tuple[float, str]], bool]:
    """What is passed on of an answer that drips, with when; and whether it was in time."""
    loop = asyncio.get_running_loop()
    began_s, said = loop.time(), []
    try:
        pace = deadline.Pace(began_s + deadline.FIRST_SENTENCE_S)
        async for sentence in paced(drips(text, first_s, next_s), pace):
            said += [(round(loop.time() - began_s, 2), sentence)]
    except TimeoutError:
        return said, False
    return said, True


async def test_an_answer_that_comes_slower_than_it_is_spoken_is_told_in_clauses() -> None:
    text = (
        "It is because short waves scatter more than long ones, "
        "as a man called Rayleigh found when he looked at the sky, where it is seldom blue. So it is."
    )
    said, in_time = await said_of(text, 2.0, 0.3)
    assert said == [
        (4.7, "It is because short waves scatter more than long ones,\n"),
        (8.3, "as a man called Rayleigh found when he looked at the sky,\n"),
        (10.1, "where it is seldom blue.\n"),
        (10.7, "So it is.\n"),
    ]
    assert in_time


async def test_whole_sentences_are_waited_for_as_long_as_there_is_time() -> None:
    said, _ = await said_of("First of all, and above all, the light scatters. Then it is seen.", 0.1, 0.3)
    assert said == [(2.8, "First of all, and above all, the light scatters.\n"), (3.7, "Then it is seen.\n")]


async def test_what_has_no_pause_is_taken_over_in_time() -> None:
    said, in_time = await said_of("The sky is blue because of the way that the light of the sun scatters.", 4.9, 0.9)
    assert (said, in_time) == ([], False)


async def test_of_what_stalls_no_half_sentence_is_told() -> None:
    cloud = FakeCloud("Light scatters. ", "The blue light scatters most, ", "as was shown.")
    cloud.stalls_after, cloud.next_token_timeout_s = 2, 3.0
    heard = await ask(cloud, None)
    assert heard.sentences == ["Light scatters.", phrases.CUT_OFF]


async def test_work_for_a_large_model_is_taken_over_as_well() -> None:
    understanding = dataclasses.replace(OPEN.understanding, task="multi_step_reasoning")
    cloud, local = FakeCloud("never"), FakeLocalModel("Light scatters.", confidence=0.7)
    cloud.delay_s = 60.0
    heard = await ask(cloud, local, dataclasses.replace(OPEN, understanding=understanding))
    assert heard.sentences == [phrases.ONE_MOMENT, phrases.NOT_SURE, "Light scatters."]
    assert heard.decision.reason == "task-type"


@pytest.mark.parametrize("sure", [0.6, 0.2])
async def test_an_answer_that_breaks_off_is_ended_by_the_model_or_by_a_sentence(sure: float) -> None:
    cloud = FakeCloud("The sky is blue. ", "It has 3.", "14 colors and mo", "re")
    cloud.error, cloud.error_after = CloudError("cloud-cut-off", "gone", retryable=True), 3
    local = FakeLocalModel("The sky is blue. ", "Short waves ", "scatter most.", confidence=sure)
    heard = await ask(cloud, local)
    if sure > 0.5:
        assert heard.sentences == ["The sky is blue.", "Short waves scatter most."]
        assert local.questions[-1].begun == "The sky is blue."
        assert heard.answer.outcome is Outcome.ANSWERED
    else:
        assert heard.sentences == ["The sky is blue.", phrases.CUT_OFF]
        assert heard.answer.outcome is Outcome.FAILED
    assert heard.text.split() == " ".join(heard.sentences).split(), "what is kept is what was said"


@pytest.mark.parametrize("fault", ["silent", "dies", "says the same"])
async def test_a_model_that_doesnt_go_on_is_no_worse_than_none(fault: str) -> None:
    cloud = FakeCloud("The sky is blue. ", "It ", "has")
    cloud.error, cloud.error_after = CloudError("cloud-cut-off", "gone", retryable=True), 2
    local = FakeLocalModel("The sky is blue.", confidence=0.6)
    if fault == "silent":
        local.delay_s, local.thinks_s = 60, 0
    if fault == "dies":
        local.pieces = ("It ", "goes on.")
        local.error, local.error_after = LlmError("llm-died", "gone", retryable=True), 1
    heard = await ask(cloud, local)
    assert heard.sentences == ["The sky is blue.", phrases.CUT_OFF]


async def test_what_nobody_understands_the_cloud_may_know() -> None:
    unknown = dataclasses.replace(OPEN.understanding, open_question=False)
    question = dataclasses.replace(OPEN, understanding=unknown)
    cloud = FakeCloud("La la la.")
    heard = await ask(cloud, None, question)
    assert (heard.sentences, heard.decision.reason, heard.answer.layer) == (["La la la."], "default", Layer.CLOUD)
    assert heard.answer.outcome is Outcome.ANSWERED
    cloud.delay_s = 2.0
    heard = await ask(cloud, None, question)
    assert " ".join(heard.sentences) == phrases.CLARIFY
    assert heard.answer.outcome is Outcome.NOT_UNDERSTOOD
    assert cloud.hung_up == 1


@pytest.mark.parametrize("where", ["settling", "answering"])
async def test_whoever_leaves_hangs_up(where: str) -> None:
    cloud, local = FakeCloud("Scattering."), FakeLocalModel("Light.", confidence=0.2)
    cloud.delay_s = 4.0
    local.thinks_s = 0.9
    asking = asyncio.create_task(ask(cloud, local))
    await asyncio.sleep(0.6 if where == "settling" else 2.0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert cloud.hung_up == len(cloud.questions) == 1


async def test_words_come_whole() -> None:
    async def pieces() -> AsyncIterator[str]:
        for piece in ("3", ".1", "4 is p", "i", " and e is 2.7"):
            yield piece
        raise CloudError("cloud-cut-off", "gone")

    assert "".join(await _until(CloudError, whole_words(pieces()))) == "3.14 is pi and e is "


async def test_a_stream_must_keep_coming() -> None:
    async def pieces() -> AsyncIterator[int]:
        for number in (1, 2, 3):
            await asyncio.sleep(number)
            yield number

    assert await _until(TimeoutError, in_time(pieces(), 1.5, 2.5)) == [1, 2]


async def _until(error: type[Exception], stream: AsyncIterator[T]) -> list[T]:
    """What came before the error."""
    found: list[T] = []
    with contextlib.suppress(error):
        while True:
            found.append(await anext(stream))
    return found
