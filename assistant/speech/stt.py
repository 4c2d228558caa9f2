"""Speech to text with Whisper models in CTranslate2's format (faster-whisper). Greedy, on the CPU.

Two engines: `fast` decodes on a context as long as the speech and checks what comes out; what is doubtful is decoded
again with more padding, and if need be on Whisper's whole 30 s window. `full` always takes the whole window.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.errors import BusyError, SpeechError
from assistant.executor import BoundedExecutor
from assistant.speech.fast import FastDecoder, Superseded, doubt, paddings_s
from assistant.speech.halves import load_halves
from assistant.speech.presence import Decoded, Span, believable, blocks_of, speech_certainty, speech_s
from assistant.speech.whisper import Whisper, bad_model, failed, load_whisper
from assistant.values import FastPass, Transcription

_Engine = tuple[Whisper, FastDecoder | None]

T = TypeVar("T")

MAX_WAITING = 4
"""Utterances that may wait for the one being decoded; more are refused with BusyError."""
_HALVES = 6
"""Goes up when the halves are made in another way."""
_TRIAL = np.zeros(RATE_HZ, np.int16)


def usual_threads(*, whole: bool) -> int:
    """As many as help on this board: all cores, 4 at most, where whole windows are decoded.

    The fast pass leaves one core to what runs beside it (is the user finished? the voice). On two shared x86 cores it
    is even faster on one: a command takes 115 instead of 128 ms, and 175 instead of 230 ms of CPU.
    """
    cores = os.cpu_count() or 1
    return min(cores, 4) if whole else max(1, min(cores - 1, 3))


@dataclass(slots=True, eq=False)
class _Draft:
    """A draft being made. The decoder looks at `wanted` between its steps."""

    wanted: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class _Passed:
    """The newest pass over an utterance, whose tokens are probably those of the next one as well."""

    samples: Samples
    tokens: tuple[int, ...]
    doubtful: bool = False
    """Whether it failed the checks: over the same sound it need not be made again."""

    def for_sound(self, samples: Samples) -> _Passed:
        """What of it is of use for this sound: its tokens if the sound is its own, or goes on from there."""
        if samples is self.samples:
            return self
        goes_on = np.array_equal(self.samples, samples[: len(self.samples)])
        return _Passed(samples, self.tokens if goes_on else ())


@dataclass(frozen=True, slots=True)
class _Decoding:
    """What was said in a window."""

    decoded: Decoded
    tokens: tuple[int, ...]
    """None from the engine `full`."""
    redone: bool
    """Whether a first pass was rejected."""


class WhisperTranscriber:
    """A Whisper model behind `dialog.ports.Transcriber`. Utterances are decoded one after the other, in order.

    Drafts make room: for an utterance always, and for a newer draft. What is running then is given up at its next step.
    """

    def __init__(  # noqa: PLR0913 - settings, all by name
        self,
        model_dir: Path,
        *,
        fast: FastPass | None = None,
        language: str = "en",
        compute_type: str = "int8",
        threads: int = 0,
        timeout_s: float = 20.0,
        derived_dir: Path | None = None,
    ) -> None:
        """`fast` are the model's figures for the engine `fast`; None for `full`. Files are read by `start`.

        `threads` 0: as `usual_threads` says. `timeout_s` is for each 30 s of speech.
        `derived_dir` keeps what is made of the model for the engine `fast`: 145 MB that are made in seconds.
        """
        self._model_dir = model_dir
        self._limits = fast
        self._language = language
        self._compute_type = compute_type
        self._threads = threads or usual_threads(whole=fast is None)
        self._timeout_s = timeout_s
        self._derived_dir = derived_dir
        self._executor = BoundedExecutor("speech recognition")
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._engine: _Engine | None = None
        self._draft: _Draft | None = None
        self._passed = _Passed(_TRIAL, ())

    async def start(self) -> None:
        """Load the model and try it, so that the first utterance is as fast as the next. Idempotent.

        Raises:
            SpeechError: `stt-model-bad`, `stt-compute-type`, `stt-language-unknown`, `stt-timeout`.
        """
        if self._engine is None:
            await self._run(self._load)

    async def close(self) -> None:
        """Drop what waits. What is being decoded ends by itself."""
        self._executor.close()

    async def transcribe(self, audio: Chunk) -> Transcription:
        """Decode one utterance. Silence and noise give empty text; beyond 30 s of speech it is cut in pauses.

        Raises:
            SpeechError: `stt-audio`, `stt-model-bad`, `stt-compute-type`, `stt-language-unknown`, `stt-timeout`,
                `stt-failed`.
            BusyError: MAX_WAITING utterances wait already.
        """
        _check(audio)
        if self._waiting > MAX_WAITING:
            raise BusyError("speech recognition")
        self._waiting += 1
        self._give_up_draft()
        try:
            async with self._turn:
                return await self._transcribe(audio.samples)
        finally:
            self._waiting -= 1

    async def draft(self, audio: Chunk) -> Transcription | None:
        """One pass over sound that may not be whole yet; nothing is redone. Silence and noise give empty text.

        None when it is doubtful, while utterances are decoded, and when one, or a newer draft, comes before it is done.

        Raises:
            SpeechError: as `transcribe`.
        """
        _check(audio)
        self._give_up_draft()
        mine = self._draft = _Draft()
        try:
            if self._waiting:
                return None
            async with self._turn:
                return await self._transcribe(audio.samples, mine)
        except _DoubtfulError as exc:
            self._passed = _Passed(audio.samples, exc.tokens, doubtful=True)
            return None
        except Superseded:
            return None
        finally:
            mine.wanted = False  # a caller that left leaves nothing running

    def _give_up_draft(self) -> None:
        if self._draft:
            self._draft.wanted = False

    async def _transcribe(self, samples: Samples, draft: _Draft | None = None) -> Transcription:
        windows, probabilities = await self._run(self._listen, samples, draft)
        kept: list[Decoded] = []
        audio_s = 0.0
        redone = False
        single = len(windows) == 1
        passed = self._passed.for_sound(samples) if single else _Passed(samples, ())
        for window in windows:
            heard = blocks_of(probabilities, window)
            sound = samples[window.start : window.end]
            certainty, voice_s = speech_certainty(heard), speech_s(heard)
            made = await self._run(self._decode, sound, certainty, voice_s, draft, passed)
            audio_s += window.duration_s
            redone = redone or made.redone
            if believable(made.decoded, certainty, voice_s):
                kept.append(made.decoded)
            self._passed = _Passed(samples, made.tokens if single else ())
        if not kept:
            return Transcription("", audio_s, 0.0, redone=redone)
        confidence = min(1.0, math.exp(float(np.mean([decoded.mean_log_probability for decoded in kept]))))
        return Transcription(" ".join(decoded.text for decoded in kept), audio_s, confidence, redone=redone)

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        try:
            return await asyncio.wait_for(self._executor.run(work, *args), self._timeout_s)
        except TimeoutError as exc:
            raise SpeechError(
                "stt-timeout",
                f"speech recognition took longer than {self._timeout_s:g} s",
                hint="Raise stt.timeout_s or choose a smaller stt.model.",
                retryable=True,
            ) from exc

    def _listen(self, samples: Samples, draft: _Draft | None) -> tuple[list[Span], npt.NDArray[np.floating]]:
        whisper, _ = self._load()
        if draft and not draft.wanted:
            raise Superseded
        return whisper.listen(samples)

    def _decode(
        self, samples: Samples, certainty: float, voice_s: float, draft: _Draft | None, passed: _Passed
    ) -> _Decoding:
        """What was said in a window; a draft has only the first pass.

        Raises _DoubtfulError, Superseded: of a draft.
        """
        whisper, fast = self._load()
        if fast is None:
            return _Decoding(whisper.decode(samples), (), redone=False)
        limits = fast.limits
        known = passed.tokens
        for padding_s in paddings_s(limits, certainty)[passed.doubtful :]:
            try:
                found = fast.decode(samples, padding_s, (lambda: draft.wanted) if draft else (lambda: True), known)
            except Superseded:
                raise
            except Exception as exc:
                raise failed() from exc
            known = found.tokens
            if not doubt(found, limits, voice_s):
                return _Decoding(found.decoded, known, redone=padding_s != limits.padding_s)
            if draft:
                raise _DoubtfulError(known)
        try:
            found = fast.decode_whole(samples, known)
        except Exception as exc:
            raise failed() from exc
        return _Decoding(found.decoded, found.tokens, redone=True)

    def _load(self) -> _Engine:
        if self._engine is None:
            engine = self._open()
            whisper, fast = engine
            try:
                if fast:
                    fast.decode(_TRIAL, fast.limits.padding_s)
                else:
                    whisper.decode(_TRIAL)
            except Exception as exc:
                raise bad_model(self._model_dir, "it can't decode") from exc
            self._engine = engine
        return self._engine

    def _open(self) -> _Engine:
        if self._limits is None:
            whisper = load_whisper(
                self._model_dir, language=self._language, compute_type=self._compute_type, threads=self._threads
            )
            return whisper, None
        halves = load_halves(
            self._model_dir,
            language=self._language,
            compute_type=self._compute_type,
            threads=self._threads,
            folder=self._halves_dir(),
        )
        try:
            return halves.encoder, FastDecoder(halves, self._limits)
        except Exception as exc:
            raise bad_model(self._model_dir, "it can't decode") from exc

    def _halves_dir(self) -> Path | None:
        """For this very model file, in the folder for what is derived."""
        if self._derived_dir is None:
            return None
        try:
            state = (self._model_dir / "model.bin").stat()
        except OSError:
            return None
        what = f"{_HALVES} {self._model_dir.resolve()} {self._compute_type} {state.st_size} {state.st_mtime_ns}"
        return self._derived_dir / f"{self._model_dir.name}-{self._language}-{sha256(what.encode()).hexdigest()[:16]}"


class _DoubtfulError(Exception):
    """A draft that failed the checks."""

    def __init__(self, tokens: tuple[int, ...]) -> None:
        super().__init__()
        self.tokens = tokens


def _check(audio: Chunk) -> None:
    if audio.rate_hz != RATE_HZ or audio.samples.ndim != 1 or audio.samples.dtype != np.int16:
        raise SpeechError("stt-audio", f"speech must be mono int16 at {RATE_HZ} Hz")
