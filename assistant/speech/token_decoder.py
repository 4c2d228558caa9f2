"""Whisper's decoder on its own (see `split_whisper`): greedy, token by token, in ONNX Runtime. Blocking.

Tokens that are known beforehand, as those of an earlier pass over the beginning of the same sound, are looked at all at
once, and taken as long as each is what would have been chosen: eight cost no more than two one by one. With those of a
pass over two thirds of the sound, a pass takes 0.82 of its CPU time. Its text is the same but for near ties (12 of 282
recordings differ, in commas and capitals but for one word; 90 instead of 91 errors in 1839 words).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from assistant.sessions import open_session
from assistant.speech.split_whisper import CROSS, DECODER, EMBEDDINGS, FACTS, PROJECTION

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_AHEAD = 16
"""Known tokens that are looked at at once."""
_ROUGH = 6.0
"""How much less than the best a token may have in 4 bits and still be the best. Measured on 345 tokens, the ten best of
each are off by 0.8 on average, and one in twenty would be another."""
_FINALISTS = 64

Floats = npt.NDArray[np.float32]
View = Mapping[str, npt.NDArray[np.floating]]
"""What the decoder looks at: each layer's keys and values, (1, heads, positions, width of a head)."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the decoder is told to do. Tokens as the model numbers them."""

    prompt: Sequence[int]
    end: int
    no_speech: int
    suppressed: Sequence[int]
    """Never chosen."""


@dataclass(frozen=True, slots=True)
class Greedy:
    """What came out. Log-probabilities are natural."""

    tokens: tuple[int, ...]
    """As the model numbers them, without the end."""
    log_probability: float
    """The sum over the tokens, and the end if it came."""
    no_speech_probability: float
    finished: bool
    """Whether the end came within the budget."""


class TokenDecoder:
    """A decoder of a Whisper model."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds what `split_whisper` made. Raises what can go wrong with files and onnxruntime."""
        facts = json.loads((folder / FACTS).read_bytes())
        self.multilingual = bool(facts["multilingual"])
        self._kept = [int(token) for token in facts["tokens"]]
        self._places = {token: place for place, token in enumerate(self._kept)}
        self._blank = [self._places[token] for token in facts["blank"] if token in self._places]
        self._embeddings = np.load(folder / EMBEDDINGS, mmap_mode="r")
        """Read from the file where they are needed: few ever are."""
        other = folder / PROJECTION
        self._projection = np.load(other, mmap_mode="r") if other.exists() else self._embeddings
        self._layers = int(facts["layers"])
        self._cross = _Named(open_session(folder / CROSS))
        self._decoder = _Named(open_session(folder / DECODER))
        self._none_known = self._nothing(int(facts["heads"]))

    @property
    def views(self) -> Sequence[str]:
        """Names of what is looked at."""
        return self._cross.names

    def view(self, states: Floats) -> View:
        """Of the encoder's output (1, positions, width)."""
        return self._cross.run({"states": states})

    def greedy(
        self,
        view: View,
        task: Task,
        budget: int,
        draft: Sequence[int] = (),
        before_look: Callable[[], None] = lambda: None,
    ) -> Greedy:
        """The likeliest token each time, `budget` at most. `draft` is what they will probably be; it changes nothing
        but the time that it takes. What `before_look`, called every few milliseconds, raises ends it.
        """
        banned = np.zeros(len(self._kept), np.float32)
        banned[[self._places[token] for token in task.suppressed if token in self._places]] = -np.inf
        end_place, no_speech_place = self._places[task.end], self._places[task.no_speech]
        known: dict[str, npt.NDArray[Any]] = {**view, **self._none_known}
        expected = [self._places[token] for token in draft]
        fresh = [self._places[token] for token in task.prompt]
        found: list[int] = []
        total, at, silent, ended = 0.0, 0, 0.0, False
        while len(found) < budget and not ended:
            ahead = expected[len(found) :][:_AHEAD] if found == expected[: len(found)] else []
            before_look()
            logits, states = self._look(known, [*fresh, *ahead], at)
            if not found:
                exact = float(self._projection[no_speech_place].astype(np.float32) @ states[0])
                silent = min(1.0, math.exp(exact - _log_sum(logits[0])))
                logits[len(fresh) - 1, self._blank] = -np.inf
            at += len(fresh)
            chosen_from = slice(len(fresh) - 1, None)
            for each, state, guessed in zip(logits[chosen_from], states[chosen_from], [*ahead, None], strict=True):
                scores = each + banned
                best = likeliest(scores, state, self._projection)
                total += float(scores[best]) - _log_sum(scores)
                ended = best == end_place
                if not ended:
                    found.append(best)
                if best != guessed or ended or len(found) == budget:
                    break
                at += 1
            fresh = [best]
        return Greedy(tuple(self._kept[place] for place in found), total, silent, finished=ended)

    def _look(self, known: dict[str, npt.NDArray[Any]], places: Sequence[int], at: int) -> tuple[Floats, Floats]:
        """Rough logits (places, kept tokens) and states (places, width) behind each of these tokens, the first of which
        is the window's `at`-th.

        What is `known` of those before is cut to them, and gets these too.
        """
        for name in self._none_known:
            known[name] = np.ascontiguousarray(known[name][:, :, :at])
        known["embedded"] = self._embeddings[places].astype(np.float32)[None]
        known["places"] = np.arange(at, at + len(places), dtype=np.int64)
        made = self._decoder.run(known)
        logits, states = made.pop("logits")[0], made.pop("state")[0]
        known |= {name.removeprefix("new_"): value for name, value in made.items()}
        return logits, states

    def _nothing(self, heads: int) -> dict[str, Floats]:
        [width] = {given.shape[3] for given in self._decoder.session.get_inputs() if given.name == "k0"}
        empty = np.zeros((1, heads, 0, width), np.float32)
        return {f"{letter}{layer}": empty for layer in range(self._layers) for letter in "kv"}


def likeliest(scores: Floats, state: Floats, projection: npt.NDArray[np.floating]) -> int:
    """Which of the rows of the projection (rows, width) gives most with the state (width,). `scores` (rows,) are what
    they give roughly; those that may be the most become exact, the one returned among them.
    """
    finalists = np.flatnonzero(scores >= scores.max() - _ROUGH)
    if len(finalists) > _FINALISTS:
        finalists = finalists[np.argpartition(scores[finalists], -_FINALISTS)[-_FINALISTS:]]
    scores[finalists] = projection[finalists].astype(np.float32) @ state
    return int(finalists[scores[finalists].argmax()])


class _Named:
    """A session whose outputs have names."""

    def __init__(self, session: InferenceSession) -> None:
        self.session = session
        self.names = [output.name for output in session.get_outputs()]

    def run(self, inputs: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
        return dict(zip(self.names, self.session.run(self.names, inputs), strict=True))


def _log_sum(scores: Floats) -> float:
    """The logarithm of the sum of exponentials."""
    most = scores.max()
    return float(most + np.log(np.exp(scores - most).sum()))
