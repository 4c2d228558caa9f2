"""Local times of day and what recurs, as moments. Pure.

A local time that the clocks skip (spring) means the first moment after the gap; one that comes twice (autumn) the first
of the two. Recurrences are those of `nlu.times`; `monthly:31` and `yearly:02-29` keep the day they began with, and mean
the last day of a month that is shorter. `weekly:1,4` is for several days, `every:90` comes every so many minutes.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import MAXYEAR, datetime, timedelta, tzinfo

_HOUR = timedelta(hours=1)
_FURTHEST = 400
"""Days looked through for the next one of a recurrence."""


def moment(local: datetime, zone: tzinfo) -> float:
    """Unix seconds of a naive local time."""
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if _naive(first.timestamp(), zone) == local:
        return first.timestamp()
    before, after = sorted((first.timestamp(), second.timestamp()))  # in a gap: the clocks change between these
    offset = datetime.fromtimestamp(before, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return float(after)


def anchored(recurrence: str, local: datetime) -> str:
    """A recurrence that remembers the day it began with."""
    if recurrence == "monthly":
        return f"monthly:{local.day}"
    return f"yearly:{local:%m-%d}" if recurrence == "yearly" else recurrence


def next_after(local: datetime, recurrence: str, after: datetime) -> datetime | None:
    """The first occurrence behind `after` (both naive local) of what recurs, beginning at `local`; None for none."""
    if (step := step_of(recurrence)) and after >= local:
        return local + ((after - local) // step + 1) * step
    return next((each for each in _occurrences(local, recurrence, after) if each > after), None)


def step_of(recurrence: str) -> timedelta | None:
    """How far apart its times are, where that is all there is to it: every hour, every three days."""
    kind, _, detail = recurrence.partition(":")
    if kind == "every" and detail.isdecimal() and int(detail):
        return timedelta(minutes=int(detail))
    return _HOUR if kind == "hourly" else None


def weekdays_of(detail: str) -> tuple[int, ...]:
    """The days of `weekly:1,4`: 0 is monday."""
    return tuple(int(day) for day in detail.split(",") if day)


def _occurrences(local: datetime, recurrence: str, after: datetime) -> Iterator[datetime]:
    """Occurrences from `local` on, and none that are long before `after`."""
    kind, _, detail = recurrence.partition(":")
    if kind in {"monthly", "yearly"}:
        yield from _calendar(local, kind, detail, after)
        return
    if step_of(recurrence):
        yield local
        return
    allowed = {
        "daily": range(7), "weekdays": range(5), "weekends": (5, 6),
        "weekly": weekdays_of(detail) or (local.weekday(),),
    }.get(kind, ())  # fmt: skip
    start = local
    if after > local:
        start += timedelta(days=max(0, (after - local).days - 1))
    for days in range(_FURTHEST):
        day = start + timedelta(days=days)
        if day.weekday() in allowed:
            yield day


def _calendar(local: datetime, kind: str, detail: str, after: datetime) -> Iterator[datetime]:
    month, day = (int(detail[:2]), int(detail[3:])) if kind == "yearly" else (0, int(detail))
    year = max(local.year, after.year)
    for ahead in range(24):
        at = (month - 1, year + ahead) if kind == "yearly" else ((ahead % 12), year + ahead // 12)
        number, in_year = at[0] + 1, at[1]
        if in_year > MAXYEAR:
            return
        last = calendar.monthrange(in_year, number)[1]
        found = local.replace(year=in_year, month=number, day=min(day, last))
        if found >= local:
            yield found


def _naive(wall_s: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(wall_s, zone).replace(tzinfo=None)
