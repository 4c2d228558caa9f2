"""Running text into sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.sentences import MAX_SENTENCE_CHARS, SentenceSplitter, split_long, split_sentences

TABLE = {
    "Dr. Smith is in. Call him at 7:30 p.m. He is busy.": ["Dr. Smith is in.", "Call him at 7:30 p.m.", "He is busy."],
    "It's 3.5 degrees. OK? Yes! Go.": ["It's 3.5 degrees.", "OK?", "Yes!", "Go."],
    "The alarm is set for 7:30 p.m. Monday. Bye.": ["The alarm is set for 7:30 p.m. Monday.", "Bye."],
    "At 7 p.m. on Monday, e.g. then. Ok.": ["At 7 p.m. on Monday, e.g. then.", "Ok."],
    "1. Preheat the oven.\n2. Mix.\nDone": ["1. Preheat the oven.", "2. Mix.", "Done"],
    "No. That is wrong. See No. 5 there.": ["No.", "That is wrong.", "See No. 5 there."],
    "Wait... what? Hmm... Okay.": ["Wait... what?", "Hmm...", "Okay."],
    'He said "Hello." Then left.': ['He said "Hello."', "Then left."],
    "J. R. R. Tolkien wrote it. So did I. Yes.": ["J. R. R. Tolkien wrote it.", "So did I.", "Yes."],
    "I live in the U.S. You too.": ["I live in the U.S.", "You too."],
    "Visit example.com. It's 10:05.": ["Visit example.com.", "It's 10:05."],
    "Eggs, milk, etc. That's all.": ["Eggs, milk, etc.", "That's all."],
    "He lives in St. Paul. Yes.": ["He lives in St. Paul.", "Yes."],
    "你好。再见": ["你好。", "再见"],
    "": [],
    " \n \n": [],
}


@pytest.mark.parametrize(("text", "sentences"), TABLE.items(), ids=range(len(TABLE)))
def test_whole_and_letter_by_letter(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences
    splitter = SentenceSplitter()
    found = [sentence for char in text for sentence in splitter.feed(char)]
    assert found + splitter.flush() == sentences


def test_a_sentence_comes_out_as_soon_as_the_next_begins() -> None:
    splitter = SentenceSplitter()
    assert [splitter.feed(token) for token in ("It ", "is ", "ten. ", "Good ", "night.")] == [
        [],
        [],
        [],
        ["It is ten."],
        [],
    ]
    assert splitter.flush() == ["Good night."]


@pytest.mark.parametrize(
    ("held", "clause", "rest"),
    [
        ("The sky is blue because light scatters, which ", "The sky is blue because light scatters,", " which "),
        ("It was hot, it was dry, and it w", "It was hot, it was dry,", " and it w"),
        ("In short, the sky", "", "In short, the sky"),
        ("The sky is blue because of", "", "The sky is blue because of"),
        ("It has exactly 86,400", "", "It has exactly 86,400"),
        ("Choose one of 1, 2, ", "", "Choose one of 1, 2, "),
        ("It costs about 1, 000 euros", "", "It costs about 1, 000 euros"),
        ("In the year 1990, ", "", "In the year 1990, "),
        ("In the year 1990, nobody", "In the year 1990,", " nobody"),
        ("About two hundred thousand, three hundred", "", "About two hundred thousand, three hundred"),
        ("He said “I am here,” and w", "He said “I am here,”", " and w"),
        ("There are three: ", "There are three:", " "),
    ],
)
def test_of_what_is_held_a_clause_can_be_taken_but_no_half_number(held: str, clause: str, rest: str) -> None:
    splitter = SentenceSplitter()
    splitter.feed(held)
    assert splitter.take_clause() == ([clause] if clause else [])
    assert splitter.held == rest


@given(st.text("ab1 ,:–.", max_size=60), st.integers(0, 60))
def test_a_clause_taken_early_loses_nothing(text: str, at: int) -> None:
    splitter = SentenceSplitter()
    found = splitter.feed(text[:at]) + splitter.take_clause() + splitter.feed(text[at:]) + splitter.flush()
    assert "".join("".join(found).split()) == "".join(text.split())


PIECES = st.sampled_from([*"aB1 .!?\n\"'", "p.m. ", "Dr. ", "e.g. ", "x" * 90])


@given(st.lists(PIECES, max_size=60))
def test_nothing_is_lost_and_nothing_grows_without_bound(pieces: list[str]) -> None:
    splitter = SentenceSplitter()
    found = [sentence for piece in pieces for sentence in splitter.feed(piece)] + splitter.flush()
    assert "".join("".join(found).split()) == "".join("".join(pieces).split())
    assert all(found)
    assert all(sentence == sentence.strip() for sentence in found)


def test_a_sentence_without_end_is_cut() -> None:
    splitter = SentenceSplitter()
    found = splitter.feed("word " * 1_000)
    assert sum(map(len, found)) > 4_000
    assert max(map(len, found)) <= MAX_SENTENCE_CHARS


@pytest.mark.parametrize(
    ("sentence", "pieces"),
    [
        (
            "one two, three four five six, seven eight nine ten",
            ["one two,", "three four five six,", "seven eight nine ten"],
        ),
        ("one two three four five six seven", ["one two three four", "five six seven"]),
        ("a" * 45, ["a" * 20, "a" * 20, "a" * 5]),
        ("short", ["short"]),
        ("", []),
    ],
)
def test_long_sentences_are_cut_where_a_speaker_breathes(sentence: str, pieces: list[str]) -> None:
    assert split_long(sentence, 20) == pieces
