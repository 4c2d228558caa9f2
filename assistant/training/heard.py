"""What our own speech recognition makes of requests: spoken by synthetic voices in rooms, most of them under noise."""

from __future__ import annotations

import difflib
import random
from collections.abc import Iterable, Mapping

from assistant.audio.format import RATE_HZ, Chunk, to_int16
from assistant.evaluate.scenes import Scene, Speaker, add_noise, place
from assistant.nlu.language import Language
from assistant.nlu.normalise import plain
from assistant.speech.stt import WhisperTranscriber

_AROUND_S = 0.3
_NOISY_SHARE = 0.6
_SNR_DB = (8.0, 25.0)
_ALIKE = 0.5
"""What has less in common with the text than this is no request any more."""


async def hear(
    text: str, speakers: Mapping[str, Speaker], scene: Scene, stt: WhisperTranscriber, language: Language
) -> str:
    """What a listener in the room would have understood of a text, plain.

    The same text sounds the same each time, but for the Piper voice's own chance.
    """
    pick = random.Random(text)  # noqa: S311 - no secret
    speaker = speakers[voice_of(text, speakers)]
    placed = place(speaker.speak(text, pick), scene, pick, before_s=_AROUND_S, after_s=_AROUND_S)
    signal = placed.signal
    if pick.random() < _NOISY_SHARE:
        signal = add_noise(signal, scene, pick.uniform(*_SNR_DB), pick)
    return plain((await stt.transcribe(Chunk(to_int16(signal), RATE_HZ))).text, language)


def voice_of(text: str, voices: Iterable[str]) -> str:
    """Whose it is to speak a text."""
    return random.Random(f"voice of {text}").choice(sorted(voices))  # noqa: S311 - no secret


def teaches(text: str, heard: str) -> bool:
    """Whether what was heard is something else than the text, and still the same request."""
    return text != heard and difflib.SequenceMatcher(None, text, heard).ratio() >= _ALIKE
