"""Whether a recording holds speech, where, and whether what was decoded from it can be believed. Pure.

Whisper writes words for anything it is given: fans, dogs and silence too. Two looks keep those out: Silero's speech
probabilities before decoding, and what decoder and Silero say together afterwards. The bounds were set on 166
environmental sounds, 100 mixtures of them, and 600 recordings of speech, also far away, quiet and in noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.audio.format import RATE_HZ

BLOCK_SAMPLES = 512
"""Samples behind one of Silero's probabilities, at RATE_HZ."""
WINDOW_S = 30.0
"""What Whisper decodes at once, at most."""
PADDING_S = 0.3
"""Kept before and behind speech, for soft first and last sounds."""

_SPEECH = 0.5
_EDGE = 0.2
"""Speech begins and ends where the probability falls below this."""
_PEAK_BLOCKS = 6
"""The surest 0.19 s stand for the whole recording: a short "no" has little more."""
_PEAK_MIN = 0.5
_COMPRESSION_MAX = 2.4
"""Whisper's own bound for text that goes round in circles."""
_LETTERS_PER_S = 16.0
"""Faster than this is possible, but adds doubt."""
_DOUBT_PER_LETTER_PER_S = 0.1
_EVEN, _DOUBT_AT_EVEN, _DOUBT_SLOPE, _DOUBT_MAX = 0.82, 1.3, 6.0, 2.3

Probabilities = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Span:
    """Samples from `start` up to `end`."""

    start: int
    end: int

    @property
    def duration_s(self) -> float:
        return (self.end - self.start) / RATE_HZ


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the decoder says about one window."""

    text: str
    mean_log_probability: float
    """Of its tokens."""
    no_speech_probability: float
    compression_ratio: float
    """Of the text: high when it repeats itself."""
    finished: bool
    """False when the decoder was stopped for writing more than anybody could have said: it goes round in circles."""


def speech_certainty(probabilities: Probabilities) -> float:
    """Mean of the surest 0.19 s, 0..1."""
    return float(np.mean(np.sort(probabilities)[-_PEAK_BLOCKS:])) if len(probabilities) else 0.0


def speech_windows(probabilities: Probabilities, samples: int) -> list[Span]:
    """From first to last speech, cut in pauses into windows of at most WINDOW_S; those without speech are left out."""
    if speech_certainty(probabilities) < _PEAK_MIN:
        return []
    sure = np.flatnonzero(probabilities >= _SPEECH)
    if not len(sure):
        return []
    first, last = int(sure[0]), int(sure[-1])
    while first > 0 and probabilities[first - 1] >= _EDGE:
        first -= 1
    while last + 1 < len(probabilities) and probabilities[last + 1] >= _EDGE:
        last += 1
    padding = round(PADDING_S * RATE_HZ)
    start = max(0, first * BLOCK_SAMPLES - padding)
    end = min(samples, (last + 1) * BLOCK_SAMPLES + padding)
    return [
        window
        for window in _in_windows(probabilities, start, end)
        if speech_certainty(blocks_of(probabilities, window)) >= _PEAK_MIN
    ]


def blocks_of(probabilities: Probabilities, span: Span) -> Probabilities:
    """The probabilities of a stretch."""
    return probabilities[span.start // BLOCK_SAMPLES : -(-span.end // BLOCK_SAMPLES)]


def _in_windows(probabilities: Probabilities, start: int, end: int) -> list[Span]:
    """Cut at the quietest place of the last third of each full window."""
    limit = round(WINDOW_S * RATE_HZ)
    windows: list[Span] = []
    while end - start > limit:
        blocks = probabilities[(start + limit * 2 // 3) // BLOCK_SAMPLES : (start + limit) // BLOCK_SAMPLES]
        smooth = np.convolve(blocks, np.ones(8) / 8, mode="same")
        cut = start + limit * 2 // 3 + int(np.argmin(smooth)) * BLOCK_SAMPLES
        windows.append(Span(start, cut))
        start = cut
    windows.append(Span(start, end))
    return windows


def believable(decoded: Decoded, certainty: float, speech_s: float) -> bool:
    """Whether the text was said, rather than made up from noise.

    `certainty` and `speech_s` (seconds that Silero holds for speech) are those of the window's audio. The surer Silero
    is, the less sure the decoder needs to be. More letters than a mouth forms in the time add to the doubt.
    """
    letters = sum(char.isalnum() for char in decoded.text)
    if not letters or not decoded.finished or decoded.compression_ratio > _COMPRESSION_MAX:
        return False
    letters_per_s = letters / (speech_s + PADDING_S)
    doubt = decoded.no_speech_probability - decoded.mean_log_probability
    doubt += _DOUBT_PER_LETTER_PER_S * max(0.0, letters_per_s - _LETTERS_PER_S)
    return doubt < min(_DOUBT_MAX, _DOUBT_AT_EVEN + _DOUBT_SLOPE * (certainty - _EVEN))


def speech_s(probabilities: Probabilities) -> float:
    """Seconds that Silero holds for speech."""
    return float(np.count_nonzero(probabilities >= _SPEECH)) * BLOCK_SAMPLES / RATE_HZ
