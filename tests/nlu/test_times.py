"""Clock times, days and recurrences as people say them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.nlu.dates import Dates
from assistant.nlu.language import load_language
from assistant.nlu.normalise import plain
from assistant.nlu.numbers import Numbers
from assistant.nlu.periods import Periods
from assistant.nlu.times import Times
from assistant.nlu.tokens import tokenise
from assistant.nlu.when import WhenReader, until
from assistant.values import Slots

ENGLISH = load_language("en")
NUMBERS = Numbers(ENGLISH)
TIMES, PERIODS = Times(ENGLISH, NUMBERS), Periods(ENGLISH, Dates(ENGLISH, NUMBERS))
WHEN = WhenReader(ENGLISH)
THURSDAY = date(2026, 11, 26)
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
TENS = ["", "", "twenty", "thirty", "forty", "fifty"]


def spoken(number: int) -> str:
    """0 to 59 in words."""
    named = [*WORDS, "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
    return named[number] if number < 20 else f"{TENS[number // 10]} {named[number % 10] if number % 10 else ''}".strip()


@given(st.integers(0, 23), st.integers(0, 59))
def test_every_time_of_day_is_read_as_it_is_said(hour: int, minute: int) -> None:
    half, hour_12 = ("am" if hour < 12 else "pm"), hour % 12 or 12
    wanted = f"{hour:02}:{minute:02}"
    ways = [f"at {hour}:{minute:02}", f"{hour_12}:{minute:02} {half}", f"{hour_12}.{minute:02} {half[0]}.m."]
    if minute >= 10:
        ways.append(f"{spoken(hour_12)} {spoken(minute)} {half}")
    if minute == 0:
        ways += [f"{spoken(hour_12)} {half}", f"{hour_12}{half}", f"{spoken(hour_12)} o'clock {half}"]
    if 0 < minute < 30:
        ways.append(f"{spoken(minute)} minutes past {spoken(hour_12)} {half}")
    if minute > 30 and hour % 12 != 11:
        ways.append(f"{spoken(60 - minute)} to {spoken((hour + 1) % 12 or 12)} {half}")
    assert {way: TIMES.clock(plain(way, ENGLISH)) for way in ways} == dict.fromkeys(ways, wanted)


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("half past seven in the evening", "19:30"),
        ("quarter to nine", "08:45"),
        ("seven hundred and thirty am", "07:30"),
        ("1430", "14:30"),
        ("noon", "12:00"),
        ("midnight", "00:00"),
        ("12 am", "00:00"),
        ("tomorrow morning", "08:00"),
        ("nine o five", "09:05"),
        ("seven oh nine pm", "19:09"),
        ("half seven", "07:30"),
        ("in twenty minutes", None),
        ("seventy five", None),
        ("99:99", None),
        ("whenever", None),
        ("", None),
    ],
)
def test_clock_times(text: str, clock: str | None) -> None:
    assert TIMES.clock(plain(text, ENGLISH)) == clock


@pytest.mark.parametrize(
    ("text", "often"),
    [
        ("every monday", "weekly:0"),
        ("each sunday", "weekly:6"),
        ("on weekdays", "weekdays"),
        ("every single day", "daily"),
        ("every single tree", None),
        ("every monday and thursday", "weekly:0,3"),
        ("mondays, wednesdays and fridays", "weekly:0,2,4"),
        ("monday to friday", "weekdays"),
        ("friday to monday", "weekly:0,4,5,6"),
        ("every other day", "every:2880"),
        ("every second week", "every:20160"),
        ("every 30 minutes", "every:30"),
        ("every thirty seconds", None),
        ("monday's", None),
        ("monday", None),
        ("daily", "daily"),
        ("once a month", "monthly"),
        ("every", None),
    ],
)
def test_recurrences(text: str, often: str | None) -> None:
    assert TIMES.recurrence(text) == often


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("tomorrow", "2026-11-27"),
        ("tuesday's", "2026-12-01"),
        ("mondays", "2026-11-30"),
        ("this week", "2026-W48"),
        ("next week", "2026-W49"),
        ("this weekend", "2026-W48-WE"),
        ("last month", "2026-10"),
        ("next year", "2027"),
        ("march", "2027-03"),
        ("december", "2026-12"),
        ("the twenty second", "2026-12-22"),
        ("the twenty sixth", "2026-11-26"),
        ("march third", "2027-03-03"),
        ("soon", None),
        ("", None),
    ],
)
def test_days_and_stretches_of_days(text: str, named: str | None) -> None:
    assert PERIODS.read(text, THURSDAY) == named


@given(st.dates(date(1900, 1, 1), date(9000, 1, 1)), st.integers(0, 365))
def test_a_date_said_in_full_is_that_date(today: date, ahead: int) -> None:
    day = today + timedelta(days=ahead)
    month = ENGLISH.list("months")[day.month - 1]
    assert PERIODS.read(f"{month} {day.day} {day.year}", today) == day.isoformat()


@given(st.text(max_size=60), st.dates())
def test_any_text_is_read_without_failing(text: str, today: date) -> None:
    words = plain(text, ENGLISH)
    TIMES.clock(words)
    TIMES.recurrence(words)
    PERIODS.read(words, today)


@given(st.lists(st.sampled_from(["at", "ten", "to", "past", "half", "quarter", "7:30", "in", "o'clock"]), max_size=4))
def test_nothing_is_read_behind_the_end(words: list[str]) -> None:
    """Where a sentence ends in "at", for one."""
    tokens = tokenise(" ".join(words))
    for beyond in range(3):
        assert TIMES.clock_at(tokens, len(tokens) + beyond) is None


@pytest.mark.parametrize(
    ("slots", "length"),
    [
        ({"time": "21:00"}, {"hours": 11}),
        ({"time": "09:30"}, {"hours": 23, "minutes": 30}),
        ({"time": "09:30", "ambiguous": True}, {"hours": 11, "minutes": 30}),
        ({"time": "10:00"}, {"hours": 24}),
        ({"time": "10:00", "ambiguous": True}, {"hours": 12}),
        ({"time": "07:00", "date": "2026-11-28"}, {"hours": 45}),
        ({"time": "11:00", "date": "0001-01-01"}, {"hours": 1}),
        ({"time": "11:00", "date": "2026-12"}, {}),
        ({"date": "2026-11-28"}, {}),
    ],
)
def test_how_long_it_is_until_then(slots: Slots, length: Slots) -> None:
    assert until(slots, datetime(2026, 11, 26, 10)) == length  # noqa: DTZ001 - local


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("in a week at 5 pm", {"date": "2026-12-03", "time": "17:00"}),
        ("in a week", {"hours": 168}),
        ("a week from today at 5 pm", {"date": "2026-12-03", "time": "17:00"}),
        ("two weeks from monday", {"date": "2026-12-14"}),
        ("in a fortnight", {"date": "2026-12-10"}),
        ("half an hour from now", {"minutes": 30}),
        ("every third of june", {"date": "2027-06-03", "recurrence": "yearly"}),
        ("every christmas at 9 am", {"date": "2026-12-25", "time": "09:00", "recurrence": "yearly"}),
        ("at 20 in an hour", None),
        ("a week", None),
        ("every third", None),
    ],
)
def test_moments(text: str, moment: Slots | None) -> None:
    assert WHEN.read(plain(text, ENGLISH), THURSDAY) == moment


@pytest.mark.parametrize(
    ("moment", "text", "goes_on"),
    [
        ("at ten", "nine to call mum", True),
        ("at ten", "nine", True),
        ("at ten", "call mum at nine", False),
        ("at five", "take out the bins", False),
        ("at six", "", False),
    ],
)
def test_a_time_that_goes_on_behind_to(moment: str, text: str, goes_on: bool) -> None:
    assert WHEN.goes_on(moment, text, THURSDAY) is goes_on
