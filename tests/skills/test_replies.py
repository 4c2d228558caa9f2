"""Lengths, times and dates for the ear; and that every intent has its sentences."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import assistant.skills
from assistant.nlu.understand import Understander
from assistant.skills.book import SkillBook
from assistant.skills.replies import load_replies
from assistant.skills.zones import find_zone

REPLIES = load_replies("en")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (600, "10 minutes"),
        (1, "1 second"),
        (60, "1 minute"),
        (3600, "1 hour"),
        (4805, "1 hour, 20 minutes and 5 seconds"),
        (90, "1 minute and 30 seconds"),
        (360_000, "100 hours"),
        (0, "0 seconds"),
    ],
)
def test_lengths_are_exact(seconds: float, text: str) -> None:
    assert REPLIES.length(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (260, "4 minutes and 20 seconds"),
        (0.2, "1 second"),
        (599.6, "10 minutes"),
        (1503, "about 25 minutes"),
        (1500, "25 minutes"),
        (7205, "about 2 hours"),
        (5100, "1 hour and 25 minutes"),
        (40_000, "about 11 hours"),
        (180_000, "50 hours"),
    ],
)
def test_what_is_left_is_rounded_like_people_do(seconds: float, text: str) -> None:
    assert REPLIES.left(seconds) == text


@pytest.mark.parametrize(
    ("hour", "minute", "twelve", "twenty_four"),
    [
        (0, 5, "12:05 AM", "0:05"),
        (9, 0, "9 AM", "9:00"),
        (12, 0, "12 PM", "12:00"),
        (15, 7, "3:07 PM", "15:07"),
        (23, 59, "11:59 PM", "23:59"),
    ],
)
def test_times(hour: int, minute: int, twelve: str, twenty_four: str) -> None:
    moment = datetime(2025, 6, 15, hour, minute, tzinfo=UTC)
    assert (REPLIES.time(moment, 12), REPLIES.time(moment, 24)) == (twelve, twenty_four)


def test_dates() -> None:
    assert REPLIES.date(date(2025, 6, 15)) == "Sunday, June 15th, 2025"
    assert REPLIES.date(date(2026, 1, 1)) == "Thursday, January 1st, 2026"


@pytest.mark.parametrize(
    ("parts", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")]
)
def test_choices(parts: list[str], text: str) -> None:
    assert REPLIES.one_of(parts) == text


@pytest.mark.parametrize(
    ("place", "zone"),
    [
        ("tokyo", "Asia/Tokyo"),
        ("new york", "America/New_York"),
        ("france", "Europe/Paris"),
        ("dallas texas", "America/Chicago"),
        ("pacific standard time", "America/Los_Angeles"),
        ("eastern timezone", "America/New_York"),
        ("são paulo", "America/Sao_Paulo"),
        ("fredericksburg texas", "America/Chicago"),
        ("mexico city", "America/Mexico_City"),
        ("utc", "UTC"),
    ],
)
def test_places(place: str, zone: str) -> None:
    found = find_zone(place)
    assert found is not None
    assert found.key == zone


@pytest.mark.parametrize("place", ["narnia", "", " ", "../etc/passwd", "my house"])
def test_unknown_places(place: str) -> None:
    assert find_zone(place) is None


def test_every_intent_has_a_skill_sentences_and_replies_for_success_and_failure() -> None:
    """Nothing that is understood lacks a deed, nothing that can be done can't be said."""
    understander, intents = Understander(), SkillBook.built_in().intents()
    assert set(intents) == set(understander.intents())
    for intent, info in intents.items():
        texts = REPLIES.intents[intent]
        assert texts["failed"]
        assert [reply for reply in texts if reply != "failed" and not reply.startswith("ask_")]
        assert [reply for reply in texts if reply.startswith("ask_")] == [f"ask_{slot}" for slot in info.required]


def test_grammar_and_skills_agree_on_what_is_required() -> None:
    from assistant.nlu.language import load_language

    required = {intent: info.required for intent, info in SkillBook.built_in().intents().items()}
    assert required == dict(load_language("en").required)


def test_every_reply_is_said_somewhere() -> None:
    """A sentence no skill uses is dead; the calculator's are named by error codes."""
    source = "\n".join(file.read_text("utf-8") for file in Path(assistant.skills.__file__).parent.glob("*.py"))
    words = set(re.findall(r'"([a-z_-]+)"', source)) | {
        word.replace("-", "_") for word in re.findall(r'"([a-z-]+)"', source)
    }
    states, built = {"running", "paused", "ringing"}, {"result_about", "short_about"}
    for intent, texts in REPLIES.intents.items():
        for reply in texts:
            assert reply in words | states | built or reply.startswith(
                ("ask_", "kind_", "state_", "unit_", "sky_", "why_", "alias_", "every_", "on_", "doubt_")
            ), f"{intent}.{reply}"
