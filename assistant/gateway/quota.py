"""How much one device may ask: questions a minute and tokens a day. Pure: every method takes the time.

Questions are counted in a bucket that holds a minute's worth and fills evenly; tokens by the day, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from assistant.errors import GatewayError

DAY_S = 86_400
MINUTE_S = 60.0


class OverQuotaError(GatewayError):
    """The device has to wait."""

    def __init__(self, code: str, message: str, retry_after_s: float) -> None:
        super().__init__(code, message, retryable=True)
        self.retry_after_s = retry_after_s


def day_of(wall_s: float) -> int:
    """Days since 1970-01-01 UTC."""
    return int(wall_s // DAY_S)


class Quotas:
    """What each device has used. Knows only devices that asked since the start or have used tokens today."""

    def __init__(self, *, requests_per_minute: int, tokens_per_day: int) -> None:
        """0 for no limit."""
        self._per_minute = requests_per_minute
        self._per_day = tokens_per_day
        self._buckets: dict[str, tuple[float, float]] = {}
        """Device id -> (questions left, at this time)."""
        self._day = 0
        self._used: dict[str, int] = {}
        """Device id -> tokens, of this day."""

    def admit(self, device_id: str, now_s: float, wall_s: float) -> None:
        """Count a question in.

        Raises:
            OverQuotaError: `rate-limited` `quota-exhausted`; the question doesn't count.
        """
        self._begin_day(day_of(wall_s))
        if self._per_day and self._used.get(device_id, 0) >= self._per_day:
            left_s = (self._day + 1) * DAY_S - wall_s
            raise OverQuotaError("quota-exhausted", "the device has used its tokens of the day", left_s)
        if not self._per_minute:
            return
        level, at_s = self._buckets.get(device_id, (float(self._per_minute), now_s))
        rate = self._per_minute / MINUTE_S
        level = min(float(self._per_minute), level + (now_s - at_s) * rate)
        if level < 1:
            raise OverQuotaError("rate-limited", "the device asks too often", (1 - level) / rate)
        self._buckets[device_id] = (level - 1, now_s)

    def charge(self, device_id: str, tokens: int, wall_s: float) -> None:
        """Count tokens that an answer took."""
        self._begin_day(day_of(wall_s))
        self._used[device_id] = self._used.get(device_id, 0) + tokens

    def restore(self, used: Mapping[str, int], wall_s: float) -> None:
        """Begin with what was used earlier today."""
        self._day, self._used = day_of(wall_s), dict(used)

    def keep_only(self, device_ids: Iterable[str]) -> None:
        """Forget every other device."""
        known = set(device_ids)
        self._buckets = {key: value for key, value in self._buckets.items() if key in known}
        self._used = {key: value for key, value in self._used.items() if key in known}

    def _begin_day(self, day: int) -> None:
        if day != self._day:
            self._day, self._used = day, {}
