"""What a person can do to an item. Pure: each takes an item and `Now`, and returns the item as it is then.

Times are rounded to the millisecond, which is what the store keeps.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, tzinfo

from assistant.due.calendar import anchored, moment, next_after
from assistant.due.decide import Now, left_s
from assistant.errors import SkillError
from assistant.values import DueItem, DueState

MIN_S = 1.0
MAX_S = 7 * 24 * 3600.0
MAX_NAME = 100
"""Characters."""


def timer(item_id: str, name: str, duration_s: float, now: Now) -> DueItem:
    """A new running timer.

    Raises:
        SkillError: `due-limit`.
    """
    name = name.strip()
    if len(name) > MAX_NAME:
        raise _limit(f"a timer's name has at most {MAX_NAME} characters")
    if not (math.isfinite(duration_s) and MIN_S <= duration_s <= MAX_S):
        raise _limit("a timer lasts between one second and seven days")
    item = DueItem(
        id=item_id,
        kind="timer",
        name=name,
        state=DueState.RUNNING,
        duration_s=round(duration_s, 3),
        due_wall_s=0.0,
        due_steady_s=0.0,
        boot_id=now.boot_id,
        remaining_s=0.0,
        created_wall_s=round(now.wall_s, 3),
    )
    return _running(item, item.duration_s, now)


def scheduled(  # noqa: PLR0913 - all of one item
    item_id: str, what: tuple[str, str], when: tuple[datetime, str], now: Now, zone: tzinfo, *, length_s: float = 0.0
) -> DueItem:
    """A new alarm or reminder: `what` (kind, name) and `when` (naive local time, recurrence).

    `length_s` when it is for so long from now, and only therefore for that time.

    Raises:
        SkillError: `due-limit`, `due-past`.
    """
    (kind, name), (local, recurrence) = what, when
    name = name.strip()
    if len(name) > MAX_NAME:
        raise _limit(f"a name has at most {MAX_NAME} characters")
    due_wall_s = round(moment(local, zone), 3)
    if due_wall_s <= now.wall_s:
        raise SkillError("due-past", "that time is over")
    return DueItem(
        id=item_id,
        kind=kind,
        name=name,
        state=DueState.RUNNING,
        duration_s=round(length_s, 3),
        due_wall_s=due_wall_s,
        due_steady_s=0.0,
        boot_id=now.boot_id,
        remaining_s=0.0,
        created_wall_s=round(now.wall_s, 3),
        local=local.isoformat(timespec="seconds"),
        recurrence=anchored(recurrence, local),
    )


def following(item: DueItem, now: Now, zone: tzinfo) -> DueItem | None:
    """The next one of what recurs, behind both the item's own time and now; None for what doesn't recur.

    Its id follows from the series and the time, so that making it twice makes it once.
    """
    if not item.recurrence:
        return None
    local = datetime.fromisoformat(item.local)
    here = datetime.fromtimestamp(now.wall_s, zone).replace(tzinfo=None)
    found = next_after(local, item.recurrence, max(local, here))
    if found is None:
        return None
    series = item.id.partition("@")[0]
    text = found.isoformat(timespec="seconds")
    due_wall_s = round(moment(found, zone), 3)
    return replace(item, id=f"{series}@{text}", state=DueState.RUNNING, due_wall_s=due_wall_s, local=text)


def aligned(item: DueItem, zone: tzinfo) -> DueItem:
    """What waits for a local time, in a zone that may be another than before.

    What waits for a length of time to pass stays where it is; only the clocks there say something else then.
    """
    if not item.local or item.state is not DueState.RUNNING:
        return item
    if item.duration_s:
        return replace(item, local=_local(item.due_wall_s, zone))
    return replace(item, due_wall_s=round(moment(datetime.fromisoformat(item.local), zone), 3))


def snoozed(item: DueItem, seconds: float, now: Now, zone: tzinfo) -> DueItem:
    """What rings, again in so many seconds.

    Raises:
        SkillError: `due-state` when it doesn't ring, `due-limit`.
    """
    if item.state is not DueState.RINGING:
        raise _state("only what rings can be snoozed")
    if not MIN_S <= seconds <= MAX_S:
        raise _limit("a snooze lasts between one second and seven days")
    if not item.local:
        return extended(item, seconds, now)
    due_wall_s = round(now.wall_s + seconds, 3)
    again = replace(item, state=DueState.RUNNING, duration_s=round(seconds, 3), due_wall_s=due_wall_s)
    return replace(again, local=_local(due_wall_s, zone))


def paused(item: DueItem, now: Now) -> DueItem:
    """Paused already is fine.

    Raises:
        SkillError: `due-state` when it rings or is over.
    """
    if item.state is DueState.PAUSED:
        return item
    if item.state is not DueState.RUNNING or item.local:
        raise _state("only a running timer can be paused")
    return replace(item, state=DueState.PAUSED, remaining_s=round(max(0.0, left_s(item, now)), 3))


def resumed(item: DueItem, now: Now) -> DueItem:
    """Running already is fine.

    Raises:
        SkillError: `due-state` when it rings or is over.
    """
    if item.state is DueState.RUNNING:
        return item
    if item.state is not DueState.PAUSED:
        raise _state("only a paused timer can be resumed")
    return _running(item, item.remaining_s, now)


def extended(item: DueItem, seconds: float, now: Now) -> DueItem:
    """Longer, or shorter when negative; with nothing left it rings. A ringing one runs again (a snooze).

    Raises:
        SkillError: `due-limit` when it would get too long; `due-state` when it is over, or rings and can't be shorter.
    """
    if item.state is DueState.MISSED or (item.state is DueState.RINGING and not seconds > 0):
        raise _state("that timer is over")
    left = seconds + (0.0 if item.state is DueState.RINGING else left_s(item, now))
    duration_s = round(item.duration_s + seconds, 3)
    if not math.isfinite(left) or max(left, duration_s) > MAX_S:
        raise _limit("a timer lasts at most seven days")
    item = replace(item, duration_s=max(0.0, duration_s))
    if left <= 0:
        return replace(_running(item, 0.0, now), state=DueState.RINGING)
    if item.state is DueState.PAUSED:
        return replace(item, remaining_s=round(left, 3))
    return _running(item, left, now)


def cancelled(item: DueItem) -> DueItem:
    """Over, whatever it was doing."""
    return replace(item, state=DueState.CANCELLED)


def _running(item: DueItem, left: float, now: Now) -> DueItem:
    return replace(
        item,
        state=DueState.RUNNING,
        due_wall_s=round(now.wall_s + left, 3),
        due_steady_s=round(now.steady_s + left, 3),
        boot_id=now.boot_id,
        remaining_s=0.0,
    )


def _local(wall_s: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(wall_s, zone).replace(tzinfo=None).isoformat(timespec="seconds")


def _limit(message: str) -> SkillError:
    return SkillError("due-limit", message)


def _state(message: str) -> SkillError:
    return SkillError("due-state", message)
