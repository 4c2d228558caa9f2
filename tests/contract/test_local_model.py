"""What every LocalModel does, real or fake."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from assistant.dialog.ports import LocalModel
from assistant.errors import BusyError, LlmError
from assistant.streams import closing
from assistant.values import LocalQuestion, Message
from tests.fakes import FakeLocalModel
from tests.local_models import loaded_model

KINDS = ["fake", pytest.param("real", marks=[pytest.mark.models, pytest.mark.real_time])]
SLOWLY = ["fake", pytest.param("real", marks=[pytest.mark.models, pytest.mark.real_time, pytest.mark.slow])]
CAPITAL = LocalQuestion("What is the capital of France?", (), "en")


@dataclass
class Case:
    model: LocalModel
    fake: FakeLocalModel | None
    worker: int

    def die(self) -> None:
        """Take its worker away."""
        if self.fake:
            self.fake.error = LlmError("llm-died", "gone", retryable=True)
            self.fake.error_after = 1
        else:
            os.kill(self.worker, signal.SIGKILL)


@asynccontextmanager
async def case(kind: str, *pieces: str) -> AsyncIterator[Case]:
    if kind == "fake":
        fake = FakeLocalModel(*(pieces or ("The capital of France", " is Paris.")))
        yield Case(fake, fake, 0)
        return
    async with loaded_model() as model:
        assert model.exchange is not None
        yield Case(model, None, model.exchange.child.pid)


async def said(model: LocalModel, question: LocalQuestion) -> str:
    async with closing(model.converse(question)) as pieces:
        return "".join([piece async for piece in pieces])


@pytest.mark.parametrize("kind", KINDS)
async def test_it_answers_in_pieces_with_a_confidence_before_or_without(kind: str) -> None:
    async with case(kind) as each:
        assert each.model.ready
        alone = await said(each.model, CAPITAL)
        assert "Paris" in alone
        confidence = await each.model.confidence(CAPITAL)
        assert 0.0 <= confidence <= 1.0
        assert await each.model.confidence(CAPITAL) == pytest.approx(confidence, abs=0.05)
        assert await said(each.model, CAPITAL) == alone, "the beginning that the confidence is of is said once"


@pytest.mark.parametrize("kind", SLOWLY)
async def test_it_goes_on_from_what_was_said_with_what_came_before(kind: str) -> None:
    context = (Message("user", "Let's talk about France."), Message("assistant", "With pleasure."))
    question = LocalQuestion("What is its capital?", context, "en", begun="The capital of France is")
    async with case(kind, " Paris", ".") as each:
        rest = await said(each.model, question)
        assert rest.strip().startswith("Paris")
        await each.model.confidence(question)
        assert await said(each.model, question) == rest


@pytest.mark.parametrize("kind", SLOWLY)
async def test_an_answer_may_be_left_at_any_piece_and_the_next_one_is_whole(kind: str) -> None:
    async with case(kind) as each:
        for pieces in (1, 2):
            async with closing(each.model.converse(CAPITAL)) as stream:
                for _ in range(pieces):
                    assert await anext(stream)
        asking = asyncio.ensure_future(each.model.confidence(CAPITAL))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert "Paris" in await said(each.model, CAPITAL)


@pytest.mark.parametrize("kind", SLOWLY)
async def test_too_many_at_once_are_refused_and_the_others_answered(kind: str) -> None:
    async with case(kind) as each:
        ends = await asyncio.gather(*(said(each.model, CAPITAL) for _ in range(5)), return_exceptions=True)
        assert [type(end) for end in ends] == [str] * 3 + [BusyError] * 2
        assert await said(each.model, CAPITAL)


@pytest.mark.parametrize("kind", SLOWLY)
async def test_a_question_that_fits_nowhere_is_an_error_of_its_own(kind: str) -> None:
    async with case(kind) as each:
        for ask in (each.model.confidence, lambda question: said(each.model, question)):
            with pytest.raises(LlmError) as caught:
                await ask(LocalQuestion("why " * 5000, (), "en"))
            assert caught.value.code == "llm-question"
            assert caught.value.hint
        assert await said(each.model, CAPITAL)


@pytest.mark.parametrize("kind", SLOWLY)
async def test_a_worker_that_dies_ends_the_answer_in_an_error(kind: str) -> None:
    async with case(kind) as each:
        stream = each.model.converse(LocalQuestion("Tell me a long story about a dragon.", (), "en"))
        async with closing(stream):
            assert await anext(stream)
            each.die()
            with pytest.raises(LlmError) as caught:
                async for _ in stream:
                    pass
            assert caught.value.code == "llm-died"


@pytest.mark.parametrize("kind", SLOWLY)
async def test_one_that_is_not_ready_says_so(kind: str) -> None:
    async with case(kind) as each:
        model = each.model
        if each.fake:
            each.fake.ready = False
    assert not model.ready
    for ask in (model.confidence, lambda question: said(model, question)):
        with pytest.raises(LlmError) as caught:
            await ask(CAPITAL)
        assert caught.value.code == "llm-not-ready"
