"""What a person can do to an item. Pure: each takes an item and `Now`, and returns the item as it is then.

Times are rounded to the millisecond, which is what the store keeps.
"""

from __future__ import annotations

import math
from dataclasses import replace

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


def paused(item: DueItem, now: Now) -> DueItem:
    """Paused already is fine.

    Raises:
        SkillError: `due-state` when it rings or is over.
    """
    if item.state is DueState.PAUSED:
        return item
    if item.state is not DueState.RUNNING:
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


def _limit(message: str) -> SkillError:
    return SkillError("due-limit", message)


def _state(message: str) -> SkillError:
    return SkillError("due-state", message)
