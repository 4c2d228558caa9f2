"""The fast pass: Whisper on a context as long as the speech, with checks that tell when not to believe it.

Whisper was trained on 30 s windows, and its encoder costs as much for a second of speech as for thirty. CTranslate2
takes shorter ones, but then the decoder, which has never seen a recording without an end, goes round in circles
("what time is it? what time is it?"). So it is shown an end: the encoder's view of the silence that follows a sound,
taken once from a whole window, is put behind the encoded speech, where the decoder expects it. Each position keeps its
own place in the window. That costs the decoder next to nothing and stops nearly all loops.

What comes out is still checked (`doubt`), and what fails is decoded again by the caller: with more padding, then whole.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.audio.format import RATE_HZ, Samples, to_float
from assistant.speech.presence import Decoded
from assistant.speech.whisper import Whisper, whole_budget
from assistant.values import FastPass

Features = npt.NDArray[np.float32]

_HOP_SAMPLES = 160
_FRAMES_PER_S = RATE_HZ // _HOP_SAMPLES
_FEWEST_FRAMES = 156
"""CTranslate2 pads no further down."""
_MOST_FRAMES = 3000
_POSITIONS_PER_S = _FRAMES_PER_S // 2
_FEWEST_TOKENS = 12
_LONGEST_LOOP = 12
"""Tokens; a phrase that is said again at once."""
_SHORTEST_SPEECH_S = 0.3
"""A soft word may have less that Silero is sure of."""
_SOUND_S = 0.5
"""Of the noise that is encoded to see the silence behind it."""


class Superseded(Exception):  # noqa: N818 - not an error
    """The pass was given up because something more urgent came."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One fast pass over a window."""

    decoded: Decoded
    tokens: tuple[int, ...]


class FastDecoder:
    """Decodes on a short context. Blocking; one call at a time."""

    def __init__(self, whisper: Whisper, limits: FastPass) -> None:
        """Encodes one whole window, for its end."""
        from faster_whisper.tokenizer import Tokenizer  # noqa: PLC0415 - heavy
        from faster_whisper.transcribe import get_suppressed_tokens  # noqa: PLC0415 - heavy

        model = self._model = whisper.model
        self.limits = limits
        self._tokenizer = Tokenizer(
            model.hf_tokenizer, whisper.multilingual, task="transcribe", language=whisper.language
        )
        self._prompt = [*self._tokenizer.sot_sequence, self._tokenizer.no_timestamps]
        self._suppressed = list(get_suppressed_tokens(self._tokenizer, [-1]))
        self._end = _to_array(self._encode(self._features(_sound(), _MOST_FRAMES)))

    def decode(self, samples: Samples, padding_s: float, going_on: Callable[[], bool] = lambda: True) -> Pass:
        """One pass with `padding_s` of silence behind the samples, 30 s at most in all.

        Raises:
            Superseded: `going_on`, asked before each costly step, said no.
        """
        frames = len(samples) // _HOP_SAMPLES + round(padding_s * _FRAMES_PER_S)
        frames = min(max(frames + frames % 2, _FEWEST_FRAMES), _MOST_FRAMES)
        features = self._features(to_float(samples), frames)
        _proceed(going_on)
        encoded = self._with_end(self._encode(features))
        _proceed(going_on)
        budget = _FEWEST_TOKENS + math.ceil(self.limits.max_tokens_per_s * len(samples) / RATE_HZ)
        return self._generate(encoded, budget)

    def decode_whole(self, samples: Samples) -> Decoded:
        """On the whole window, 30 s at most, as faster-whisper does: what is short gets no sound, not silence."""
        heard = self._model.feature_extractor(to_float(samples))[:, :-1][:, :_MOST_FRAMES]
        features = np.zeros((heard.shape[0], _MOST_FRAMES), np.float32)
        features[:, : heard.shape[1]] = heard
        return self._generate(self._encode(features), whole_budget(samples)).decoded

    def _features(self, samples: Features, frames: int) -> Features:
        padded = np.zeros(frames * _HOP_SAMPLES, np.float32)
        kept = samples[: len(padded)]
        padded[: len(kept)] = kept
        return np.ascontiguousarray(self._model.feature_extractor(padded)[:, :frames], np.float32)

    def _encode(self, features: Features) -> Any:
        return self._model.encode(features)

    def _with_end(self, encoded: Any) -> Any:
        """The encoder's output (1, positions, width), and behind it the end of a window from the same position on."""
        from ctranslate2 import StorageView  # noqa: PLC0415 - heavy

        positions = encoded.shape[1]
        end = self._end[:, positions : positions + round(self.limits.closing_s * _POSITIONS_PER_S)]
        if not end.shape[1]:
            return encoded
        return StorageView.from_array(np.concatenate((_to_array(encoded), end), axis=1)).to(encoded.dtype)

    def _generate(self, encoded: Any, budget: int) -> Pass:
        [result] = self._model.model.generate(
            encoded,
            [self._prompt],
            beam_size=1,
            max_length=2 * min(budget, self._model.max_length // 2),  # CTranslate2 takes half of it for the text
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=self._suppressed,
        )
        tokens = tuple(result.sequences_ids[0])
        text = re.sub(r"\s+", " ", self._tokenizer.decode(list(tokens))).strip()
        count = len(tokens)
        decoded = Decoded(
            text,
            # The end counts as a token, as in faster-whisper.
            float(result.scores[0]) * count / (count + 1) if count else -math.inf,
            float(result.no_speech_prob),
            _compression_ratio(text),
            finished=count < budget,
        )
        return Pass(decoded, tokens)


def doubt(found: Pass, limits: FastPass, speech_s: float) -> str:
    """Why the pass should not be believed; empty when it can be. `speech_s` is what Silero holds for speech.

    `truncated` no end came, `loop` a phrase said twice in a row, `compression` the text repeats itself, `score` the
    decoder itself is unsure, `dense` more than anybody says, `sparse` the text ended though speech went on.
    """
    decoded = found.decoded
    tokens_per_s = len(found.tokens) / max(speech_s, _SHORTEST_SPEECH_S)
    checks = (
        ("truncated", not decoded.finished),
        ("loop", loops(found.tokens)),
        ("compression", decoded.compression_ratio > limits.max_compression),
        ("score", decoded.mean_log_probability < limits.min_log_probability),
        ("dense", tokens_per_s > 2 * limits.max_tokens_per_s),
        ("sparse", tokens_per_s < limits.min_tokens_per_s),
    )
    return next((name for name, failed in checks if failed), "")


def loops(tokens: Sequence[int]) -> bool:
    """Whether some run of tokens is followed by itself."""
    return any(
        tokens[at : at + length] == tokens[at + length : at + 2 * length]
        for length in range(1, _LONGEST_LOOP + 1)
        for at in range(len(tokens) - 2 * length + 1)
    )


def _compression_ratio(text: str) -> float:
    content = text.encode()
    return len(content) / len(zlib.compress(content))


def _proceed(going_on: Callable[[], bool]) -> None:
    if not going_on():
        raise Superseded


def _sound() -> Features:
    """A short noise that swells and fades."""
    samples = round(_SOUND_S * RATE_HZ)
    swell = np.abs(np.sin(np.arange(samples) / RATE_HZ * 4 * np.pi))
    return (np.random.default_rng(0).normal(0, 0.1, samples) * swell).astype(np.float32)


def _to_array(encoded: Any) -> Features:
    """On the CPU, in single precision."""
    from ctranslate2 import DataType  # noqa: PLC0415 - heavy

    return np.array(encoded.to(DataType.float32))
