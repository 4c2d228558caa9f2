"""Whisper's decoder on its own (see `split_whisper`): greedy, token by token, in ONNX Runtime. Blocking."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from assistant.sessions import open_session
from assistant.speech.split_whisper import CROSS, DECODER, EMBEDDINGS, FACTS

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

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

    def greedy(self, view: View, task: Task, budget: int) -> Greedy:
        """The likeliest token each time, `budget` at most."""
        banned = np.zeros(len(self._kept), np.float32)
        banned[[self._places[token] for token in task.suppressed if token in self._places]] = -np.inf
        end_place, no_speech_place = self._places[task.end], self._places[task.no_speech]
        known: dict[str, npt.NDArray[Any]] = {**view, **self._none_known}
        tokens = [self._places[token] for token in task.prompt]
        found: list[int] = []
        total, at, silent = 0.0, 0, 0.0
        while len(found) < budget:
            known["embedded"] = self._embeddings[tokens].astype(np.float32)[None]
            known["places"] = np.arange(at, at + len(tokens), dtype=np.int64)
            made = self._decoder.run(known)
            logits: Floats = made.pop("logits")[0]
            known |= {name.removeprefix("new_"): value for name, value in made.items()}
            scores = logits[-1] + banned
            if not found:
                silent = float(np.exp(logits[0, no_speech_place] - _log_sum(logits[0])))
                scores[self._blank] = -np.inf
            best = int(scores.argmax())
            total += float(scores[best]) - _log_sum(scores)
            if best == end_place:
                break
            found.append(best)
            at += len(tokens)
            tokens = [best]
        return Greedy(tuple(self._kept[place] for place in found), total, silent, finished=len(found) < budget)

    def _nothing(self, heads: int) -> dict[str, Floats]:
        [width] = {given.shape[3] for given in self._decoder.session.get_inputs() if given.name == "k0"}
        empty = np.zeros((1, heads, 0, width), np.float32)
        return {f"{letter}{layer}": empty for layer in range(self._layers) for letter in "kv"}


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
