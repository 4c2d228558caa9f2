"""Tags are decoded as a sequence."""

from __future__ import annotations

import itertools

import numpy as np

from assistant.encoder.text_model import _likeliest
from assistant.training.data import Example
from assistant.training.transitions import transitions


def test_the_best_sequence_is_that_of_all_sequences() -> None:
    generator = np.random.default_rng(5)
    for words in (1, 2, 5):
        logits = generator.normal(size=(words, 3)).astype(np.float32)
        steps = generator.normal(size=(4, 4)).astype(np.float32)

        def score(tags: tuple[int, ...], logits: np.ndarray = logits, steps: np.ndarray = steps) -> float:
            path = [3, *tags, 3]
            return float(
                sum(logits[at, tag] for at, tag in enumerate(tags))
                + sum(steps[a, b] for a, b in itertools.pairwise(path))
            )

        best = max(itertools.product(range(3), repeat=words), key=score)
        assert tuple(_likeliest(logits, steps)) == best


def test_what_never_follows_costs_and_what_always_follows_pays() -> None:
    example = Example(words=("play", "miles", "davis", "now"), intents=(), tags=("", "query", "query", ""), task="")
    rows = [[float(value) for value in row.split()] for row in transitions([example] * 20, ["O", "B-query", "I-query"])]
    assert rows[0][1] > 0 > rows[1][1], "a query begins behind O, and not twice"
    assert rows[3][0] > 0 > rows[3][2], "nothing goes on at the beginning"
