"""Speech for tests, spoken by the voice that is installed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from assistant.audio.format import RATE_HZ, Samples
from assistant.audio.resample import resample
from assistant.models import Models
from assistant.speech.tts import PiperSynthesizer
from tests.conftest import REAL_MODELS_DIR


def speak(texts: Sequence[str]) -> list[Samples]:
    """Each text at 16 kHz and a usual level. For fixtures: needs a thread without a running event loop."""
    return asyncio.run(_speak(texts))


async def _speak(texts: Sequence[str]) -> list[Samples]:
    voice = PiperSynthesizer(Models(REAL_MODELS_DIR).path("voice-joe"))
    await voice.start()
    try:
        sounds = []
        for text in texts:
            parts = [chunk.samples async for chunk in voice.synthesize(text)]
            sounds.append(resample(np.concatenate(parts), voice.rate_hz, RATE_HZ) // 4)
        return sounds
    finally:
        await voice.close()
