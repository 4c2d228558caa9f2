"""Written English into words for a voice."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.speech.spoken import strip_markup, to_spoken

TABLE = {
    # times
    "It's 10:05.": "It's ten oh five.",
    "10:00": "ten o'clock",
    "10:00 PM": "ten P.M.",
    "It's 10:05 AM.": "It's ten oh five A.M.",
    "See you at 7:30 p.m. tomorrow.": "See you at seven thirty P.M. tomorrow.",
    "9am, then 10pm": "nine A.M., then ten P.M.",
    "17:00": "seventeen hundred",
    "14:05": "fourteen oh five",
    "0:00": "midnight",
    "10:05:30": "ten oh five and thirty seconds",
    "9:00-17:30": "nine o'clock to seventeen thirty",
    # dates and years
    "June 15, 2025": "June fifteenth, twenty twenty five",
    "on Dec. 3": "on December third",
    "15 June 2025": "the fifteenth of June, twenty twenty five",
    "the 1st of May": "the first of May",
    "2025-06-15": "June fifteenth, twenty twenty five",
    "in 1999 and since 2005": "in nineteen ninety nine and since two thousand five",
    "1914–1918": "nineteen fourteen to nineteen eighteen",
    "the 1990s": "the nineteen nineties",
    "the '90s": "the nineties",
    # quantities
    "It's 21° outside.": "It's twenty one degrees outside.",
    "-5 °C": "minus five degrees Celsius",
    "72°F": "seventy two degrees Fahrenheit",
    "1°": "one degree",
    "90 km/h": "ninety kilometers per hour",
    "1 km": "one kilometer",
    "0.5 mm": "zero point five millimeters",
    "100 W": "one hundred watts",
    "50%": "fifty percent",
    "10-20%": "ten to twenty percent",
    "10–15 km": "ten to fifteen kilometers",
    "1 h 5 min": "one hour five minutes",
    "wake me at 5 in the morning": "wake me at five in the morning",
    # money
    "$3.50": "three dollars and fifty cents",
    "$1.01": "one dollar and one cent",
    "$0.99": "ninety nine cents",
    "$2 million": "two million dollars",
    "5€": "five euros",
    "£2.20": "two pounds and twenty pence",
    "-$5": "minus five dollars",
    # numbers
    "105": "one hundred five",
    "1,234,567": "one million two hundred thirty four thousand five hundred sixty seven",
    "3.14": "three point one four",
    "-7": "minus seven",
    "007": "zero zero seven",
    "1234567890123456": "one two three four five six seven eight nine zero one two three four five six",
    "555-1234": "five five five, one two three four",
    "192.168.0.1": "one hundred ninety two dot one hundred sixty eight dot zero dot one",
    "the 21st, 2nd and 112th": "the twenty first, second and one hundred twelfth",
    "A4, H2O, COVID-19": "A four, H two O, COVID nineteen",
    "٣": "three",
    # fractions and sums
    "1/2 cup": "one half cup",
    "3/4": "three quarters",
    "2 1/2 cups": "two and a half cups",
    "2½ hours": "two and a half hours",
    "open 24/7": "open twenty four seven",
    "5 + 3 = 8": "five plus three equals eight",
    "10 - 3 = 7": "ten minus three equals seven",
    "6/2": "six divided by two",
    "3 × 4": "three times four",
    "2^10": "two to the power of ten",
    # abbreviations and names
    "Dr. Smith and Mrs. Jones": "Doctor Smith and Missus Jones",
    "5 Main St. in St. Paul": "five Main Street in Saint Paul",
    "e.g. tea, i.e. a drink, etc.": "for example tea, that is a drink, et cetera",
    "No. 5 and #3": "number five and number three",
    "the U.S. and NASA": "the U S and NASA",
    "Q&A about C++ and C#": "Q and A about C plus plus and C sharp",
    # markup
    "**Bold**, *it* and `code`": "Bold, it and code",
    "# Heading\n- one\n- two": "Heading. one. two",
    "[a link](https://x.example/y)": "a link",
    "See https://www.example.com/a?b=c.": "See example dot com.",
    "Mail bob@example.com!": "Mail bob at example dot com!",
    "Sunny 🌞 today 👍🏽!": "Sunny today!",
    "```python\nx = 1\n```\nDone": "Done",
    "| a | b |\n|---|---|\n| 1 | 2 |": "a b. one two",
    "<b>Hi</b> [[ raw ]] {x}": "Hi raw x",
    "a\x00b\x07": "ab",
    "don't": "don't",
}


@pytest.mark.parametrize(("written", "spoken"), TABLE.items(), ids=range(len(TABLE)))
def test_reads_as_a_person_would(written: str, spoken: str) -> None:
    assert to_spoken(written) == spoken


@pytest.mark.parametrize(
    "text", ["", " \n\t ", "...", "🙂", "—", "()", "***", "```\ncode\n```", "\ud800", "\u200b\ufeff"]
)
def test_nothing_to_say(text: str) -> None:
    assert to_spoken(text) == ""


PIECES = st.sampled_from(
    [
        *"0123456789.,:;-–/%°$€£½⅐²^+=#*_`~[](){}<>|&@'\"\n \t",
        "10:05",
        "p.m.",
        "June",
        "St.",
        "km/h",
        "1990s",
        "Dr.",
        "http://",
    ]
)


@settings(max_examples=200)
@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=20).map("".join)))
def test_any_text_gives_words_without_digits_or_control_characters(text: str) -> None:
    spoken = to_spoken(text)
    assert not any(char.isdecimal() for char in spoken)
    assert not any(ord(char) < 32 or 0xD800 <= ord(char) < 0xE000 for char in spoken)
    assert spoken == spoken.strip()
    assert "[[" not in spoken  # Piper would take it for phonemes


@settings(max_examples=100)
@given(st.text(alphabet=st.characters(categories=["Lu", "Ll", "Zs"]), max_size=80))
def test_plain_words_stay_as_they_are(text: str) -> None:
    import unicodedata

    assert to_spoken(text).split() == strip_markup(unicodedata.normalize("NFC", text)).split()


@pytest.mark.parametrize(
    "unit", ["9", "1,111", "a.", "-", "*", "[", "http://a.", "<a", "`", "1/", "10:", "$1.", "#", "a@", "| -", "½"]
)
def test_long_input_takes_linear_time(unit: str) -> None:
    text = unit * (6_000 // len(unit))
    started_s = time.process_time()
    to_spoken(text)
    assert time.process_time() - started_s < 1.0
