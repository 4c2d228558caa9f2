"""What binds a request that nothing would be made of."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.nlu.language import load_language
from assistant.nlu.normalise import plain
from assistant.nlu.provisos import Provisos
from assistant.values import IntentMatch

ENGLISH = load_language("en")
PROVISOS = Provisos(ENGLISH)
TODAY = date(2025, 6, 15)
WORDS = "at in for 7 10 pm minutes and every except if monday 5 the , not".split()  # noqa: SIM905 - to be read


def found(intent: str, text: str) -> str:
    return PROVISOS.find(IntentMatch(intent, {}, 0.9, "classifier"), plain(text, ENGLISH), TODAY)


@pytest.mark.parametrize(
    ("intent", "text", "proviso"),
    [
        ("HassTurnOff", "turn the lamp off in ten minutes", "later"),
        ("HassTurnOff", "turn the lamp off at ten", "later"),
        ("HassTurnOff", "turn the lamp off", ""),
        ("HassTurnOff", "turn the lamp off please when you can", ""),
        ("HassTurnOff", "turn off the lamp at", ""),
        ("HassTurnOff", "turn off the lamp today", ""),
        ("HassTurnOff", "turn the lamp off tomorrow", "later"),
        ("HassTurnOn", "the lamp but only if it rains", "condition"),
        ("HassTurnOn", "all lights but not the kitchen", "exception"),
        ("HassTurnOn", "never turn on the lamp", "negation"),
        ("HassLightSet", "set the lamp at 10", ""),
        ("HassLightSet", "set the lamp to 10 at 10 pm", "later"),
        ("HassMediaSearchAndPlay", "play if i fell", ""),
        ("HassMediaSearchAndPlay", "play jazz for half an hour", "later"),
        ("HassStartTimer", "two timers for five minutes", "several"),
        ("HassStartTimer", "a timer for 5 10 and 15 minutes", "several"),
        ("HassStartTimer", "a timer for 2 and a half minutes", ""),
        ("SetAlarm", "an alarm at 7 and at 8 or so", "several"),
        ("SetReminder", "remind me when i get home", "condition"),
        ("HassGetCurrentDate", "how many days since new year", "reckoning"),
        ("HassGetCurrentDate", "what day is it", ""),
        ("HassGetCurrentTime", "what time is sunrise", "reckoning"),
    ],
)
def test_what_binds_a_request(intent: str, text: str, proviso: str) -> None:
    assert found(intent, text) == proviso


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("turn off the lamp in ten minutes", ("turn off the lamp", {"minutes": 10})),
        ("tomorrow at 7 pm open the blinds", ("open the blinds", {"date": "2025-06-16", "time": "19:00"})),
        ("set the heating to 20 in an hour", ("set the heating to 20", {"hours": 1})),
        ("set the heating to 20 at 7 pm", ("set the heating to 20", {"time": "19:00"})),
        ("open the blinds every day at 7 am", ("open the blinds", {"time": "07:00", "recurrence": "daily"})),
        ("turn off the lamp on friday", None),
        ("turn off the lamp when it rains", None),
    ],
)
def test_what_is_to_be_done_at_which_time(text: str, found: object) -> None:
    assert PROVISOS.for_later(plain(text, ENGLISH), TODAY) == found


def test_the_day_of_something_unknown_is_no_date() -> None:
    match = IntentMatch("HassGetCurrentDate", {"message": "birthday"}, 0.9, "classifier")
    assert PROVISOS.find(match, "what day is my birthday", TODAY) == "reckoning"


@pytest.mark.parametrize(("query", "proviso"), [("dancing at eleven", ""), ("dancing", "later")])
def test_what_is_part_of_a_title_binds_nothing(query: str, proviso: str) -> None:
    match = IntentMatch("HassMediaSearchAndPlay", {"query": query}, 0.98, "grammar")
    assert PROVISOS.find(match, "play dancing at eleven", TODAY) == proviso


@given(
    st.sampled_from(["HassTurnOn", "HassLightSet", "SetAlarm", "HassStartTimer", "HassMediaSearchAndPlay"]),
    st.lists(st.sampled_from(WORDS), max_size=6),
)
def test_any_words_are_looked_at_without_failing(intent: str, words: list[str]) -> None:
    found(intent, " ".join(words))
