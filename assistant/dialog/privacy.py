"""Private mode: nothing leaves the device. By configuration, by schedule, or as the user last said.

What the user says holds until the schedule begins or ends the next time; without a schedule it holds for good.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

from assistant.events import Event, PrivateModeChanged
from assistant.values import Clock

SETTING = "private"
_WEEK = timedelta(days=7)


class Privacy:
    """skills.ports.Switch. `schedule` holds (from, to) times of day, local; `to` before `from` is the next morning."""

    def __init__(  # noqa: PLR0913 - settings and seams, all by name
        self,
        *,
        configured: bool,
        schedule: Sequence[tuple[time, time]],
        clock: Clock,
        zone: tzinfo,
        kept: Any,
        save: Callable[[str, Any], Awaitable[None]],
        publish: Callable[[Event], None],
    ) -> None:
        self._configured = configured
        self._schedule = schedule
        self._clock = clock
        self._zone = zone
        self._said = _said(kept)
        self._save = save
        self._publish = publish

    @property
    def on(self) -> bool:
        """Whether it is private now."""
        now_s = self._clock.wall_s()
        if self._said and not self._changed_between(self._said[1], now_s):
            return self._said[0]
        now = datetime.fromtimestamp(now_s, self._zone).time()
        return self._configured or within(now, self._schedule)

    async def turn(self, *, on: bool) -> None:
        """As the user says. Saved first, then in force. Raises StoreError."""
        before, now_s = self.on, self._clock.wall_s()
        await self._save(SETTING, {"on": on, "at_s": now_s})
        self._said = on, now_s
        if on is not before:
            self._publish(PrivateModeChanged(on=on))

    def _changed_between(self, since_s: float, now_s: float) -> bool:
        """Whether the schedule begins or ends in that time."""
        since, now = (datetime.fromtimestamp(at_s, self._zone) for at_s in (since_s, now_s))
        if now - since > _WEEK:
            return bool(self._schedule)
        days = range((now.date() - since.date()).days + 1)
        edges = (
            datetime.combine(since.date() + timedelta(days=day), edge, self._zone)
            for day in days
            for pair in self._schedule
            for edge in pair
        )
        return any(since < edge <= now for edge in edges)


def read_schedule(spans: Sequence[str]) -> tuple[tuple[time, time], ...]:
    """`22:00-07:00` each. Raises ValueError."""
    found = []
    for span in spans:
        begin, dash, end = span.partition("-")
        if not dash:
            raise ValueError(f"{span!r} must be two times, like 22:00-07:00")
        found.append((time.fromisoformat(begin.strip()), time.fromisoformat(end.strip())))
    return tuple(found)


def _said(kept: Any) -> tuple[bool, float] | None:
    """What the user said, and when; None for nothing that makes sense."""
    if not isinstance(kept, Mapping) or not isinstance(kept.get("on"), bool):
        return None
    at_s = kept.get("at_s")
    return (kept["on"], float(at_s)) if isinstance(at_s, int | float) else None


def within(now: time, schedule: Sequence[tuple[time, time]]) -> bool:
    """Whether a time of day is in one of these spans."""
    return any(begin <= now < end if begin <= end else now >= begin or now < end for begin, end in schedule)
