"""The pure part: what a person does to an item."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.due import change
from assistant.due.decide import Now, left_s
from assistant.errors import SkillError
from assistant.values import DueItem, DueState

NOW = Now(wall_s=1_750_000_000.0, steady_s=500.0, boot_id="boot-1")
LATER = Now(NOW.wall_s + 100, NOW.steady_s + 100, "boot-1")
TIMER = change.timer("id", "tea", 600.0, NOW)
RINGING = replace(TIMER, state=DueState.RINGING)
MISSED = replace(TIMER, state=DueState.MISSED)


@pytest.mark.parametrize(
    "duration_s", [0.0, -1.0, 0.999, change.MAX_S + 1, 1e300, math.inf, -math.inf, math.nan], ids=str
)
def test_silly_lengths_are_refused(duration_s: float) -> None:
    with pytest.raises(SkillError, match="between one second and seven days") as caught:
        change.timer("id", "", duration_s, NOW)
    assert caught.value.code == "due-limit"


def test_a_name_is_trimmed_and_bounded() -> None:
    assert change.timer("id", "  tea ", 1.0, NOW).name == "tea"
    assert len(change.timer("id", "x" * change.MAX_NAME, 1.0, NOW).name) == change.MAX_NAME
    with pytest.raises(SkillError) as caught:
        change.timer("id", "x" * (change.MAX_NAME + 1), 1.0, NOW)
    assert caught.value.code == "due-limit"


@given(duration=st.floats(change.MIN_S, change.MAX_S), wait=st.floats(0, 1e6), pause=st.floats(0, 1e9))
def test_a_pause_costs_nothing(duration: float, wait: float, pause: float) -> None:
    item = change.timer("id", "", duration, NOW)
    stop = Now(NOW.wall_s + wait, NOW.steady_s + wait, "boot-1")
    go = Now(stop.wall_s + pause, 3.0, "boot-2")
    resumed = change.resumed(change.paused(item, stop), go)
    assert left_s(resumed, go) == pytest.approx(max(0.0, duration - wait), abs=0.003)
    assert (resumed.state, resumed.boot_id) == (DueState.RUNNING, "boot-2")


def test_pausing_and_resuming_twice_is_fine() -> None:
    paused = change.paused(TIMER, NOW)
    assert change.paused(paused, LATER) is paused
    assert change.resumed(TIMER, LATER) is TIMER


@pytest.mark.parametrize("item", [RINGING, MISSED], ids=["ringing", "missed"])
def test_what_is_over_can_be_neither_paused_nor_resumed(item: DueItem) -> None:
    for verb in (change.paused, change.resumed):
        with pytest.raises(SkillError) as caught:
            verb(item, NOW)
        assert caught.value.code == "due-state"


@given(seconds=st.floats(-599, 1e5))
def test_extending_moves_end_and_length_alike(seconds: float) -> None:
    for item in (TIMER, change.paused(TIMER, NOW)):
        longer = change.extended(item, seconds, NOW)
        assert longer.state is item.state
        assert left_s(longer, NOW) == pytest.approx(600 + seconds, abs=0.002)
        assert longer.duration_s == pytest.approx(600 + seconds, abs=0.002)


@pytest.mark.parametrize("seconds", [-500.0, -500.1, -600.0, -1e9])
def test_with_nothing_left_it_rings(seconds: float) -> None:
    for item in (TIMER, change.paused(change.extended(TIMER, -100, NOW), NOW)):
        due = change.extended(item, seconds, LATER)
        assert due.state is DueState.RINGING
        assert (due.due_wall_s, due.due_steady_s) == (LATER.wall_s, LATER.steady_s)
        assert due.duration_s >= 0


def test_a_ringing_one_is_snoozed() -> None:
    snoozed = change.extended(RINGING, 60.0, LATER)
    assert (snoozed.state, left_s(snoozed, LATER)) == (DueState.RUNNING, 60.0)
    assert snoozed.duration_s >= 60.0


@pytest.mark.parametrize(
    ("item", "seconds", "code"),
    [
        (TIMER, math.inf, "due-limit"),
        (TIMER, math.nan, "due-limit"),
        (TIMER, change.MAX_S, "due-limit"),
        (TIMER, -math.inf, "due-limit"),
        (RINGING, -1.0, "due-state"),
        (RINGING, 0.0, "due-state"),
        (RINGING, math.nan, "due-state"),
        (MISSED, 60.0, "due-state"),
    ],
)
def test_silly_extensions_are_refused(item: DueItem, seconds: float, code: str) -> None:
    with pytest.raises(SkillError) as caught:
        change.extended(item, seconds, NOW)
    assert caught.value.code == code


@given(duration=st.floats(change.MIN_S, change.MAX_S), wall=st.floats(0, 4e9), steady=st.floats(0, 1e8))
def test_times_are_whole_milliseconds(duration: float, wall: float, steady: float) -> None:
    now = Now(wall, steady, "boot-1")
    item = change.paused(change.timer("id", "", duration, now), now)
    for time_s in (item.duration_s, item.due_wall_s, item.due_steady_s, item.created_wall_s, item.remaining_s):
        assert round(time_s * 1000) / 1000 == time_s
