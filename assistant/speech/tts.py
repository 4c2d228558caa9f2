"""Text to speech with Piper voices: sentence by sentence, the next one synthesised while the last one is handed out.

Piper is GPL-3.0 and is used only here, as a library behind the `Synthesizer` port.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from assistant.audio.format import Chunk, Samples, to_int16
from assistant.errors import SpeechError
from assistant.executor import BoundedExecutor
from assistant.sentences import split_long, split_sentences
from assistant.speech.speech_cache import SpeechCache
from assistant.speech.spoken import strip_markup, to_spoken

if TYPE_CHECKING:
    from piper import PiperVoice, SynthesisConfig

_log = structlog.get_logger(__name__)

PIECE_CHARS = 200
"""Longer sentences are cut at commas, so that no single synthesis keeps the listener waiting."""
FIRST_PIECE_CHARS = 120
"""The same for the first one, which nothing plays over."""
PAUSE_S = 0.15
"""Silence between sentences."""
_LEAD_S = 0.01
_LEAD_LEVEL = 150
_MAX_THREADS = 4
_WARM_TEXT = "Ready."
_VOICE_HINT = "Run `assistant models verify`, or name another voice in tts.voice."


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
        self._voice: PiperVoice | None = None
        self._synthesis: SynthesisConfig | None = None
        self._executor = BoundedExecutor("speech synthesis")
        self.rate_hz: int = self._settings["audio"]["sample_rate"]

    async def start(self) -> None:
        """Load the voice and speak a word to nobody, so that the first reply is as fast as the next. Idempotent.

        Raises:
            SpeechError: `tts-voice-bad`, `tts-timeout`.
        """
        if self._voice is None:
            await self._run(self._render, _WARM_TEXT, threading.Event())

    async def close(self) -> None:
        """Drop what waits. What is being synthesised ends by itself."""
        self._executor.close()

    async def synthesize(self, text: str) -> AsyncIterator[Chunk]:
        """Speak `text`; text without anything to say gives no chunk.

        Raises:
            SpeechError: `tts-voice-bad`, `tts-failed`, `tts-timeout`.
            BusyError: too many sentences wait.
        """
        pieces = deque(speakable_pieces(text))
        gone = threading.Event()
        ahead: asyncio.Task[Samples] | None = None
        try:
            if pieces:
                ahead = asyncio.create_task(self._run(self._speak, pieces.popleft(), gone))
            while ahead:
                samples = await ahead
                ahead = asyncio.create_task(self._run(self._speak, pieces.popleft(), gone)) if pieces else None
                if len(samples):
                    yield Chunk(samples, self.rate_hz)
                if ahead:
                    yield Chunk(np.zeros(round(PAUSE_S * self.rate_hz), np.int16), self.rate_hz)
        finally:
            gone.set()
            if ahead:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    async def _run(self, work: Any, text: str, gone: threading.Event) -> Samples:
        try:
            samples: Samples = await asyncio.wait_for(self._executor.run(work, text, gone), self._timeout_s)
        except TimeoutError as exc:
            raise SpeechError(
                "tts-timeout",
                f"speech synthesis took longer than {self._timeout_s:g} s",
                hint="Raise tts.timeout_s or choose a smaller voice.",
                retryable=True,
            ) from exc
        return samples

    def _speak(self, text: str, gone: threading.Event) -> Samples:
        """One sentence's sound, from the cache or rendered. Runs in the executor; `gone` says that nobody waits."""
        if gone.is_set():
            return np.zeros(0, np.int16)
        self._load()
        if self._cache and (cached := self._cache.get(text)) is not None:
            return cached
        samples = self._render(text, gone)
        if self._cache:
            self._cache.put(text, samples)
        return samples

    def _render(self, text: str, _gone: threading.Event) -> Samples:
        voice = self._load()
        try:
            parts = [to_int16(part.audio_float_array) for part in voice.synthesize(text, self._synthesis)]
        except Exception as exc:
            raise SpeechError(
                "tts-failed", f"the voice {self._model_file.stem} failed", hint=_VOICE_HINT, retryable=True
            ) from exc
        return _without_lead(np.concatenate(parts), self.rate_hz) if parts else np.zeros(0, np.int16)

    def _load(self) -> PiperVoice:
        if self._voice is None:
            self._voice, self._synthesis = _load_voice(self._model_file, self._settings, self._speed)
            if self._cache_dir:
                voice = f"{_fingerprint(self._model_file)} {self._speed:g}"
                self._cache = SpeechCache(self._cache_dir, max_mb=self._cache_mb, voice=voice, rate_hz=self.rate_hz)
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
            raise _bad_voice(model_dir, f"{'no' if not models else 'more than one'} .onnx file")
        settings = json.loads(Path(f"{models[0]}.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise _bad_voice(model_dir, "its .onnx.json can't be read") from exc
    match settings:
        case {"audio": {"sample_rate": int(rate_hz)}} if 8_000 <= rate_hz <= 48_000:
            return models[0], settings
    raise _bad_voice(model_dir, "its .onnx.json has no audio.sample_rate between 8000 and 48000")


def _load_voice(model_file: Path, settings: dict[str, Any], speed: float) -> tuple[PiperVoice, SynthesisConfig]:
    import onnxruntime  # noqa: PLC0415 - heavy
    from piper import PiperVoice, SynthesisConfig  # noqa: PLC0415 - heavy
    from piper.config import PiperConfig  # noqa: PLC0415 - heavy

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(os.cpu_count() or 1, _MAX_THREADS)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads sleep between sentences
    options.log_severity_level = 4  # what it has to say comes as an exception too
    try:
        config = PiperConfig.from_dict(settings)
        session = onnxruntime.InferenceSession(str(model_file), options, providers=["CPUExecutionProvider"])
        synthesis = SynthesisConfig(length_scale=config.length_scale / speed)
    except Exception as exc:
        raise _bad_voice(model_file.parent, "it can't be loaded") from exc
    return PiperVoice(_Thrifty(session), config), synthesis


class _Thrifty:
    """An onnxruntime session that gives its working memory (100 MB after a long sentence) back after each run."""

    def __init__(self, session: Any) -> None:
        from onnxruntime import RunOptions  # noqa: PLC0415 - heavy

        self._session = session
        self._options = RunOptions()
        self._options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(self, outputs: list[str] | None, inputs: dict[str, Any]) -> Any:
        return self._session.run(outputs, inputs, self._options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def _without_lead(samples: Samples, rate_hz: int) -> Samples:
    """Voices begin with up to 50 ms of near silence, which the listener would wait for."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _LEAD_LEVEL)
    return samples[max(0, int(loud[0]) - round(_LEAD_S * rate_hz)) :] if len(loud) else samples


def _fingerprint(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _bad_voice(model_dir: Path, why: str) -> SpeechError:
    return SpeechError("tts-voice-bad", f"{model_dir} is not a usable Piper voice: {why}", hint=_VOICE_HINT)
