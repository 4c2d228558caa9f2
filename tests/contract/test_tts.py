"""What every Synthesizer does, real or fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from assistant.audio.format import Chunk
from assistant.dialog.ports import Synthesizer
from assistant.errors import BusyError
from tests.fakes import FakeSynthesizer
from tests.speech.engines import piper

KINDS = ["fake", pytest.param("real", marks=pytest.mark.models)]
TWO = "Yes. The timer for the eggs in the kitchen has seven minutes left."


@asynccontextmanager
async def synthesizer(kind: str) -> AsyncIterator[Synthesizer]:
    if kind == "fake":
        yield FakeSynthesizer()
    else:
        async with piper() as real:
            yield real


async def sounding(engine: Synthesizer, text: str) -> list[Chunk]:
    """The sentences: what is between chunks of silence."""
    sentences: list[list[Chunk]] = [[]]
    async for chunk in engine.synthesize(text):
        if not chunk.samples.any():
            sentences.append([])
        else:
            sentences[-1].append(chunk)
    return [Chunk(np.concatenate([part.samples for part in parts]), parts[0].rate_hz) for parts in sentences]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_sentence_begins_to_sound_before_it_is_whole(kind: str) -> None:
    async with synthesizer(kind) as engine:
        chunks = [chunk async for chunk in engine.synthesize("This is one sentence of some length.")]
        assert len(chunks) >= 2
        assert chunks[0].duration_s <= sum(chunk.duration_s for chunk in chunks) / 2


@pytest.mark.parametrize("kind", KINDS)
async def test_sentences_come_one_by_one_in_order(kind: str) -> None:
    async with synthesizer(kind) as engine:
        chunks = await sounding(engine, TWO)
        assert len(chunks) == 2
        assert chunks[0].duration_s < chunks[1].duration_s / 2
        for chunk in chunks:
            assert chunk.rate_hz == chunks[0].rate_hz >= 16_000
            assert chunk.samples.dtype == np.int16
            assert chunk.samples.ndim == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", "   \n", "...", "🙂🎉", "—", "***"])
async def test_nothing_to_say_gives_no_sound(kind: str, text: str) -> None:
    async with synthesizer(kind) as engine:
        assert [chunk async for chunk in engine.synthesize(text)] == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_listener_may_leave_after_the_first_sentence(kind: str) -> None:
    async with synthesizer(kind) as engine:
        speaking = engine.synthesize(TWO)
        first = await anext(speaking)
        await speaking.aclose()  # type: ignore[attr-defined] # both are async generators
        assert len(first.samples)
        assert len(await sounding(engine, "Yes.")) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cancelled_listener_leaves_no_task(kind: str) -> None:
    async with synthesizer(kind) as engine:
        listening = asyncio.create_task(sounding(engine, TWO))
        await asyncio.sleep(0)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        assert len(await sounding(engine, "Yes.")) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_too_many_at_once_are_refused_and_the_others_served(kind: str) -> None:
    async with synthesizer(kind) as engine:
        if isinstance(engine, FakeSynthesizer):
            engine.unblocked.clear()
            asyncio.get_running_loop().call_later(1.0, engine.unblocked.set)
        ends = await asyncio.gather(*(sounding(engine, "Yes.") for _ in range(12)), return_exceptions=True)
        refused = [end for end in ends if isinstance(end, BusyError)]
        assert len(refused) == 3
        assert [len(end) for end in ends if isinstance(end, list)] == [1] * 9
        assert len(await sounding(engine, "Yes.")) == 1
