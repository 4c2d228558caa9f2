"""What is hidden before it leaves, and put back into what comes home."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.dialog.redact import Hidden, Redactor
from assistant.values import CloudQuestion, Message

ALL = Redactor(("names", "numbers", r"\b\w+@\w+\.\w+\b"), ("Anna", "Priya Sharma", "Mark"))


def question(text: str, *context: Message) -> CloudQuestion:
    return CloudQuestion("request", "conversation", text, context, "en", 30.0)


def hidden(text: str, redactor: Redactor = ALL) -> str:
    return redactor.question(question(text))[0].text


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("write a poem for Anna", "write a poem for [name 1]"),
        ("Anna's and anna's friend", "[name 1]'s and [name 1]'s friend"),
        ("what would priya sharma say to Mark", "what would [name 1] say to [name 2]"),
        ("ask Ana and Marc", "ask [name 1] and [name 2]"),
        ("the market in savannah", "the market in savannah"),
        ("call 0170 555-1234 now", "call [number 1] now"),
        ("i was born in 1971, on the 3rd", "i was born in [number 1], on the [number 2]rd"),
        ("my pin is five five one two", "my pin is [number 1]"),
        ("twenty one or a hundred and five", "[number 1] or a [number 2]"),
        ("one of them", "one of them"),
        ("Write to me@home.org", "Write to [text 1]"),
        ("why is the sky blue", "why is the sky blue"),
        ("", ""),
    ],
)
def test_what_is_hidden(said: str, sent: str) -> None:
    assert hidden(said) == sent


def test_without_rules_nothing_is_changed() -> None:
    asked = question("Anna is 12")
    assert Redactor((), ("Anna",)).question(asked)[0] is asked


def test_the_same_thing_has_one_placeholder_in_question_and_context() -> None:
    sent, of = ALL.question(
        question("is anna older than mark", Message("user", "who is Mark"), Message("assistant", "Mark is 12."))
    )
    assert [message.text for message in sent.context] == ["who is [name 1]", "[name 1] is [number 1]."]
    assert sent.text == "is [name 2] older than [name 1]"
    assert of.shown("[name 2] isn't, [Name 1] is [number 1].") == "anna isn't, Mark is 12."


def test_a_placeholder_that_nothing_is_known_of_stays() -> None:
    _, of = ALL.question(question("Anna"))
    assert of.shown("[name 7] and [1] and [number 1]") == "[name 7] and [1] and [number 1]"


async def _pieces(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


@given(cut=st.lists(st.integers(0, 60), max_size=8))
def test_an_answer_is_restored_however_it_is_cut_into_pieces(cut: list[int]) -> None:
    answer = "Dear [name 1], a [list] of [number 1] things [name 1"
    _, of = ALL.question(question("Anna has 12"))
    edges = [0, *sorted(at for at in cut if at <= len(answer)), len(answer)]
    parts = [answer[begin:end] for begin, end in itertools.pairwise(edges)]

    async def joined() -> str:
        return "".join([piece async for piece in of.restored(_pieces(*parts))])

    assert asyncio.run(joined()) == "Dear Anna, a [list] of 12 things [name 1"


async def test_what_can_be_no_placeholder_is_not_held_back() -> None:
    stream = Hidden().restored(_pieces("a [", "long text that goes on and on", " and on"))
    assert [piece async for piece in stream] == ["a ", "[long text that goes on and on", " and on"]
