"""When something is to happen: what was said, and now, make a local time. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from assistant.due.calendar import anchored, next_after
from assistant.skills.timers import seconds_of
from assistant.values import Slots

_HALF_DAY = timedelta(hours=12)
AWAKE = (7, 22)
"""Hours in which one is rather reminded."""


def moment_of(slots: Slots, now: datetime, *, by_day: bool) -> tuple[datetime, str] | None:
    """The naive local time that `time`, `date`, `recurrence` or a length from now mean at `now` (naive), and how often.

    A time that may be before or after noon is the next one there is, `by_day` one at which people are awake. None
    when no time was said. What lies behind `now` was meant so: on a day that is over.
    """
    often = str(slots.get("recurrence", ""))
    if ahead_s := seconds_of(slots):
        return (now + timedelta(seconds=ahead_s)).replace(microsecond=0), often
    if "time" not in slots:
        return None
    clock = time.fromisoformat(str(slots["time"]))
    day = _day(str(slots.get("date", "")))
    halves = bool(slots.get("ambiguous"))
    if day:
        local = datetime.combine(day, clock)
        if halves and (local <= now or (by_day and not _awake(local))):
            local = _other_half(local)
    else:
        options = [datetime.combine(now.date() + timedelta(days=ahead), clock) for ahead in range(2)]
        if halves and not often:
            options = sorted({*options, *map(_other_half, options)})
        ahead = [option for option in options if option > now]
        if halves and often and by_day and not _awake(options[0]):
            ahead = [_other_half(option) for option in options if _other_half(option) > now]
        local = next((option for option in ahead if not by_day or not halves or _awake(option)), ahead[0])
    if often:
        first = local - timedelta(days=1)
        local = next_after(first, anchored(often, local), max(now, local - timedelta(seconds=1))) or local
    return local, often


def _day(slot: str) -> date | None:
    """The day a `date` slot names; the first of several."""
    week, _, _ = slot.partition("-WE")
    try:
        if "-WE" in slot:
            return date.fromisoformat(f"{week}-6")
        return date.fromisoformat(f"{slot}-1" if "W" in slot else slot) if slot else None
    except ValueError:
        return None


def _other_half(local: datetime) -> datetime:
    return local + _HALF_DAY if local.hour < 12 else local - _HALF_DAY


def _awake(local: datetime) -> bool:
    return AWAKE[0] <= local.hour < AWAKE[1]
