"""What every TurnEnd does, real or fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from assistant.audio.files import read_audio
from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.dialog.ports import TurnEnd
from assistant.errors import BusyError, SpeechError
from assistant.models import Models
from assistant.speech.turn_end import SmartTurn
from tests.conftest import REAL_MODELS_DIR
from tests.fakes import FakeTurnEnd

KINDS = ["fake", pytest.param("real", marks=pytest.mark.models)]


@asynccontextmanager
async def turn_end(kind: str, *script: float) -> AsyncIterator[TurnEnd]:
    if kind == "fake":
        yield FakeTurnEnd(*script)
        return
    model = SmartTurn(Models(REAL_MODELS_DIR).path("smart-turn-v3.2") / "smart-turn-v3.2-cpu.onnx")
    try:
        yield model
    finally:
        await model.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_whole_sentence_is_more_likely_finished_than_its_beginning(kind: str, data: Path) -> None:
    sentence = read_audio(data / "speech" / "ljspeech" / "LJ002-0173.flac")
    beginning = Chunk(sentence.samples[: round(0.4 * len(sentence.samples))], RATE_HZ)
    async with turn_end(kind, 0.95, 0.1) as judge:
        assert await judge.complete_probability(sentence) > 0.5
        assert await judge.complete_probability(beginning) < 0.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [0, 1, RATE_HZ, 9 * RATE_HZ])
async def test_any_length_gives_a_probability(kind: str, length: int) -> None:
    noise = np.random.default_rng(0).integers(-3000, 3000, length).astype(np.int16)
    async with turn_end(kind) as judge:
        assert 0.0 <= await judge.complete_probability(Chunk(noise, RATE_HZ)) <= 1.0


@pytest.mark.parametrize("kind", KINDS)
async def test_only_the_newest_eight_seconds_count(kind: str, data: Path) -> None:
    newest = np.resize(read_audio(data / "speech" / "ljspeech" / "LJ002-0173.flac").samples, 8 * RATE_HZ)
    older = np.random.default_rng(0).integers(-9000, 9000, RATE_HZ).astype(np.int16)
    async with turn_end(kind, 0.5, 0.5) as judge:
        alone = await judge.complete_probability(Chunk(newest, RATE_HZ))
        assert await judge.complete_probability(Chunk(np.concatenate((older, newest)), RATE_HZ)) == alone


@pytest.mark.parametrize("kind", KINDS)
async def test_too_many_at_once_are_refused_and_the_others_answered(kind: str) -> None:
    silence = Chunk(np.zeros(RATE_HZ, np.int16), RATE_HZ)
    async with turn_end(kind) as judge:
        ends = await asyncio.gather(*(judge.complete_probability(silence) for _ in range(5)), return_exceptions=True)
        assert [type(end) for end in ends] == [float] * 3 + [BusyError] * 2
        assert isinstance(await judge.complete_probability(silence), float)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("samples", "rate_hz"),
    [
        pytest.param(np.zeros(100, np.int16), 48_000, id="rate"),
        pytest.param(np.zeros((2, 100), np.int16), RATE_HZ, id="channels"),
        pytest.param(np.zeros(100, np.float32), RATE_HZ, id="float"),
    ],
)
async def test_sound_of_another_kind_is_an_error(kind: str, samples: Samples, rate_hz: int) -> None:
    async with turn_end(kind) as judge:
        with pytest.raises(SpeechError) as caught:
            await judge.complete_probability(Chunk(samples, rate_hz))
        assert caught.value.code == "turn-audio"
