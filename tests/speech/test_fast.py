"""The fast pass and its checks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from assistant.audio.files import read_audio
from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.config import find_paths
from assistant.errors import SpeechError
from assistant.models import Models
from assistant.speech.fast import FastDecoder, Pass, Superseded, doubt, loops
from assistant.speech.presence import BLOCK_SAMPLES, Decoded
from assistant.speech.stt import WhisperTranscriber
from assistant.speech.whisper import Whisper
from assistant.values import FastPass
from tests.speech.engines import FAST, WHISPER, at_16k, piper, say, simple, whisper

LIMITS = FastPass(min_log_probability=-0.5, max_compression=2.0, min_tokens_per_s=1.0, max_tokens_per_s=8.0)
GOOD = Pass(Decoded("Turn on the light.", -0.2, 0.05, 0.7, finished=True), (1, 2, 3, 4, 5))
SOUND = Chunk(np.ones(RATE_HZ, np.int16), RATE_HZ)


@pytest.mark.parametrize(
    ("found", "speech_s", "why"),
    [
        (GOOD, 1.2, ""),
        (replace(GOOD, decoded=replace(GOOD.decoded, finished=False)), 1.2, "truncated"),
        (replace(GOOD, tokens=(1, 2, 3, 1, 2, 3)), 1.2, "loop"),
        (replace(GOOD, decoded=replace(GOOD.decoded, compression_ratio=2.1)), 1.2, "compression"),
        (replace(GOOD, decoded=replace(GOOD.decoded, mean_log_probability=-0.51)), 1.2, "score"),
        (replace(GOOD, decoded=replace(GOOD.decoded, mean_log_probability=-np.inf)), 1.2, "score"),
        (replace(GOOD, tokens=tuple(range(20))), 1.2, "dense"),
        (GOOD, 5.1, "sparse"),
        (replace(GOOD, tokens=()), 1.2, "sparse"),
        (replace(GOOD, tokens=(1,)), 0.0, ""),
    ],
)
def test_what_fails_a_check_is_doubtful(found: Pass, speech_s: float, why: str) -> None:
    assert doubt(found, LIMITS, speech_s) == why


@pytest.mark.parametrize(
    ("tokens", "verdict"),
    [
        ((), False),
        ((1,), False),
        ((1, 1), True),
        ((1, 2, 1), False),
        ((1, 2, 3, 1, 2, 4), False),
        ((9, 1, 2, 3, 1, 2, 3, 8), True),
        ((*range(12), *range(12)), True),
        ((*range(13), *range(13)), False),
    ],
)
def test_a_loop_is_a_phrase_said_again_at_once(tokens: Sequence[int], verdict: bool) -> None:
    assert loops(tokens) is verdict


# The recordings, decoded.


@pytest.mark.models
async def test_a_recording_that_loops_is_redone(data: Path) -> None:
    """Without a window's end behind it, a second of speech makes Whisper say it again and again."""
    sound = read_audio(data / "speech" / "dawn" / "test_015.flac")
    async with whisper(fast=replace(FAST, closing_s=0.0, padding_s=1.0)) as engine:
        assert await engine.draft(sound) is None
        answer = await engine.transcribe(sound)
    async with whisper(fast=None) as engine:
        whole = await engine.transcribe(sound)
    assert answer.redone
    assert simple(answer.text) == simple(whole.text) == "friday set a timer"


@pytest.mark.models
async def test_the_end_of_a_window_behind_it_keeps_it_from_looping(data: Path) -> None:
    sound = read_audio(data / "speech" / "dawn" / "test_015.flac")
    async with whisper() as engine:
        answer = await engine.transcribe(sound)
        draft = await engine.draft(sound)
    assert simple(answer.text) == "friday set a timer"
    assert not answer.redone
    assert draft
    assert (draft.text, draft.audio_s) == (answer.text, answer.audio_s)


@pytest.mark.models
@pytest.mark.slow
async def test_what_no_pass_can_believe_is_decoded_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    async with piper() as voice, whisper(fast=replace(FAST, min_log_probability=0.0)) as engine:
        sound = at_16k(await say(voice, "Turn on the light."))
        answer = await engine.transcribe(sound)
        assert await engine.draft(sound) is None
        decoder = engine._engine[1] if engine._engine else None
        assert decoder
        passes: list[float] = []
        decode = decoder.decode

        def counted(samples: Samples, padding_s: float, going_on: Callable[[], bool], draft: Sequence[int]) -> Pass:
            passes.append(padding_s)
            return decode(samples, padding_s, going_on, draft)

        monkeypatch.setattr(decoder, "decode", counted)
        assert await engine.transcribe(sound) == answer
        assert passes == [FAST.redo_padding_s], "the draft was the first pass already"
        assert await engine.transcribe(replace(sound, samples=sound.samples.copy())) == answer
        assert passes == [FAST.redo_padding_s, FAST.padding_s, FAST.redo_padding_s]
    async with whisper(fast=None) as engine:
        whole = await engine.transcribe(sound)
    assert (answer.text, answer.audio_s) == (whole.text, whole.audio_s)
    assert answer.confidence == pytest.approx(whole.confidence, abs=0.05), "fewer tokens share the probability"
    assert answer.redone


@pytest.mark.models
@pytest.mark.slow
async def test_the_smallest_model_is_fetched_converted_and_hears(data: Path) -> None:
    models = Models(find_paths().models_dir)
    models.fetch("whisper-tiny.en", lambda _: None)
    sound = read_audio(data / "speech" / "dawn" / "test_012.flac")
    async with whisper(models.path("whisper-tiny.en"), fast=models.get("whisper-tiny.en").fast_pass) as engine:
        answer = await engine.transcribe(sound)
    assert simple(answer.text) == "friday turn on the lights"


async def watched(monkeypatch: pytest.MonkeyPatch) -> tuple[FastDecoder, list[int]]:
    """The decoder as shipped, and how many tokens it looks at each time."""
    async with whisper() as engine:
        await engine.start()
        decoder = engine._engine[1] if engine._engine else None
    assert decoder
    looks: list[int] = []
    look = decoder.halves.decoder._look

    def counted(known: Any, places: Sequence[int], at: int) -> Any:
        looks.append(len(places))
        return look(known, places, at)

    monkeypatch.setattr(decoder.halves.decoder, "_look", counted)
    return decoder, looks


@pytest.mark.models
async def test_tokens_known_beforehand_are_looked_at_at_once_and_change_nothing(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = read_audio(data / "speech" / "dawn" / "test_012.flac").samples
    decoder, looks = await watched(monkeypatch)
    tokens = decoder.decode(sound, FAST.padding_s).tokens
    assert len(tokens) == 6
    for draft, many in (
        ((), 7),
        (tokens, 1),
        ((*tokens, tokens[0]), 1),
        (tokens[:4], 3),
        ((*tokens[:4], tokens[0], *tokens[4:]), 3),
        (tokens[::-1], 7),
    ):
        looks.clear()
        assert decoder.decode(sound, FAST.padding_s, draft=draft).tokens == tokens
        assert len(looks) == many, draft


@pytest.mark.models
async def test_a_pass_is_given_up_between_two_tokens(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = read_audio(data / "speech" / "dawn" / "test_012.flac").samples
    decoder, looks = await watched(monkeypatch)
    with pytest.raises(Superseded):
        decoder.decode(sound, FAST.padding_s, lambda: len(looks) < 3)
    assert len(looks) == 3


# Drafts.


class SteppingDecoder:
    """A fast decoder with one costly step, which ends when told to; then it looks whether it should go on."""

    limits = LIMITS

    def __init__(self) -> None:
        self.go = threading.Event()
        self.started = threading.Event()
        self.given_up = 0
        self.drafts: list[Sequence[int]] = []

    def decode(self, samples: Samples, padding_s: float, going_on: Callable[[], bool], draft: Sequence[int]) -> Pass:
        self.drafts.append(draft)
        self.started.set()
        self.go.wait(10)
        if not going_on():
            self.given_up += 1
            raise Superseded
        return GOOD


def always_speech(padded: npt.NDArray[np.float32]) -> list[float]:
    return [0.99] * (len(padded) // BLOCK_SAMPLES)


def stepping() -> tuple[WhisperTranscriber, SteppingDecoder]:
    transcriber, decoder = WhisperTranscriber(WHISPER, fast=LIMITS), SteppingDecoder()
    transcriber._engine = Whisper(None, always_speech, "en"), decoder  # type: ignore[assignment]
    return transcriber, decoder


@pytest.mark.real_time
async def test_a_running_draft_is_given_up_at_its_next_step_when_the_utterance_comes() -> None:
    transcriber, decoder = stepping()
    draft = asyncio.create_task(transcriber.draft(SOUND))
    await asyncio.to_thread(decoder.started.wait, 5)
    final = asyncio.create_task(transcriber.transcribe(SOUND))
    await asyncio.sleep(0)
    decoder.go.set()
    assert (await final).text == GOOD.decoded.text
    assert await draft is None
    assert decoder.given_up == 1
    await transcriber.close()


@pytest.mark.real_time
async def test_a_running_draft_whose_caller_left_is_given_up() -> None:
    transcriber, decoder = stepping()
    draft = asyncio.create_task(transcriber.draft(SOUND))
    await asyncio.to_thread(decoder.started.wait, 5)
    draft.cancel()
    with pytest.raises(asyncio.CancelledError):
        await draft
    decoder.go.set()
    assert (await transcriber.transcribe(SOUND)).text == GOOD.decoded.text
    assert decoder.given_up == 1
    await transcriber.close()


@pytest.mark.real_time
async def test_a_fast_pass_that_breaks_is_our_error() -> None:
    class Broken(SteppingDecoder):
        def decode(self, *_: object, **__: object) -> Pass:
            raise RuntimeError("bad_alloc")

    transcriber, _ = stepping()
    transcriber._engine = Whisper(None, always_speech, "en"), Broken()  # type: ignore[assignment]
    for ask in (transcriber.transcribe, transcriber.draft):
        with pytest.raises(SpeechError) as caught:
            await ask(SOUND)
        assert caught.value.code == "stt-failed"
        assert isinstance(caught.value.__cause__, RuntimeError)
    await transcriber.close()


async def test_the_newest_pass_is_a_draft_for_the_same_sound_and_for_more_of_it() -> None:
    transcriber, decoder = stepping()
    decoder.go.set()
    more = Chunk(np.concatenate((SOUND.samples, SOUND.samples)), RATE_HZ)
    other = Chunk(more.samples + np.int16(1), RATE_HZ)
    for sound in (SOUND, more, more, SOUND, other):
        await transcriber.transcribe(sound)
    assert decoder.drafts == [(), GOOD.tokens, GOOD.tokens, (), ()]
    await transcriber.close()
