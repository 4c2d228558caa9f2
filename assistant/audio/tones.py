"""The speaker's own sounds, synthesised: the same samples every time, with soft edges so that nothing clicks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.audio.format import Chunk, to_int16

TONE_RATE_HZ = 48_000
_EDGE_S = 0.008
_PARTIALS = ((1.0, 1.0), (2.0, 0.25), (3.0, 0.08))
"""(multiple of the fundamental, its level): a soft, slightly bright bell."""


@dataclass(frozen=True, slots=True)
class _Note:
    pitch_hz: float
    at_s: float
    length_s: float
    level: float
    decay_s: float
    """Time in which the note falls to about a third."""


def chime(rate_hz: int = TONE_RATE_HZ) -> Chunk:
    """The wake word was heard: two quick rising notes, 0.22 s."""
    return _render(0.22, [_Note(880.0, 0.0, 0.12, 0.28, 0.06), _Note(1318.5, 0.08, 0.14, 0.28, 0.06)], rate_hz)


def done(rate_hz: int = TONE_RATE_HZ) -> Chunk:
    """What was asked is done: one short note and its fifth, 0.18 s."""
    return _render(0.18, [_Note(659.3, 0.0, 0.1, 0.26, 0.05), _Note(987.8, 0.06, 0.12, 0.26, 0.05)], rate_hz)


def error_tone(rate_hz: int = TONE_RATE_HZ) -> Chunk:
    """Something went wrong and can't be said: two falling notes, 0.5 s."""
    return _render(0.5, [_Note(440.0, 0.0, 0.24, 0.3, 0.14), _Note(311.1, 0.2, 0.3, 0.3, 0.16)], rate_hz)


def ring(rate_hz: int = TONE_RATE_HZ) -> Chunk:
    """A timer rings: one round of a two-tone pattern, 2 s, made to be repeated."""
    strokes = [(784.0, 0.0), (1046.5, 0.16), (784.0, 0.4), (1046.5, 0.56)]
    return _render(2.0, [_Note(pitch, at, 0.7, 0.26, 0.18) for pitch, at in strokes], rate_hz)


def _render(length_s: float, notes: list[_Note], rate_hz: int) -> Chunk:
    mix = np.zeros(round(length_s * rate_hz))
    for note in notes:
        begin = round(note.at_s * rate_hz)
        wave = _wave(note, rate_hz)[: len(mix) - begin]
        mix[begin : begin + len(wave)] += wave
    return Chunk(to_int16(mix), rate_hz)


def _wave(note: _Note, rate_hz: int) -> npt.NDArray[np.float64]:
    t = np.arange(round(note.length_s * rate_hz)) / rate_hz
    tone = sum(level * np.sin(2 * np.pi * note.pitch_hz * multiple * t) for multiple, level in _PARTIALS)
    edges = np.minimum(1.0, np.minimum(t, note.length_s - t) / _EDGE_S)
    shaped: npt.NDArray[np.float64] = note.level * tone * np.exp(-t / note.decay_s) * np.sin(edges * np.pi / 2) ** 2
    return shaped
