"""When it is private: configured, by schedule, as said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.dialog.privacy import Privacy, read_schedule
from assistant.events import Event, PrivateModeChanged

NIGHT = read_schedule(["22:00-07:00"])


class Fixed:
    """values.Clock that stands still until it is set."""

    boot_id = "boot"

    def __init__(self) -> None:
        self.now_s = 0.0

    def wall_s(self) -> float:
        return self.now_s

    def steady_s(self) -> float:
        return self.now_s

    def at(self, day: int, hour: int, minute: int = 0) -> None:
        self.now_s = datetime(2025, 6, day, hour, minute, tzinfo=UTC).timestamp()


def privacy(
    clock: Fixed,
    *,
    configured: bool = False,
    schedule: Sequence[tuple[time, time]] = (),
    kept: Any = None,
    saved: dict[str, Any] | None = None,
    published: list[Event] | None = None,
) -> Privacy:
    async def save(name: str, value: Any) -> None:
        if saved is not None:
            saved[name] = value

    tell = published if published is not None else []
    return Privacy(
        configured=configured, schedule=schedule, clock=clock, zone=UTC, kept=kept, save=save, publish=tell.append
    )


@pytest.mark.parametrize(
    ("hour", "minute", "on"), [(21, 59, False), (22, 0, True), (3, 0, True), (6, 59, True), (7, 0, False)]
)
def test_a_schedule_over_midnight(hour: int, minute: int, on: bool) -> None:
    clock = Fixed()
    clock.at(15, hour, minute)
    assert privacy(clock, schedule=NIGHT).on is on


async def test_what_is_said_holds_until_the_schedule_turns() -> None:
    clock = Fixed()
    clock.at(15, 23)
    mode = privacy(clock, schedule=NIGHT)
    await mode.turn(on=False)
    assert not mode.on
    clock.at(16, 6, 59)
    assert not mode.on
    clock.at(16, 22, 1)
    assert mode.on


async def test_without_a_schedule_what_is_said_holds_for_good_and_over_restarts() -> None:
    clock, saved, published = Fixed(), dict[str, Any](), list[Event]()
    clock.at(15, 12)
    mode = privacy(clock, configured=True, saved=saved, published=published)
    assert mode.on
    await mode.turn(on=False)
    await mode.turn(on=False)
    assert [event.on for event in published if isinstance(event, PrivateModeChanged)] == [False]
    clock.at(28, 12)
    assert not mode.on
    assert not privacy(clock, configured=True, kept=saved["private"]).on


@pytest.mark.parametrize("kept", [None, 1, "on", [], {}, {"on": 1, "at_s": 2}, {"on": True}, {"on": True, "at_s": "x"}])
def test_what_makes_no_sense_is_forgotten(kept: Any) -> None:
    assert privacy(Fixed(), kept=kept).on is False


async def test_a_disk_that_fails_changes_nothing() -> None:
    async def full(name: str, value: Any) -> None:
        raise OSError

    mode = Privacy(
        configured=False, schedule=(), clock=Fixed(), zone=UTC, kept=None, save=full, publish=lambda event: None
    )
    with pytest.raises(OSError):  # noqa: PT011 - any
        await mode.turn(on=True)
    assert not mode.on


@given(begin=st.times(), end=st.times(), moment=st.datetimes(datetime(2024, 1, 1), datetime(2026, 1, 1)))  # noqa: DTZ001
def test_a_span_and_the_rest_of_the_day_are_never_both_private(begin: time, end: time, moment: datetime) -> None:
    clock = Fixed()
    clock.now_s = moment.replace(tzinfo=UTC).timestamp()
    if begin != end:
        assert privacy(clock, schedule=[(begin, end)]).on is not privacy(clock, schedule=[(end, begin)]).on


@pytest.mark.parametrize("span", ["22:00", "22:00-25:00", "a-b", ""])
def test_odd_schedules_are_refused(span: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - two kinds of message
        read_schedule([span])
