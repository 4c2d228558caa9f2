"""Numbers, lengths of time, days and calculations as people say them."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.nlu.dates import Day
from assistant.nlu.durations import Duration
from assistant.nlu.entities import Entities
from assistant.nlu.language import load_language
from assistant.nlu.normalise import clauses, plain
from assistant.nlu.numbers import Numbers
from assistant.nlu.tokens import tokenise

ENGLISH = load_language("en")
ENTITIES = Entities(ENGLISH)
SUNDAY = date(2025, 6, 15)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("seven", 7),
        ("twenty five", 25),
        ("twenty-five", 25),
        ("one hundred and five", 105),
        ("a hundred", 100),
        ("two thousand and six", 2006),
        ("twelve hundred", 1200),
        ("three million two hundred thousand", 3_200_000),
        ("2.5 million", 2_500_000),
        ("1,000", 1000),
        ("1,234,567.5", 1234567.5),
        (".5", 0.5),
        ("six point two five", 6.25),
        ("two and a half", 2.5),
        ("a dozen", 12),
        ("nine hundred ninety nine", 999),
    ],
)
def test_numbers(text: str, value: float) -> None:
    tokens = tokenise(text)
    assert Numbers(ENGLISH).at(tokens, 0) == (Fraction(value), len(tokens))


@pytest.mark.parametrize(
    ("text", "words"), [("twenty thirty", 1), ("five six", 1), ("ten and five", 1), ("one hundred and", 2)]
)
def test_numbers_side_by_side_stay_apart(text: str, words: int) -> None:
    number = Numbers(ENGLISH).at(tokenise(text), 0)
    assert number is not None
    assert number[1] == words


@pytest.mark.parametrize("text", ["a", "and", "point", "hundred", "", "9" * 30, "²"])
def test_no_numbers(text: str) -> None:
    assert Numbers(ENGLISH).at(tokenise(text), 0) is None


@given(st.integers(0, 999_999))
def test_digits_are_numbers(value: int) -> None:
    for text in (str(value), f"{value:,}"):
        assert Numbers(ENGLISH).at(tokenise(text), 0) == (Fraction(value), 1)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("10 minutes", Duration(minutes=10)),
        ("half an hour", Duration(minutes=30)),
        ("an hour and a half", Duration(hours=1, minutes=30)),
        ("two and a half minutes", Duration(minutes=2, seconds=30)),
        ("90 seconds", Duration(seconds=90)),
        ("1.5 hours", Duration(hours=1, minutes=30)),
        ("5:30", Duration(minutes=5, seconds=30)),
        ("1:30:00", Duration(hours=1, minutes=30)),
        ("an hour twenty", Duration(hours=1, minutes=20)),
        ("1 hour, 2 minutes and 3 seconds", Duration(hours=1, minutes=2, seconds=3)),
        ("10m 30s", Duration(minutes=10, seconds=30)),
        ("a week", Duration(hours=168)),
        ("0.01 hours", Duration(seconds=36)),
        ("zero minutes", Duration()),
        ("1½ hours", Duration(hours=1, minutes=30)),
        ("½ hour", Duration(minutes=30)),
        ("2 1/2 minutes", Duration(minutes=2, seconds=30)),
    ],
)
def test_durations(text: str, duration: Duration) -> None:
    assert ENTITIES.duration(plain(text, ENGLISH)) == duration


@pytest.mark.parametrize(
    "text", ["5:30 pm", "a second timer", "hours", "5:75", "ten", "minutes ten", "5:30 o'clock", "1:2:3:4:5 am"]
)
def test_no_durations(text: str) -> None:
    assert ENTITIES.duration(plain(text, ENGLISH)) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("tomorrow", "2025-06-16"),
        ("the day before yesterday", "2025-06-13"),
        ("in 10 days", "2025-06-25"),
        ("two weeks from now", "2025-06-29"),
        ("sunday", "2025-06-22"),
        ("last sunday", "2025-06-08"),
        ("last monday", "2025-06-09"),
        ("march third", "2026-03-03"),
        ("the 3rd of march", "2026-03-03"),
        ("june 15th", "2025-06-15"),
        ("february 29th", "2028-02-29"),
        ("june fifth 2027", "2027-06-05"),
        ("june fifth two thousand and twenty seven", "2027-06-05"),
        ("the twenty second of march twenty seventeen", "2017-03-22"),
        ("may third nineteen ninety nine", "1999-05-03"),
        ("feb four", "2026-02-04"),
        ("may fifth nineteen thirty", "2026-05-05"),
        ("new year's day", "2026-01-01"),
        ("the second monday of march", "2026-03-09"),
        ("the last friday in june", "2025-06-27"),
        ("the third sunday of june", "2025-06-15"),
        ("twenty first of may", "2026-05-21"),
    ],
)
def test_days(text: str, day: str) -> None:
    views = ENTITIES.views(text, SUNDAY)
    days = [value for view in views for value in view.values if isinstance(value, Day)]
    assert [found.date.isoformat() for found in days] == [day]


@pytest.mark.parametrize("text", ["february 30th", "in a day", "the 45th of may", "day", "in 10000000 days", "may"])
def test_no_days(text: str) -> None:
    assert not [value for view in ENTITIES.views(text, SUNDAY) for value in view.values if isinstance(value, Day)]


def test_the_last_days_of_the_calendar_do_no_harm() -> None:
    assert ENTITIES.views("what day is tomorrow", date(9999, 12, 31))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two plus two times three", "2 + 2 * 3"),
        ("(2 + 3) * 4", "(2 + 3) * 4"),
        ("minus five plus 3", "- 5 + 3"),
        ("ten divided by half of four", "10 / (1/2) of 4"),
        ("the cube root of 27", "cbrt 27"),
        ("8 factorial", "8!"),
        ("the square of 4", "(4 ^ 2)"),
        ("twice 7", "(7 * 2)"),
        ("one half plus one third", "(1/2) + (1/3)"),
        ("the product of 6 and 7", "6 * 7"),
        ("the difference between ten and four", "10 - 4"),
        ("four to the third power", "4 ^ 3"),
        ("10 mod 3", "10 mod 3"),
        ("pi times 2", "3.141592653589793 * 2"),
        ("2 1/2 times 2", "2.5 * 2"),
        ("24/7", None),
        ("2 plus", None),
        ("plus 2", None),
        ("(2 + 3", "2 + 3"),
        ("42", None),
    ],
)
def test_calculations(text: str, line: str | None) -> None:
    assert ENTITIES.expression(plain(text, ENGLISH)) == line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  What's   the TIME?  ", "what is the time"),
        ("It's 5:30, o’clock!", "it is 5:30 o'clock"),
        ("1,000.5 and 2.", "1,000.5 and 2"),
        ("Don't", "do not"),
        ("a\x00b\tc", "a b c"),
        ("ＴＩＭＥ", "time"),
        ("crème brûlée", "crème brûlée"),
        ("🎉", ""),
    ],
)
def test_plain_text(text: str, expected: str) -> None:
    assert plain(text, ENGLISH) == expected


@given(st.text(max_size=200))
def test_plain_text_is_stable(text: str) -> None:
    once = plain(text, ENGLISH)
    assert once == " ".join(once.split())
    assert len(once.split()) <= len(text) + len(once)


def test_clauses_are_sentences_or_else_parts_between_commas() -> None:
    assert clauses("Hello. What time is it? 3.5", ENGLISH) == ["hello", "what time is it", "3.5"]
    assert clauses("no, stop", ENGLISH) == ["no", "stop"]
    assert clauses("1,000", ENGLISH) == ["1,000"]
