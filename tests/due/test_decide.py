"""The pure part: what an item does at a moment."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from assistant.due import change
from assistant.due.decide import GRACE_S, REALIGN_S, RECHECK_S, Now, check_in_s, left_s, revived, step
from assistant.values import DueItem, DueState

BOOT = Now(wall_s=1_750_000_000.0, steady_s=500.0, boot_id="boot-1")
TIMER = change.timer("id", "tea", 600.0, BOOT)

times = st.integers(1, 600_000_000).map(lambda ms: ms / 1000)
jumps = st.floats(-4e9, 4e9, allow_nan=False)


def later(seconds: float, *, jump_s: float = 0.0) -> Now:
    """The same boot, some time on, the wall clock having jumped."""
    return Now(BOOT.wall_s + seconds + jump_s, BOOT.steady_s + seconds, BOOT.boot_id)


def after_reboot(wall_s: float, uptime_s: float = 20.0) -> Now:
    return Now(wall_s, uptime_s, "boot-2")


def settled(item: DueItem, now: Now) -> DueState:
    return step(item, now, rang_at_s=None, ring_timeout_s=300.0).state


@pytest.mark.parametrize(
    ("after_s", "state"),
    [
        (0.0, DueState.RUNNING),
        (599.999, DueState.RUNNING),
        (600.0, DueState.RINGING),
        (600.0 + GRACE_S, DueState.RINGING),
        (600.1 + GRACE_S, DueState.MISSED),
        (1e6, DueState.MISSED),
    ],
)
def test_within_a_boot(after_s: float, state: DueState) -> None:
    assert settled(TIMER, later(after_s)) is state


@given(duration=times.filter(lambda s: s >= 1), share=st.floats(0, 3), jump_s=jumps)
def test_a_jump_of_the_wall_clock_decides_nothing_within_a_boot(duration: float, share: float, jump_s: float) -> None:
    item = change.timer("id", "", duration, BOOT)
    straight, jumped = later(duration * share), later(duration * share, jump_s=jump_s)
    assert left_s(item, jumped) == left_s(item, straight)
    assert settled(item, jumped) is settled(item, straight)


@pytest.mark.parametrize(
    ("wall_after_s", "state"),
    [
        (30.0, DueState.RUNNING),
        (599.0, DueState.RUNNING),
        (601.0, DueState.RINGING),
        (600.0 + GRACE_S, DueState.RINGING),
        (700.0, DueState.MISSED),
        (86_400.0 * 365, DueState.MISSED),
    ],
)
def test_after_a_reboot_the_wall_clock_decides(wall_after_s: float, state: DueState) -> None:
    assert settled(TIMER, after_reboot(BOOT.wall_s + wall_after_s)) is state


@pytest.mark.parametrize("wall_s", [0.0, 12.0, BOOT.wall_s - 86_400, BOOT.wall_s - 30])
def test_a_clock_that_is_behind_for_certain_is_not_believed(wall_s: float) -> None:
    assert left_s(TIMER, after_reboot(wall_s, uptime_s=20.0)) == pytest.approx(580.0)
    assert settled(TIMER, after_reboot(wall_s, uptime_s=20.0)) is DueState.RUNNING
    assert settled(TIMER, after_reboot(wall_s, uptime_s=601.0)) is DueState.RINGING


@given(duration=times.filter(lambda s: s >= 1), uptime_s=times, wall_s=st.floats(0, 4e9))
def test_after_a_reboot_no_more_is_left_than_the_whole_length(duration: float, uptime_s: float, wall_s: float) -> None:
    item = change.timer("id", "", duration, BOOT)
    assert left_s(item, after_reboot(wall_s, uptime_s)) <= duration + 1.0


@given(duration=times.filter(lambda s: s >= 1), off_s=times)
def test_a_right_clock_is_believed_to_the_millisecond(duration: float, off_s: float) -> None:
    item = change.timer("id", "", duration, BOOT)
    assert left_s(item, after_reboot(BOOT.wall_s + off_s, uptime_s=off_s / 2)) == pytest.approx(
        duration - off_s, abs=0.002
    )


@given(jump_s=jumps)
def test_a_jump_is_written_into_the_wall_time_for_the_next_boot(jump_s: float) -> None:
    assume(abs(abs(jump_s) - REALIGN_S) > 0.01)
    now = later(100.0, jump_s=jump_s)
    item = step(TIMER, now, rang_at_s=None, ring_timeout_s=300.0)
    if abs(jump_s) < REALIGN_S:
        assert item is TIMER
    else:
        assert item.due_wall_s - now.wall_s == pytest.approx(500.0, abs=0.01)
        assert (item.state, item.due_steady_s) == (TIMER.state, TIMER.due_steady_s)


@pytest.mark.parametrize("state", [DueState.PAUSED, DueState.MISSED, DueState.DONE, DueState.CANCELLED])
def test_only_running_items_become_due(state: DueState) -> None:
    item = DueItem("id", "timer", "", state, 1.0, 0.0, 0.0, "boot-1", 1.0, 0.0)
    assert step(item, later(1e9), rang_at_s=None, ring_timeout_s=300.0) is item


def test_a_ring_ends_after_its_time() -> None:
    ringing = step(TIMER, later(600), rang_at_s=None, ring_timeout_s=300.0)
    rang_at_s = later(600).steady_s
    assert step(ringing, later(899.9), rang_at_s=rang_at_s, ring_timeout_s=300.0) is ringing
    over = step(ringing, later(900.0), rang_at_s=rang_at_s, ring_timeout_s=300.0)
    assert over.state is DueState.MISSED


@given(duration=times.filter(lambda s: s >= 1), after_s=times)
def test_the_next_look_is_never_late(duration: float, after_s: float) -> None:
    item, now = change.timer("id", "", duration, BOOT), later(after_s)
    sleep_s = check_in_s(item, now, rang_at_s=None, ring_timeout_s=300.0)
    assert 0 <= sleep_s <= RECHECK_S
    assert sleep_s == 0 or sleep_s <= left_s(item, now)


@pytest.mark.parametrize(("rang_for_s", "sleep_s"), [(0.0, RECHECK_S), (290.0, 10.0), (300.0, 0.0), (999.0, 0.0)])
def test_the_next_look_at_a_ring_is_its_end(rang_for_s: float, sleep_s: float) -> None:
    now = later(600 + rang_for_s)
    rang_at_s = later(600).steady_s
    assert check_in_s(TIMER, now, rang_at_s=rang_at_s, ring_timeout_s=300.0) == sleep_s


def test_a_ring_that_was_cut_off_is_due_again() -> None:
    ringing = step(TIMER, later(600), rang_at_s=None, ring_timeout_s=300.0)
    assert revived(ringing) == TIMER
    assert revived(TIMER) is TIMER
