"""When an item is due, and what follows. Pure: takes `Now`, never reads a clock.

Within one boot the steady clock decides, so the wall clock may jump, be set or change zone without moving a timer. An
item from an earlier boot has only the wall clock, which a board without a battery may have wrong:

    wall clock says                          then
    ------------------------------------     ----------------------------------------------------------------
    due later, no later than its length      it waits; the scheduler looks again at least every RECHECK_S, so a
                                             clock that gets set meanwhile is heeded
    due later than its whole length          the clock is behind for certain. What is certain too: it was set
                                             before this boot, so it is due at the latest when this boot has
                                             lasted its length
    due up to GRACE_S ago                    it rings
    due longer ago                           it was missed

What is for a local time has the wall clock alone: moved forward past it, it rings or was missed by the same grace, and
moved back it waits again, unless it rang (then only the next one is left).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from assistant.values import DueItem, DueState

GRACE_S = 60.0
"""Somebody who hears a ring this late still knows what it is about."""

RECHECK_S = 30.0
"""Longest sleep of the scheduler: loop timers stand still while the machine is suspended, and clocks get set."""

REALIGN_S = 2.0
"""A wall-clock due time that is off by more than this is corrected, for the sake of the next boot."""

_ROUNDING_S = 1.0


@dataclass(frozen=True, slots=True)
class Now:
    """One reading of the clocks."""

    wall_s: float
    steady_s: float
    boot_id: str


def left_s(item: DueItem, now: Now) -> float:
    """Time until a running or paused item is due; negative when it is overdue."""
    if item.state is DueState.PAUSED:
        return item.remaining_s
    if item.local:
        return item.due_wall_s - now.wall_s
    if item.boot_id == now.boot_id:
        return item.due_steady_s - now.steady_s
    left = item.due_wall_s - now.wall_s
    if left > item.duration_s + _ROUNDING_S:
        return item.duration_s - now.steady_s
    return left


def step(item: DueItem, now: Now, *, rang_at_s: float | None, ring_timeout_s: float) -> DueItem:
    """What becomes of an item by itself: the same item, or one that rings, was missed or has its due time corrected.

    `rang_at_s` is the steady time at which it began to ring; None while it doesn't.
    """
    if rang_at_s is not None:
        over = now.steady_s - rang_at_s >= ring_timeout_s
        return replace(item, state=DueState.MISSED) if over else item
    if item.state is not DueState.RUNNING:
        return item
    left = left_s(item, now)
    if left > 0:
        return _realigned(item, now)
    return replace(item, state=DueState.RINGING if left >= -GRACE_S else DueState.MISSED)


def check_in_s(item: DueItem, now: Now, *, rang_at_s: float | None, ring_timeout_s: float) -> float:
    """How long the item can be left alone, RECHECK_S at most."""
    if rang_at_s is not None:
        return max(0.0, min(RECHECK_S, rang_at_s + ring_timeout_s - now.steady_s))
    if item.state is DueState.RUNNING:
        return max(0.0, min(RECHECK_S, left_s(item, now)))
    return RECHECK_S


def revived(item: DueItem) -> DueItem:
    """An item as loaded after a crash or restart: a ring that was cut off is due again."""
    return replace(item, state=DueState.RUNNING) if item.state is DueState.RINGING else item


def _realigned(item: DueItem, now: Now) -> DueItem:
    if item.boot_id != now.boot_id or item.local:
        return item
    due_wall_s = now.wall_s + item.due_steady_s - now.steady_s
    if abs(due_wall_s - item.due_wall_s) <= REALIGN_S:
        return item
    return replace(item, due_wall_s=round(due_wall_s, 3))
