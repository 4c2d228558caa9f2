"""How long to wait before what failed is tried again."""

from __future__ import annotations

import random


class Backoff:
    """0.5, 1, 2, 4, 8, 10, 10 ... seconds.

    With `jitter` (0 to 1) each is shorter by a random share of up to that, so that devices which lost the same server
    don't come back all at once.
    """

    def __init__(self, first_s: float = 0.5, longest_s: float = 10.0, *, jitter: float = 0.0) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._jitter = jitter
        self._next_s = first_s

    def next_s(self) -> float:
        """The pause before the next attempt; the one after is twice as long."""
        pause_s = self._next_s
        self._next_s = min(self._longest_s, pause_s * 2)
        return pause_s * (1 - self._jitter * random.random())  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        self._next_s = self._first_s
