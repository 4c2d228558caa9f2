"""What is claimed, with which slots, and what is left alone."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.home.virtual import built_in
from assistant.homes import Home
from assistant.nlu.language import Loader, load_language
from assistant.nlu.normalise import MAX_WORDS
from assistant.nlu.understand import Known, Understander
from assistant.nlu.understanding import Understanding
from assistant.values import IntentMatch

NOON = datetime(2025, 6, 15, 12, 0, tzinfo=UTC)
NAMES = ("pasta", "green eggs")
AREAS, DEVICES = built_in("en")
HOME = Home(tuple(AREAS), tuple(DEVICES))
_HERE = Path(__file__).parent


def _load(name: str) -> Any:
    return yaml.load((_HERE / name).read_text("utf-8"), Loader)


_CLAIMED = [(text, row) for row in _load("utterances.yaml") for text in row["texts"]]
_UNCLAIMED = [(text, kind == "open") for kind, texts in _load("unclaimed.yaml").items() for text in texts]


@pytest.fixture(scope="module")
def understander() -> Understander:
    return Understander(names=["Friday"], known=lambda: Known(NAMES, HOME))


def _understand(understander: Understander, text: str) -> Understanding:
    return understander.understand(text, now=NOON)


def _claimed(understander: Understander, text: str) -> tuple[str, dict[str, Any]]:
    match = _understand(understander, text).match
    return (match.intent, dict(match.slots)) if match else ("", {})


@pytest.mark.parametrize(("text", "row"), _CLAIMED, ids=[text for text, _ in _CLAIMED])
def test_everyday_requests_are_understood(understander: Understander, text: str, row: dict[str, Any]) -> None:
    found = _understand(understander, text)
    assert found.match is not None
    assert (found.match.intent, dict(found.match.slots)) == (row["intent"], row.get("slots", {}))
    assert found.missing == tuple(row.get("missing", ()))
    assert found.match.confidence >= 0.85
    assert found.match.source == "grammar"
    assert not found.open_question


@pytest.mark.parametrize(("text", "is_open"), _UNCLAIMED, ids=[text for text, _ in _UNCLAIMED])
def test_everything_else_is_left_alone(understander: Understander, text: str, is_open: bool) -> None:
    found = _understand(understander, text)
    assert found.match is None
    assert found.missing == ()
    assert found.open_question is is_open


def test_the_tables_are_as_wide_as_promised() -> None:
    assert len({text for text, _ in _CLAIMED}) >= 250
    assert len({text for text, _ in _UNCLAIMED}) >= 60


def test_every_intent_is_in_the_table(understander: Understander) -> None:
    assert {row["intent"] for _, row in _CLAIMED} == set(understander.intents())


def test_every_intent_has_templates_and_its_example_works(understander: Understander) -> None:
    examples = understander.examples()
    for intent, templates in understander.intents().items():
        assert templates
        assert _claimed(understander, examples[intent])[0] == intent


@pytest.mark.parametrize(
    ("text", "intent", "confidence"),
    [
        ("set a timer for ten minutes", "HassStartTimer", 0.98),
        ("please set a timer for ten minutes", "HassStartTimer", 0.98),
        ("set a basically ten minute timer", "HassStartTimer", 0.90),
        ("Thank you! What time is it?", "HassGetCurrentTime", 0.90),
        ("I'm so hungry today. Set a timer for ten minutes.", "HassStartTimer", 0.60),
        ("Set a timer for ten minutes. What time is it?", "HassStartTimer", 0.98),
    ],
)
def test_confidence_falls_with_what_had_to_be_dropped(
    understander: Understander, text: str, intent: str, confidence: float
) -> None:
    match = _understand(understander, text).match
    assert match is not None
    assert (match.intent, match.confidence) == (intent, confidence)


def test_help_beside_an_unknown_sentence_is_no_request_for_our_abilities(understander: Understander) -> None:
    assert _understand(understander, "I lost my credit card! Help me.").match is None


def test_text_comes_back_plain_and_without_wrappers(understander: Understander) -> None:
    assert (
        _understand(understander, "Hey Friday, could you tell me who wrote Hamlet, please?").text
        == "tell me who wrote hamlet"
    )


def test_names_of_running_timers_are_known_only_while_they_run(understander: Understander) -> None:
    assert _claimed(understander, "how are the green eggs doing") == ("HassTimerStatus", {"name": "green eggs"})
    assert Understander().understand("how are the green eggs doing", now=NOON).match is None


def test_odd_timer_names_do_no_harm() -> None:
    names = ("", "(", "[x", "{duration}", "<set>", "a|b", "\n", "é" * 200, "😀")
    understander = Understander(known=lambda: Known(tuple(names)), names=names)
    assert _claimed(understander, "cancel the timer") == ("HassCancelTimer", {})


@pytest.mark.parametrize(
    ("pending", "answer", "slots"),
    [
        (("HassStartTimer", {}), "ten minutes", {"minutes": 10}),
        (("HassStartTimer", {"name": "pasta"}), "for ten minutes please", {"name": "pasta", "minutes": 10}),
        (("HassStartTimer", {}), "ten", {"minutes": 10}),
        (("HassStartTimer", {}), "an hour and a half", {"hours": 1, "minutes": 30}),
        (("HassIncreaseTimer", {}), "five minutes", {"minutes": 5}),
        (("Calculate", {}), "12 times 7", {"expression": "12 * 7"}),
        (("HassCancelTimer", {}), "the pasta one", {"name": "pasta"}),
        (("HassCancelTimer", {}), "the ten minute timer", {"start_minutes": 10}),
        (("HassPauseTimer", {}), "pasta", {"name": "pasta"}),
    ],
)
def test_answers_complete_what_was_asked(
    understander: Understander, pending: tuple[str, dict[str, Any]], answer: str, slots: dict[str, Any]
) -> None:
    match = IntentMatch(pending[0], pending[1], 0.98, "grammar")
    found = understander.follow_ups.complete(match, answer, now=NOON)
    assert found is not None
    assert found.match is not None
    assert (found.match.intent, dict(found.match.slots), found.missing) == (pending[0], slots, ())


@pytest.mark.parametrize("answer", ["", "what a lovely day", "banana", "who wrote hamlet", "the timer " * 20])
def test_other_talk_answers_nothing(understander: Understander, answer: str) -> None:
    assert (
        understander.follow_ups.complete(IntentMatch("HassStartTimer", {}, 0.98, "grammar"), answer, now=NOON) is None
    )
    assert understander.follow_ups.complete(IntentMatch("Greeting", {}, 0.98, "grammar"), answer, now=NOON) is None


def _vocabulary() -> list[str]:
    words = load_language("en").words
    found = [
        *words["numbers"],
        *words["units"],
        *words["leading"],
        *words["months"],
        "timer",
        "for",
        "set",
        "cancel",
        "the",
        "what",
        "time",
    ]
    return [
        *found,
        "is",
        "plus",
        "times",
        "percent of",
        "square root of",
        "(",
        ")",
        "5:30",
        "1,000",
        "10-minute",
        "'s",
        "ʘd0",
        "ʘe1",
        "{name}",
        "<set>",
    ]


@settings(max_examples=150)
@given(st.text(max_size=300))
def test_any_text_is_survived(text: str) -> None:
    _shared().understand(text, now=NOON)


@settings(max_examples=150)
@given(st.lists(st.sampled_from(_vocabulary()), max_size=60), st.sampled_from([" ", ". ", ", ", "-"]))
def test_any_heap_of_our_own_words_is_survived_in_bounded_time(words: list[str], joint: str) -> None:
    began = time.perf_counter()
    found = _shared().understand(joint.join(words), now=NOON)
    assert time.perf_counter() - began < 2.0
    if found.match:
        assert 0 < found.match.confidence <= 1
        assert "ʘ" not in str(found.match.slots)


_SHARED: list[Understander] = []


def _shared() -> Understander:
    if not _SHARED:
        _SHARED.append(Understander(known=lambda: Known(NAMES, HOME)))
    return _SHARED[0]


@pytest.mark.parametrize(
    "text",
    [
        "set a timer for " * 600,
        "timer " * MAX_WORDS,
        "the " * MAX_WORDS,
        "cancel the " + "very " * 40 + "long timer",
        "five plus " * 1000,
        "(" * 8192,
        "9" * 8192,
        "a" * 8192,
        "ten minutes and " * 400,
        "😀" * 2000,
        "\x00\x01\x1b[31m" * 500,
        "what is " + "square root of " * 200 + "4",
        "\ud800 lone surrogate",
    ],
    ids=range(13),
)
def test_long_and_hostile_inputs_take_bounded_time(understander: Understander, text: str) -> None:
    began = time.perf_counter()
    _understand(understander, text)
    assert time.perf_counter() - began < 1.0


def test_more_words_than_a_command_has_are_not_parsed(understander: Understander) -> None:
    assert _understand(understander, "please " * MAX_WORDS + "stop").match is None


def test_threads_share_one_understander(understander: Understander) -> None:
    texts = [text for text, _ in _CLAIMED[:40]]
    expected = [_claimed(understander, text) for text in texts]
    found: list[list[tuple[str, dict[str, Any]]]] = []
    threads = [
        threading.Thread(target=lambda: found.append([_claimed(understander, text) for text in texts]))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 3


@pytest.mark.parametrize(
    ("done", "text", "slots"),
    [
        ({"minutes": 10}, "no, fifteen", {"minutes": 15}),
        ({"seconds": 30}, "no, forty", {"seconds": 40}),
        ({"hours": 1, "minutes": 30}, "sorry, I meant two hours", {"hours": 2}),
        ({"minutes": 10, "name": "pasta"}, "make that 12 minutes please", {"minutes": 12, "name": "pasta"}),
        ({"minutes": 10}, "no wait, make it twenty, nabu", {"minutes": 20}),
        ({"minutes": 10}, "no, ten", None),
        ({"minutes": 10}, "no", None),
        ({"minutes": 10}, "no thanks", None),
        ({"minutes": 10}, "fifteen", None),
        ({"minutes": 10}, "no, what time is it", None),
    ],
)
def test_a_correction_replaces_a_value(done: dict[str, Any], text: str, slots: dict[str, Any] | None) -> None:
    corrected = Understander().follow_ups.corrected(
        IntentMatch("HassStartTimer", done, 0.98, "grammar"), text, now=NOON
    )
    assert (corrected and corrected.match and dict(corrected.match.slots)) == slots
    assert corrected is None or corrected.corrects


def test_other_corrections() -> None:
    understander = Understander()
    pasta = IntentMatch("HassCancelTimer", {"name": "pasta"}, 0.98, "grammar")
    corrected = understander.follow_ups.corrected(pasta, "no, I meant the rice timer", now=NOON)
    assert corrected
    assert corrected.match
    assert corrected.match.slots == {"name": "rice"}
    total = IntentMatch("Calculate", {"expression": "2 + 3"}, 0.98, "grammar")
    again = understander.follow_ups.corrected(total, "no, two times three", now=NOON)
    assert again
    assert again.match
    assert again.match.slots == {"expression": "2 * 3"}


@pytest.mark.parametrize(
    ("text", "requests"),
    [
        ("set a timer for ten minutes and tell me the time", ["HassStartTimer", "HassGetCurrentTime"]),
        ("Set a timer for an hour and ten minutes and what time is it?", ["HassStartTimer", "HassGetCurrentTime"]),
        ("what's the time and the date", ["HassGetCurrentTime", "HassGetCurrentDate"]),
        ("What time is it? And what's the date? And cancel all timers.",
         ["HassGetCurrentTime", "HassGetCurrentDate", "HassCancelAllTimers"]),
        ("set a timer for 5 minutes and another for 10 minutes", ["HassStartTimer", "HassStartTimer"]),
        ("set a timer for five minutes called rice and beans", []),  # for the model to read
        ("what is two and three plus five", []),
        ("what time is it and what's the time", ["HassGetCurrentTime"]),
        ("set a timer for two and a half hours", ["HassStartTimer"]),
        ("thanks and set a timer for one minute", ["HassStartTimer"]),
        ("what time is it and who was the first king", []),
        ("and then and", []),
    ],
)  # fmt: skip
def test_several_requests_are_taken_apart_only_when_each_is_whole(text: str, requests: list[str]) -> None:
    understanding = Understander().understand(text, now=datetime(2026, 11, 26, 10))  # noqa: DTZ001 - local
    assert [match.intent for match in understanding.requests] == requests
