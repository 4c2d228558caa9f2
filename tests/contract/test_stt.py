"""What every Transcriber does, real or fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.dialog.ports import Transcriber
from assistant.errors import BusyError, SpeechError
from assistant.values import Transcription
from tests.fakes import FakeTranscriber
from tests.speech.engines import FAST, at_16k, piper, say, whisper

KINDS = [
    "fake",
    pytest.param("fast", marks=pytest.mark.models),
    pytest.param("full", marks=[pytest.mark.models, pytest.mark.slow]),
]
_spoken: dict[str, Chunk] = {}


@asynccontextmanager
async def transcriber(kind: str, *script: str) -> AsyncIterator[Transcriber]:
    if kind == "fake":
        yield FakeTranscriber(*script)
    else:
        async with whisper(fast=FAST if kind == "fast" else None) as real:
            yield real


async def speech(kind: str, text: str) -> Chunk:
    """The voice says it (for the fake any sound will do); kept, since every test needs the same few."""
    if kind == "fake":
        return Chunk(np.full(RATE_HZ, 5_000, np.int16), RATE_HZ)
    if text not in _spoken:
        async with piper() as voice:
            _spoken[text] = at_16k(await say(voice, text))
    return _spoken[text]


def words(transcription: Transcription) -> str:
    return "".join(char for char in transcription.text.lower() if char.isalnum() or char == " ")


@pytest.mark.parametrize("kind", KINDS)
async def test_answers_come_in_order_and_each_caller_gets_its_own(kind: str) -> None:
    texts = ["Turn on the light.", "What time is it?"]
    async with transcriber(kind, *texts) as engine:
        sounds = [await speech(kind, text) for text in texts]
        answers = await asyncio.gather(*(engine.transcribe(sound) for sound in sounds))
    assert [words(answer) for answer in answers] == ["turn on the light", "what time is it"]
    for answer, sound in zip(answers, sounds, strict=True):
        assert 0 < answer.confidence <= 1
        assert 0 < answer.audio_s <= sound.duration_s
        assert not answer.redone
        assert answer.text == answer.text.strip()


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_heard_where_nothing_is(kind: str) -> None:
    async with transcriber(kind, "never said") as engine:
        for samples in (0, 1, 320, 5 * RATE_HZ):
            answer = await engine.transcribe(Chunk(np.zeros(samples, np.int16), RATE_HZ))
            assert answer == Transcription("", 0.0, 0.0, redone=False)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_caller_that_leaves_disturbs_nobody(kind: str) -> None:
    async with transcriber(kind, "What time is it?") as engine:
        sound = await speech(kind, "What time is it?")
        silence = Chunk(np.zeros(RATE_HZ, np.int16), RATE_HZ)
        leaving = [asyncio.create_task(engine.transcribe(silence)) for _ in range(3)]
        staying = asyncio.create_task(engine.transcribe(sound))
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        assert all(
            isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*leaving, return_exceptions=True)
        )
        assert words(await staying) == "what time is it"


@pytest.mark.parametrize("kind", KINDS)
async def test_too_many_at_once_are_refused_and_the_others_served(kind: str) -> None:
    silence = Chunk(np.zeros(RATE_HZ, np.int16), RATE_HZ)
    async with transcriber(kind) as engine:
        ends = await asyncio.gather(*(engine.transcribe(silence) for _ in range(8)), return_exceptions=True)
        assert [type(end) for end in ends] == [Transcription] * 5 + [BusyError] * 3
        assert await engine.transcribe(silence) == Transcription("", 0.0, 0.0, redone=False)


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
    async with transcriber(kind) as engine:
        with pytest.raises(SpeechError) as caught:
            await engine.transcribe(Chunk(samples, rate_hz))
        assert caught.value.code == "stt-audio"
        with pytest.raises(SpeechError):
            await engine.draft(Chunk(samples, rate_hz))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_draft_says_what_was_said_so_far_and_changes_nothing(kind: str) -> None:
    async with transcriber(kind, "What time is it?") as engine:
        sound = await speech(kind, "What time is it?")
        for _ in range(2):
            draft = await engine.draft(sound)
            assert draft
            assert words(draft) == "what time is it"
            assert not draft.redone
        silent = await engine.draft(Chunk(np.zeros(RATE_HZ, np.int16), RATE_HZ))
        assert silent == Transcription("", 0.0, 0.0, redone=False)
        assert words(await engine.transcribe(sound)) == "what time is it"


@pytest.mark.parametrize("kind", KINDS)
async def test_no_draft_while_an_utterance_is_decoded(kind: str) -> None:
    async with transcriber(kind, "What time is it?") as engine:
        sound = await speech(kind, "What time is it?")
        final = asyncio.create_task(engine.transcribe(sound))
        await asyncio.sleep(0)
        assert await engine.draft(sound) is None
        assert words(await final) == "what time is it"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_draft_makes_room_for_a_newer_one_and_both_for_the_utterance(kind: str) -> None:
    async with transcriber(kind, "What time is it?") as engine:
        sound = await speech(kind, "What time is it?")
        older = asyncio.create_task(engine.draft(sound))
        await asyncio.sleep(0)
        newer = asyncio.create_task(engine.draft(sound))
        draft = await newer
        assert draft
        assert words(draft) == "what time is it"
        last = asyncio.create_task(engine.draft(sound))
        await asyncio.sleep(0)
        assert words(await engine.transcribe(sound)) == "what time is it"
        assert await older is None or kind != "fast", "the others may have been done before the newer one came"
        assert await last is None or kind == "full", "a whole decode can't be left before its end"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_draft_that_nobody_waits_for_any_more_disturbs_nobody(kind: str) -> None:
    async with transcriber(kind, "What time is it?") as engine:
        sound = await speech(kind, "What time is it?")
        leaving = asyncio.create_task(engine.draft(sound))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert words(await engine.transcribe(sound)) == "what time is it"
