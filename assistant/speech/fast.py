"""The fast pass: Whisper on a context as long as the speech, with checks that tell when not to believe it.

Whisper was trained on 30 s windows, and its encoder costs as much for a second of speech as for thirty. CTranslate2
takes shorter ones, but then the decoder, which has never seen a recording without an end, goes round in circles
("what time is it? what time is it?"). So it is shown an end: the encoder's view of the silence that follows a sound
(see `halves`) is put behind the encoded speech, where the decoder expects it. Each position keeps its own place in the
window. That costs the decoder next to nothing and stops nearly all loops.

What comes out is still checked (`doubt`), and what fails is decoded again by the caller: with more padding, then whole.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from assistant.audio.format import RATE_HZ, Samples, to_float
from assistant.speech.halves import HOP_SAMPLES, READY_POSITIONS, WHOLE_FRAMES, Halves
from assistant.speech.presence import Decoded
from assistant.speech.token_decoder import Task, View
from assistant.speech.whisper import whole_budget
from assistant.values import FastPass

_FRAMES_PER_S = RATE_HZ // HOP_SAMPLES
_FEWEST_FRAMES = 156
"""CTranslate2 pads no further down."""
_POSITIONS_PER_S = _FRAMES_PER_S // 2
_FEWEST_TOKENS = 12
_LONGEST_LOOP = 12
"""Tokens; a phrase that is said again at once."""
_CERTAIN = 0.9
"""Silero's certainty from which it is speech."""
_SHORTEST_SPEECH_S = 0.3
"""A soft word may have less that Silero is sure of."""


class Superseded(Exception):  # noqa: N818 - not an error
    """The pass was given up because something more urgent came."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One fast pass over a window."""

    decoded: Decoded
    tokens: tuple[int, ...]


class FastDecoder:
    """Decodes on a short context. Blocking; one call at a time."""

    def __init__(self, halves: Halves, limits: FastPass) -> None:
        from faster_whisper.tokenizer import Tokenizer  # noqa: PLC0415 - heavy
        from faster_whisper.transcribe import get_suppressed_tokens  # noqa: PLC0415 - heavy

        self.halves = halves
        self.limits = limits
        model = self._model = halves.encoder.model
        tokenizer = self._tokenizer = Tokenizer(
            model.hf_tokenizer,
            halves.decoder.multilingual,
            task="transcribe",
            language=halves.encoder.language,
        )
        self._task = Task(
            prompt=[*tokenizer.sot_sequence, tokenizer.no_timestamps],
            end=tokenizer.eot,
            no_speech=tokenizer.no_speech,
            suppressed=get_suppressed_tokens(tokenizer, [-1]),
        )

    def decode(
        self,
        samples: Samples,
        padding_s: float,
        going_on: Callable[[], bool] = lambda: True,
        draft: Sequence[int] = (),
    ) -> Pass:
        """One pass with `padding_s` of silence behind the samples, 30 s at most in all.

        `draft`: tokens of a pass over this sound or its beginning; what comes out is the same, only sooner.

        Raises:
            Superseded: `going_on`, asked before each costly step and each token, said no.
        """
        frames = len(samples) // HOP_SAMPLES + round(padding_s * _FRAMES_PER_S)
        frames = min(max(frames + frames % 2, _FEWEST_FRAMES), WHOLE_FRAMES)
        features = self.halves.features(to_float(samples), frames)
        _proceed(going_on)
        states = self.halves.encode(features)
        _proceed(going_on)
        budget = _FEWEST_TOKENS + math.ceil(self.limits.max_tokens_per_s * len(samples) / RATE_HZ)
        view = self._with_end(self.halves.decoder.view(states))
        return self._generate(view, budget, draft, partial(_proceed, going_on))

    def decode_whole(self, samples: Samples, draft: Sequence[int] = ()) -> Pass:
        """On the whole window, 30 s at most, as faster-whisper does: what is short gets no sound, not silence."""
        heard = self._model.feature_extractor(to_float(samples))[:, :-1][:, :WHOLE_FRAMES]
        features = np.zeros((heard.shape[0], WHOLE_FRAMES), np.float32)
        features[:, : heard.shape[1]] = heard
        view = self.halves.decoder.view(self.halves.encode(features))
        return self._generate(view, whole_budget(samples), draft, lambda: None)

    def _with_end(self, view: View) -> View:
        """What the decoder sees, and behind it the end of a window from the same position on."""
        at = next(iter(view.values())).shape[2]
        to = at + round(self.limits.closing_s * _POSITIONS_PER_S)
        if to <= READY_POSITIONS:
            end: View = {name: values[:, :, at:to] for name, values in self.halves.end_view.items()}
        else:
            end = self.halves.decoder.view(self.halves.end[:, at:to])
        return {name: np.concatenate((values, end[name]), axis=2) for name, values in view.items()}

    def _generate(self, view: View, budget: int, draft: Sequence[int], before_look: Callable[[], None]) -> Pass:
        budget = min(budget, self._model.max_length // 2)
        found = self.halves.decoder.greedy(view, self._task, budget, draft, before_look)
        text = re.sub(r"\s+", " ", self._tokenizer.decode(list(found.tokens))).strip()
        decoded = Decoded(
            text,
            # The end counts as a token, as in faster-whisper.
            found.log_probability / (len(found.tokens) + 1) if found.tokens else -math.inf,
            found.no_speech_probability,
            _compression_ratio(text),
            finished=found.finished,
        )
        return Pass(decoded, found.tokens)


def paddings_s(limits: FastPass, certainty: float) -> tuple[float, ...]:
    """What is tried one after the other, before the whole window. `certainty` is Silero's.

    Where Silero itself is in doubt, that comes at once behind a doubtful pass: a sneeze is a word to a short one.
    """
    return (limits.padding_s, limits.redo_padding_s) if certainty >= _CERTAIN else (limits.padding_s,)


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
