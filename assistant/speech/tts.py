"""Text to speech with Piper voices: part by part, the next one synthesised while the last one is handed out.

Piper is GPL-3.0 and is used only here, as a library behind the `Synthesizer` port.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from assistant.audio.format import Chunk, Samples
from assistant.errors import SpeechError
from assistant.executor import BoundedExecutor
from assistant.sentences import split_long, split_sentences
from assistant.speech.piper_voice import LEVEL, Voice, bad_voice
from assistant.speech.speech_cache import SpeechCache
from assistant.speech.spoken import strip_markup, to_spoken

T = TypeVar("T")

PIECE_CHARS = 200
"""Longer sentences are cut at commas, so that no single synthesis keeps the listener waiting."""
FIRST_PIECE_CHARS = 120
"""The same for the first one, which nothing plays over."""
PAUSE_S = 0.15
"""Silence between sentences."""
_LEAD_S = 0.01
_LEAD_LEVEL = 150


class PiperSynthesizer:
    """A Piper voice behind `dialog.ports.Synthesizer`.

    One thread synthesises; at most 8 sentences of all callers wait for it, then BusyError.
    """

    def __init__(
        self,
        model_dir: Path,
        *,
        speed: float = 1.0,
        timeout_s: float = 15.0,
        cache_dir: Path | None = None,
        cache_mb: int = 0,
    ) -> None:
        """Look at the voice's files without loading them. `speed` 2 speaks twice as fast.

        Raises:
            SpeechError: `tts-voice-bad`.
        """
        self._model_file, self._settings = _read_voice(model_dir)
        self._speed = speed
        self._timeout_s = timeout_s
        self._cache_dir = cache_dir if cache_mb else None
        self._cache_mb = cache_mb
        self._cache: SpeechCache | None = None
        self._voice: Voice | None = None
        self._executor = BoundedExecutor("speech synthesis")
        self.rate_hz: int = self._settings["audio"]["sample_rate"]

    async def start(self) -> None:
        """Load the voice. Idempotent.

        Raises:
            SpeechError: `tts-voice-bad`, `tts-failed`, `tts-timeout`.
        """
        if self._voice is None:
            await self._run(self._load)

    async def close(self) -> None:
        """Drop what waits. What is being synthesised ends by itself."""
        self._executor.close()

    async def synthesize(self, text: str) -> AsyncIterator[Chunk]:
        """Speak `text`; text without anything to say gives no chunk.

        Raises:
            SpeechError: `tts-voice-bad`, `tts-failed`, `tts-timeout`.
            BusyError: too many sentences wait.
        """
        gone = threading.Event()
        parts = self._parts(speakable_pieces(text), gone)
        ahead = asyncio.create_task(self._run(next, parts, None))
        try:
            while (part := await ahead) is not None:
                ahead = asyncio.create_task(self._run(next, parts, None))
                samples, follows = part
                if follows:
                    yield Chunk(np.zeros(round(PAUSE_S * self.rate_hz), np.int16), self.rate_hz)
                if len(samples):
                    yield Chunk(samples, self.rate_hz)
        finally:
            gone.set()
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        try:
            return await asyncio.wait_for(self._executor.run(work, *arguments), self._timeout_s)
        except TimeoutError as exc:
            raise SpeechError(
                "tts-timeout",
                f"speech synthesis took longer than {self._timeout_s:g} s",
                hint="Raise tts.timeout_s or choose a smaller voice.",
                retryable=True,
            ) from exc

    def _parts(self, pieces: Sequence[str], gone: threading.Event) -> Iterator[tuple[Samples, bool]]:
        """The sound of all pieces, part by part, and whether a part begins a piece that follows another.

        Runs in the executor; `gone` says that nobody waits.
        """
        for number, piece in enumerate(pieces):
            if gone.is_set():
                return
            follows = number > 0
            for samples in self._speak(piece, gone):
                yield samples, follows
                follows = False

    def _speak(self, text: str, gone: threading.Event) -> Iterator[Samples]:
        """One sentence's sound, from the cache or rendered."""
        voice = self._load()
        if self._cache and (cached := self._cache.get(text)) is not None:
            yield cached
            return
        parts: list[Samples] = []
        for part in voice.parts(text):
            if gone.is_set():
                return
            sounding = part if parts else _without_lead(part, self.rate_hz)
            if len(sounding):
                parts.append(sounding)
                yield sounding
        if self._cache and parts:
            self._cache.put(text, np.concatenate(parts))

    def _load(self) -> Voice:
        if self._voice is None:
            if self._cache_dir is None:
                self._voice = Voice(self._model_file, self._settings, self._speed, None)
                return self._voice
            print_of_file = _fingerprint(self._model_file)
            parts_dir = self._cache_dir / f"{self._model_file.stem}-{print_of_file[:16]}"
            self._voice = Voice(self._model_file, self._settings, self._speed, parts_dir)
            name = f"{print_of_file} {self._speed:g} {LEVEL:g}"
            self._cache = SpeechCache(self._cache_dir, max_mb=self._cache_mb, voice=name, rate_hz=self.rate_hz)
        return self._voice


def speakable_pieces(text: str) -> list[str]:
    """Words for the voice, a piece for each sentence, long sentences in several."""
    pieces: list[str] = []
    for sentence in split_sentences(strip_markup(text)):
        for part in split_long(sentence, PIECE_CHARS if pieces else FIRST_PIECE_CHARS):
            spoken = to_spoken(part)
            if spoken:
                pieces.append(spoken)
    return pieces


def _read_voice(model_dir: Path) -> tuple[Path, dict[str, Any]]:
    try:
        models = sorted(model_dir.glob("*.onnx"))
        if len(models) != 1:
            raise bad_voice(model_dir, f"{'no' if not models else 'more than one'} .onnx file")
        settings = json.loads(Path(f"{models[0]}.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise bad_voice(model_dir, "its .onnx.json can't be read") from exc
    match settings:
        case {"audio": {"sample_rate": int(rate_hz)}} if 8_000 <= rate_hz <= 48_000:
            return models[0], settings
    raise bad_voice(model_dir, "its .onnx.json has no audio.sample_rate between 8000 and 48000")


def _without_lead(samples: Samples, rate_hz: int) -> Samples:
    """Voices begin with up to half a second of near silence, which the listener would wait for; all may be silent."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _LEAD_LEVEL)
    return samples[max(0, int(loud[0]) - round(_LEAD_S * rate_hz)) :] if len(loud) else samples[:0]


def _fingerprint(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
