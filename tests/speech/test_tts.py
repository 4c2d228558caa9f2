"""Piper as voice; what every synthesizer does is in tests/contract."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.audio.format import Samples, rms_dbfs
from assistant.errors import SpeechError
from assistant.speech.tts import FIRST_PIECE_CHARS, PIECE_CHARS, PiperSynthesizer, speakable_pieces
from tests.speech.engines import VOICE, at_16k, piper, say, whisper

pytestmark = pytest.mark.models


class ScriptedVoice:
    """A voice that waits for permission before each sentence, and remembers them."""

    def __init__(self, *, free: bool = True) -> None:
        self.asked: list[str] = []
        self.begun = threading.Semaphore(0)
        self.done: list[str] = []
        self.go = threading.Semaphore(1_000 if free else 0)
        self.breaks_at = ""

    def parts(self, text: str) -> Iterator[Samples]:
        self.asked.append(text)
        self.begun.release()
        self.go.acquire(timeout=10)
        if text == self.breaks_at:
            raise SpeechError("tts-failed", "as told")
        self.done.append(text)
        yield np.full(1_000, 16_000, np.int16)


def scripted(voice: ScriptedVoice, **options: Any) -> PiperSynthesizer:
    synthesizer = PiperSynthesizer(VOICE, **options)
    synthesizer._voice = voice  # type: ignore[assignment]
    return synthesizer


@pytest.mark.real_time
async def test_first_sound_comes_before_the_last_sentence_is_synthesised_and_one_is_made_ahead() -> None:
    voice = ScriptedVoice(free=False)
    synthesizer = scripted(voice)
    speaking = synthesizer.synthesize("One. Two. Three. Four.")
    voice.go.release()
    await anext(speaking)
    assert voice.done == ["One."]
    voice.go.release(3)
    assert await asyncio.to_thread(voice.begun.acquire, timeout=5)
    assert await asyncio.to_thread(voice.begun.acquire, timeout=5)
    await asyncio.sleep(0.02)
    assert voice.asked == ["One.", "Two."], "no more than one ahead"
    assert len([chunk async for chunk in speaking if rms_dbfs(chunk.samples) > -60]) == 3
    await synthesizer.close()


@pytest.mark.real_time
async def test_what_nobody_waits_for_any_more_is_not_synthesised() -> None:
    voice = ScriptedVoice(free=False)
    synthesizer = scripted(voice)
    first = asyncio.create_task(say(synthesizer, "First reply."))
    second = asyncio.create_task(say(synthesizer, "Second reply."))
    assert await asyncio.to_thread(voice.begun.acquire, timeout=5)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    voice.go.release(9)
    await first
    await say(synthesizer, "Third reply.")
    assert voice.asked == ["First reply.", "Third reply."]
    await synthesizer.close()


@pytest.mark.real_time
async def test_a_voice_that_hangs_is_a_retryable_error() -> None:
    voice = ScriptedVoice(free=False)
    synthesizer = scripted(voice, timeout_s=0.05)
    with pytest.raises(SpeechError) as caught:
        await say(synthesizer, "Hello.")
    assert (caught.value.code, caught.value.retryable) == ("tts-timeout", True)
    voice.go.release(9)
    assert len((await say(synthesizer, "Hello.")).samples)
    await synthesizer.close()


async def test_an_engine_that_breaks_in_mid_reply_is_our_error_after_what_came_before() -> None:
    voice = ScriptedVoice()
    voice.breaks_at = "Two."
    synthesizer = scripted(voice)
    heard = []
    with pytest.raises(SpeechError) as caught:  # noqa: PT012
        async for chunk in synthesizer.synthesize("One. Two. Three."):
            heard.append(chunk)  # noqa: PERF401 - what came before the error counts
    assert caught.value.code == "tts-failed"
    assert voice.done == ["One."]
    assert len(heard) >= 1
    await synthesizer.close()


async def test_a_repeated_reply_comes_from_the_disk(tmp_path: Path) -> None:
    async def spoken_by(voice: ScriptedVoice | None, speed: float = 1.0) -> int:
        async with piper(cache_dir=tmp_path, cache_mb=1, speed=speed) as synthesizer:
            await synthesizer.start()
            if voice:
                synthesizer._voice = voice  # type: ignore[assignment]
            return len((await say(synthesizer, "It's 10:05.")).samples)

    length = await spoken_by(None)
    silent = ScriptedVoice()
    assert await spoken_by(silent) == length
    assert silent.asked == []
    await spoken_by(silent, speed=1.5)
    assert silent.asked == ["It's ten oh five."], "at another speed it is another sound"


@pytest.mark.slow
async def test_speed_changes_the_length() -> None:
    text = "Your timer for ten minutes is set."
    lengths = []
    for speed in (0.5, 1.0, 2.0):
        async with piper(speed=speed) as synthesizer:
            lengths.append((await say(synthesizer, text)).duration_s)
    assert lengths[0] / lengths[1] == pytest.approx(2.0, rel=0.25)
    assert lengths[1] / lengths[2] == pytest.approx(2.0, rel=0.25)


@pytest.mark.parametrize("text", ["Yes.", "5 minutes, starting now."])
async def test_the_first_sound_follows_at_once(text: str) -> None:
    async with piper() as synthesizer:
        samples = (await say(synthesizer, text)).samples
        assert np.abs(samples[: round(0.011 * synthesizer.rate_hz)].astype(np.int32)).max() > 150


async def test_what_is_said_is_what_was_written() -> None:
    async with piper() as voice, whisper() as engine:
        sound = at_16k(await say(voice, "It's **10:05**. The high is 21°C today."))
        heard = (await engine.transcribe(sound)).text.lower()
    assert "1005" in heard.replace(":", "").replace(".", "")
    assert "21 degree" in heard
    assert "star" not in heard


def test_long_sentences_are_cut_the_first_one_sooner() -> None:
    clause = "and this goes on for quite a while, "
    pieces = speakable_pieces(f"Listen {clause * 20}. Then {clause * 20}.")
    assert len(pieces[0]) <= FIRST_PIECE_CHARS
    assert max(map(len, pieces)) <= PIECE_CHARS
    assert sum(piece.count("quite a while") for piece in pieces) == 40


def test_markup_over_several_lines_is_gone_before_sentences_are_cut() -> None:
    assert speakable_pieces("Do this:\n```\na. b. c\n```\n- Dr. Who\n- 7:30 p.m.") == [
        "Do this:",
        "Doctor Who",
        "seven thirty P.M.",
    ]
