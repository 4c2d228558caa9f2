"""Models made before, whose opinions a new one learns from beside the labels (Hinton et al., 2015).

People who labelled requests didn't agree with each other, and a label says nothing of what a request nearly means. The
mean of what several models think of it does: two of them, asked together, are right more often than either, and know
better how sure they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.encoder.text_model import FACTS, OnnxTextModel

Opinion = npt.NDArray[np.float32]
"""The probability of each intent."""
_WORKERS = 2


def made(folder: Path) -> dict[str, Any]:
    """How a model was made, but for what taught it itself."""
    training: dict[str, Any] = json.loads((folder / FACTS).read_bytes())["training"]
    return {name: value for name, value in training.items() if name != "teachers"}


class Teachers:
    """The models in `folders`; opinions are in the order of `intents`. Raises UnderstandError."""

    def __init__(self, folders: Iterable[Path], intents: Sequence[str]) -> None:
        self._models = [OnnxTextModel(folder) for folder in folders]
        self._intents = tuple(intents)
        self._known: dict[tuple[str, ...], Opinion] = {}

    def opinions(self, texts: Sequence[tuple[str, ...]]) -> list[Opinion]:
        """Of each text, in words. They are remembered."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        with ThreadPoolExecutor(_WORKERS) as pool:
            self._known |= zip(new, pool.map(self._opinion, new, chunksize=64), strict=True)
        return [self._known[text] for text in texts]

    def _opinion(self, text: tuple[str, ...]) -> Opinion:
        found = [model.intents(text) for model in self._models]
        mean = [sum(each.get(intent, 0.0) for each in found) / len(found) for intent in self._intents]
        return np.array(mean, np.float32)
