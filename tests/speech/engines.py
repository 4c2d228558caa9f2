"""The real engines for tests, on the model files in the cache, and speech that the voice itself says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from assistant.audio.format import RATE_HZ, Chunk, Samples
from assistant.models import read_manifest
from assistant.packaged import packaged_manifest
from assistant.speech.fast import FastDecoder
from assistant.speech.stt import WhisperTranscriber
from assistant.speech.tts import PiperSynthesizer
from assistant.values import FastPass
from tests.conftest import REAL_MODELS_DIR

WHISPER = REAL_MODELS_DIR / "whisper-base"
VOICE = REAL_MODELS_DIR / "voice-joe"
FAST = read_manifest(packaged_manifest(), own=False)["whisper-base"].fast_pass
"""As shipped."""


_loaded: dict[str, Any] = {}
"""Engines that were loaded once, with the default options: loading takes longer than most tests."""
_decoders: dict[FastPass, FastDecoder] = {}
"""Of the Whisper model that the engine `fast` has in `_loaded`."""


@asynccontextmanager
async def whisper(
    model_dir: Path = WHISPER, *, fast: FastPass | None = FAST, **options: Any
) -> AsyncIterator[WhisperTranscriber]:
    transcriber = WhisperTranscriber(model_dir, fast=fast, **options)
    shared = model_dir == WHISPER and not options.keys() & {"language", "compute_type", "threads"}
    name = "fast" if fast else "full"
    if shared and (loaded := _loaded.get(name)):
        transcriber._engine = loaded, None
        if fast:
            [any_decoder, *_] = _decoders.values()
            if fast not in _decoders:
                _decoders[fast] = FastDecoder(any_decoder.halves, fast)
            transcriber._engine = loaded, _decoders[fast]
    try:
        yield transcriber
    finally:
        await transcriber.close()
        if shared and transcriber._engine:
            _loaded[name], decoder = transcriber._engine
            if fast and decoder:
                _decoders[fast] = decoder


@asynccontextmanager
async def piper(model_dir: Path = VOICE, **options: Any) -> AsyncIterator[PiperSynthesizer]:
    synthesizer = PiperSynthesizer(model_dir, **options)
    shared = model_dir == VOICE and not options.keys() & {"speed", "cache_dir", "cache_mb"}
    if shared:
        synthesizer._voice = _loaded.get("piper")
    try:
        yield synthesizer
    finally:
        await synthesizer.close()
        if shared:
            _loaded["piper"] = synthesizer._voice


async def say(synthesizer: Any, text: str) -> Chunk:
    """All of a text as one piece of sound, a real voice's without its randomness: a test hears the same each time."""
    if isinstance(synthesizer, PiperSynthesizer) and synthesizer._voice is None:
        await synthesizer.start()
    synthesis = getattr(getattr(synthesizer, "_voice", None), "_synthesis", None)
    if synthesis:
        synthesis.noise_scale = synthesis.noise_w_scale = 0.0
    parts = [chunk.samples async for chunk in synthesizer.synthesize(text)]
    return Chunk(np.concatenate(parts) if parts else np.zeros(0, np.int16), synthesizer.rate_hz)


def at_16k(audio: Chunk, *, lead_s: float = 0.3, trail_s: float = 0.5) -> Chunk:
    """As a microphone would have heard it, silence around it."""
    import soxr

    samples: Samples = soxr.resample(audio.samples, audio.rate_hz, RATE_HZ)
    lead, trail = (np.zeros(round(seconds * RATE_HZ), np.int16) for seconds in (lead_s, trail_s))
    return Chunk(np.concatenate((lead, samples, trail)), RATE_HZ)


def copy_model(source: Path, target: Path, **files: bytes | None) -> Path:
    """A model directory like `source`, with some files' contents exchanged, or missing where None.

    Names are given with `_` for their dots.
    """
    target.mkdir(parents=True)
    for file in source.iterdir():
        key = file.name.replace(".", "_").replace("-", "_")
        if key not in files:
            (target / file.name).symlink_to(file)
        elif (content := files[key]) is not None:
            (target / file.name).write_bytes(content)
    return target


def simple(text: str) -> str:
    """Its words alone."""
    return "".join(char for char in text.lower() if char.isalnum() or char == " ")
