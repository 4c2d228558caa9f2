"""A circuit breaker for one upstream. Pure: every method takes the time.

closed     questions go there; `FAILURES` failures in a row open it
open       nothing goes there for `OPEN_S[n]`, longer each time, or until it is reached again after it was gone
half-open  one question at a time tries it, the next once that one has text: an answer closes the breaker, a failure
           opens it again
"""

from __future__ import annotations

from enum import StrEnum

FAILURES = 3
OPEN_S = (5.0, 10.0, 20.0, 40.0, 60.0)
"""The last one repeats."""
TRIAL_S = 5.0
"""A trial that has not told its outcome by then no longer holds back the next."""


class Circuit(StrEnum):
    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


class Breaker:
    """Closed at first."""

    def __init__(self) -> None:
        self._failures = 0
        self._opened = 0
        """How often it opened since the last success; 0 is closed."""
        self._try_at_s = 0.0

    def state(self, now_s: float) -> Circuit:
        if not self._opened:
            return Circuit.CLOSED
        return Circuit.OPEN if now_s < self._try_at_s else Circuit.HALF_OPEN

    def begin(self, now_s: float) -> bool:
        """Whether a question may go there now; if it is the trial, the next has to wait for its outcome."""
        state = self.state(now_s)
        if state is Circuit.HALF_OPEN:
            self._try_at_s = now_s + TRIAL_S
        return state is not Circuit.OPEN

    def succeeded(self) -> None:
        """A question was answered."""
        self._failures = self._opened = 0

    def failed(self, now_s: float) -> None:
        """A question met a fault of the upstream's."""
        self._failures += 1
        if self._opened or self._failures >= FAILURES:
            self._try_at_s = now_s + OPEN_S[min(self._opened, len(OPEN_S) - 1)]
            self._opened += 1

    def reached(self, now_s: float) -> None:
        """It answers in part, or was gone and is back: it may be tried at once."""
        self._try_at_s = min(self._try_at_s, now_s)
