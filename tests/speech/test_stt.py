"""Whisper as recogniser; what every transcriber does is in tests/contract."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from assistant.audio.files import read_audio
from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.errors import SpeechError
from assistant.speech.presence import (
    BLOCK_SAMPLES,
    PADDING_S,
    WINDOW_S,
    Decoded,
    believable,
    speech_certainty,
    speech_s,
    speech_windows,
)
from assistant.speech.stt import WhisperTranscriber
from assistant.speech.whisper import Whisper
from assistant.values import FastPass, Transcription
from tests.speech.engines import FAST, WHISPER, at_16k, piper, say, whisper

BLOCK_S = BLOCK_SAMPLES / RATE_HZ


def probabilities(*runs: tuple[float, float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Runs of (seconds, probability)."""
    return np.concatenate([np.full(round(seconds / BLOCK_S), level) for seconds, level in runs])


def samples_of(track: np.ndarray[tuple[int], np.dtype[np.float64]]) -> int:
    return len(track) * BLOCK_SAMPLES


def test_silence_around_speech_is_trimmed_with_some_left() -> None:
    track = probabilities((2.0, 0.01), (1.0, 0.95), (3.0, 0.05))
    [window] = speech_windows(track, samples_of(track))
    assert window.start / RATE_HZ == pytest.approx(2.0 - PADDING_S, abs=BLOCK_S)
    assert window.end / RATE_HZ == pytest.approx(3.0 + PADDING_S, abs=BLOCK_S)


def test_soft_edges_and_pauses_belong_to_the_speech() -> None:
    track = probabilities((1.0, 0.0), (0.3, 0.3), (0.5, 0.9), (2.0, 0.0), (0.5, 0.9), (0.3, 0.3), (1.0, 0.0))
    [window] = speech_windows(track, samples_of(track))
    assert window.start / RATE_HZ == pytest.approx(1.0 - PADDING_S, abs=2 * BLOCK_S)
    assert window.end / RATE_HZ == pytest.approx(4.6 + PADDING_S, abs=2 * BLOCK_S)


@pytest.mark.parametrize(
    "track",
    [probabilities((5.0, 0.4)), probabilities((5.0, 0.0), (0.064, 0.99), (5.0, 0.0)), np.zeros(0)],
    ids=["never sure", "two clicks", "nothing"],
)
def test_no_window_where_nobody_speaks(track: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    assert speech_windows(track, samples_of(track)) == []


def test_a_long_speech_is_cut_in_its_pauses_and_silent_windows_are_left_out() -> None:
    track = probabilities((25.0, 0.9), (0.5, 0.05), (25.0, 0.9), (60.0, 0.01), (5.0, 0.9))
    windows = speech_windows(track, samples_of(track))
    assert windows[0].end / RATE_HZ == pytest.approx(25.25, abs=0.25)
    assert all(window.duration_s <= WINDOW_S for window in windows)
    assert sum(window.duration_s for window in windows) < 85
    assert windows[-1].end / RATE_HZ == pytest.approx(115.5, abs=0.1)


@pytest.mark.parametrize(
    ("decoded", "certainty", "seconds", "verdict"),
    [
        (Decoded("What time is it?", -0.2, 0.05, 0.8, finished=True), 0.98, 1.0, True),
        (Decoded("Two.", -0.9, 0.34, 0.3, finished=True), 0.83, 0.3, True),
        (Decoded("No.", -0.5, 0.12, 0.3, finished=True), 0.72, 0.2, True),
        (Decoded("No.", -0.5, 0.12, 0.3, finished=True), 0.62, 0.2, False),
        (Decoded("Oh", -2.1, 0.53, 0.2, finished=True), 0.95, 1.3, False),
        (Decoded("you", -1.6, 0.75, 0.3, finished=True), 0.6, 0.2, False),
        (Decoded("And this here! And this here!", -0.6, 0.2, 1.1, finished=True), 0.81, 0.5, False),
        (Decoded("Ha, ha, ha, ha, ha", -0.1, 0.4, 17.0, finished=True), 0.9, 3.0, False),
        (Decoded("H-h-h-h-h-h-h", -0.1, 0.4, 1.7, finished=False), 0.9, 3.0, False),
        (Decoded("...", -0.1, 0.1, 0.3, finished=True), 0.98, 1.0, False),
        (Decoded("", -0.1, 0.1, 0.0, finished=True), 0.98, 1.0, False),
    ],
)
def test_the_surer_the_voice_the_less_sure_the_decoder_must_be(
    decoded: Decoded, certainty: float, seconds: float, verdict: bool
) -> None:
    assert believable(decoded, certainty, seconds) is verdict


def test_certainty_is_that_of_the_surest_fifth_of_a_second() -> None:
    track = probabilities((3.0, 0.1), (0.192, 0.9), (3.0, 0.1))
    assert speech_certainty(track) == pytest.approx(0.9)
    assert speech_s(track) == pytest.approx(0.192)


def unheard() -> dict[str, Samples]:
    random = np.random.default_rng(5)
    samples = 4 * RATE_HZ
    times_s = np.arange(samples) / RATE_HZ
    sounds = {
        "white": random.normal(0, 2_000, samples),
        "loud white": random.normal(0, 12_000, samples),
        "faint white": random.normal(0, 40, samples),
        "brown": np.cumsum(random.normal(0, 80, samples)),
        "hum": 6_000 * np.sin(2 * np.pi * 50 * times_s) + 2_000 * np.sin(2 * np.pi * 150 * times_s),
        "clicks": np.where(random.random(samples) < 0.0005, 28_000, 0),
        "square": 20_000 * np.sign(np.sin(2 * np.pi * 440 * times_s)),
        "offset": np.full(samples, 16_000),
        "full scale": np.full(samples, -32_768),
        "sweep": 9_000 * np.sin(2 * np.pi * (100 + 300 * times_s) * times_s),
    }
    return {name: np.clip(sound, -32_768, 32_767).astype(np.int16) for name, sound in sounds.items()}


ENGINES = pytest.mark.parametrize("fast", [FAST, pytest.param(None, marks=pytest.mark.slow)], ids=["fast", "full"])


@pytest.mark.models
@ENGINES
async def test_noise_gives_no_text(fast: FastPass | None) -> None:
    async with whisper(fast=fast) as engine:
        for name, samples in unheard().items():
            assert (await engine.transcribe(Chunk(samples, RATE_HZ))).text == "", name


@pytest.mark.models
@pytest.mark.parametrize("fast", [FAST, pytest.param(None, marks=pytest.mark.slow)], ids=["fast", "full"])
async def test_recorded_noise_gives_no_text(data: Path, fast: FastPass | None) -> None:
    files = sorted((data / "noise").glob("*/*.flac"))[::20]
    assert len(files) > 5
    files += (data / "noise").glob("*/person_sneeze_5-18*.flac")  # Whisper loops on it
    async with whisper(fast=fast) as engine:
        for file in files:
            sound = read_audio(file)
            assert (await engine.transcribe(sound)).text == "", file.name
            draft = await engine.draft(sound)
            assert draft is None or draft.text == "", file.name


@pytest.mark.models
@pytest.mark.slow
@ENGINES
async def test_no_recorded_noise_at_all_gives_text(data: Path, fast: FastPass | None) -> None:
    async with whisper(fast=fast) as engine:
        for file in sorted((data / "noise").glob("*/*.flac")):
            sound = read_audio(file)
            assert (await engine.transcribe(sound)).text == "", file.name
            draft = await engine.draft(sound)
            assert draft is None or draft.text == "", file.name


@pytest.mark.models
@pytest.mark.parametrize("gain", [0.03, 1.0], ids=["whispered", "normal"])
async def test_what_the_voice_says_is_understood(gain: float) -> None:
    async with piper() as voice, whisper() as engine:
        sound = at_16k(await say(voice, "Set a timer for ten minutes."))
        answer = await engine.transcribe(Chunk((sound.samples * gain).astype(np.int16), RATE_HZ))
    assert answer.text.lower().rstrip(".") in {"set a timer for ten minutes", "set a timer for 10 minutes"}
    assert answer.confidence > 0.5


@pytest.mark.models
@pytest.mark.slow
async def test_more_than_thirty_seconds_lose_no_words() -> None:
    words = ["apples", "bananas", "cherries", "lemons", "oranges", "peaches"]
    async with piper() as voice, whisper() as engine:
        parts = [at_16k(await say(voice, f"I would like to buy some {word}."), trail_s=4.0).samples for word in words]
        answer = await engine.transcribe(Chunk(np.concatenate(parts), RATE_HZ))
    text = answer.text.lower()
    assert answer.audio_s > WINDOW_S
    assert [word for word in words if word not in text] == []
    assert "  " not in text


class SlowEngine:
    """Decodes when told to."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.started = threading.Event()

    def transcribe(self, *_: object, **__: object) -> tuple[list[object], None]:
        self.started.set()
        self.go.wait(10)
        return [], None


def always_speech(padded: npt.NDArray[np.float32]) -> list[float]:
    return [0.99] * (len(padded) // BLOCK_SAMPLES)


@pytest.mark.real_time
async def test_a_decoder_that_hangs_is_a_retryable_error_and_the_loop_goes_on() -> None:
    transcriber = WhisperTranscriber(WHISPER, timeout_s=0.1)
    engine = SlowEngine()
    transcriber._engine = Whisper(engine, always_speech, "en"), None
    started_s = time.monotonic()
    with pytest.raises(SpeechError) as caught:
        await transcriber.transcribe(Chunk(np.ones(RATE_HZ, np.int16), RATE_HZ))
    assert time.monotonic() - started_s < 2
    assert (caught.value.code, caught.value.retryable) == ("stt-timeout", True)
    engine.go.set()
    assert await transcriber.transcribe(Chunk(np.ones(RATE_HZ, np.int16), RATE_HZ)) == Transcription(
        "", 1.0, 0.0, redone=False
    )
    await transcriber.close()


@pytest.mark.real_time
async def test_after_a_caller_left_in_mid_decoding_the_next_is_served() -> None:
    transcriber = WhisperTranscriber(WHISPER, timeout_s=5)
    engine = SlowEngine()
    transcriber._engine = Whisper(engine, always_speech, "en"), None
    sound = Chunk(np.ones(RATE_HZ, np.int16), RATE_HZ)
    leaving = asyncio.create_task(transcriber.transcribe(sound))
    await asyncio.to_thread(engine.started.wait, 5)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    engine.go.set()
    assert (await transcriber.transcribe(sound)).text == ""
    await transcriber.close()


async def test_an_engine_that_breaks_is_our_error() -> None:
    class Broken(SlowEngine):
        def transcribe(self, *_: object, **__: object) -> tuple[list[object], None]:
            raise RuntimeError("cublas")

    async with whisper(threads=1) as transcriber:
        transcriber._engine = Whisper(Broken(), always_speech, "en"), None
        with pytest.raises(SpeechError) as caught:
            await transcriber.transcribe(Chunk(np.ones(RATE_HZ, np.int16), RATE_HZ))
    assert caught.value.code == "stt-failed"
    assert isinstance(caught.value.__cause__, RuntimeError)
