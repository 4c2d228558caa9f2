"""Local times as moments, over the changes of the clocks, and what recurs."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.due.calendar import anchored, moment, next_after

ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo", "UTC")]
LOCALS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(lambda each: each.replace(microsecond=0))  # noqa: DTZ001
RECURRENCES = [
    "daily", "weekly", "weekly:0", "weekly:6", "weekdays", "weekends", "monthly", "yearly", "hourly",
    "weekly:1,4", "every:4320",
]  # fmt: skip


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def back(wall_s: float, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(wall_s, zone).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("local", "zone", "meant"),
    [
        ("2025-03-30T02:30", "Europe/Berlin", "2025-03-30T03:00"),
        ("2025-03-30T01:59", "Europe/Berlin", "2025-03-30T01:59"),
        ("2025-03-09T02:01", "America/New_York", "2025-03-09T03:00"),
        ("2025-10-05T02:15", "Australia/Lord_Howe", "2025-10-05T02:30"),
        ("2025-06-15T07:00", "Europe/Berlin", "2025-06-15T07:00"),
    ],
)
def test_a_time_the_clocks_skip_is_the_first_behind(local: str, zone: str, meant: str) -> None:
    assert back(moment(at(local), ZoneInfo(zone)), ZoneInfo(zone)) == at(meant)


def test_a_time_that_comes_twice_is_the_first() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first = moment(at("2025-10-26T02:30"), berlin)
    assert moment(at("2025-10-26T03:30"), berlin) - first == 2 * 3600


@given(local=LOCALS, zone=st.sampled_from(ZONES))
def test_a_moment_is_the_local_time_or_right_behind_a_gap(local: datetime, zone: ZoneInfo) -> None:
    found = back(moment(local, zone), zone)
    assert timedelta(0) <= found - local <= timedelta(hours=1)


@given(local=LOCALS, later_s=st.integers(0, 100_000_000), recurrence=st.sampled_from(RECURRENCES))
def test_the_next_one_is_later_at_the_same_time_of_day_and_none_is_left_out(
    local: datetime, later_s: int, recurrence: str
) -> None:
    often = anchored(recurrence, local)
    after = local + timedelta(seconds=later_s)
    found = next_after(local, often, after)
    assert found is not None
    assert found > after
    assert (found.minute, found.second) == (local.minute, local.second)
    assert recurrence == "hourly" or found.hour == local.hour
    longest = {"hourly": 1 / 24, "daily": 1, "weekdays": 3, "weekends": 6, "monthly": 31, "yearly": 366}.get(
        recurrence, 7
    )
    assert found - after <= timedelta(days=longest)


@pytest.mark.parametrize(
    ("recurrence", "begin", "times"),
    [
        ("weekdays", "2025-06-13T07:00", ["2025-06-16T07:00", "2025-06-17T07:00"]),
        ("weekends", "2025-06-15T09:00", ["2025-06-21T09:00", "2025-06-22T09:00"]),
        ("weekly:2", "2025-06-18T08:00", ["2025-06-25T08:00", "2025-07-02T08:00"]),
        ("monthly", "2025-01-31T08:00", ["2025-02-28T08:00", "2025-03-31T08:00", "2025-04-30T08:00"]),
        (
            "yearly",
            "2024-02-29T08:00",
            ["2025-02-28T08:00", "2026-02-28T08:00", "2027-02-28T08:00", "2028-02-29T08:00"],
        ),
        ("weekly:1,4", "2025-06-17T19:00", ["2025-06-20T19:00", "2025-06-24T19:00", "2025-06-27T19:00"]),
        ("every:90", "2025-06-15T08:00", ["2025-06-15T09:30", "2025-06-15T11:00"]),
        ("every:20160", "2025-06-16T07:00", ["2025-06-30T07:00", "2025-07-14T07:00"]),
        ("hourly", "2025-06-15T08:15", ["2025-06-15T09:15", "2025-06-15T10:15"]),
    ],
)
def test_what_recurs(recurrence: str, begin: str, times: list[str]) -> None:
    local = at(begin)
    often, found = anchored(recurrence, local), [local]
    for _ in times:
        after = next_after(found[-1], often, found[-1])
        assert after is not None
        found.append(after)
    assert found[1:] == [at(each) for each in times]
    assert all(first < second for first, second in pairwise(found))


def test_what_no_recurrence_is_comes_once() -> None:
    assert next_after(at("2025-06-15T08:00"), "now and then", at("2025-06-15T08:00")) is None
