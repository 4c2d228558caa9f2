"""What an utterance means after a question of ours."""

from __future__ import annotations

import dataclasses
from datetime import datetime

import pytest

from assistant.dialog.followup import Before, understand_turn
from assistant.nlu.understand import Understander
from assistant.values import TextReading
from tests.fakes import FakeTextModel

NOW = datetime(2026, 11, 27, 10)  # noqa: DTZ001 - local


def unsure(confidence: float) -> Understander:
    """Takes what no sentence fits for a longer timer, that sure."""
    return Understander(model=FakeTextModel(TextReading({"HassIncreaseTimer": confidence}, "", 0.0, ())))


@pytest.mark.parametrize(("confidence", "to_ask"), [(0.36, ()), (0.7, ("duration",))])
def test_what_is_rather_not_meant_is_doubted_before_anything_is_asked_for(
    confidence: float, to_ask: tuple[str, ...]
) -> None:
    understanding = understand_turn(unsure(confidence), "rename the timer to rice", Before(), now=NOW)
    assert (understanding.missing, understanding.to_ask) == (("duration",), to_ask)


def test_after_a_yes_it_is_asked_for() -> None:
    understander = unsure(0.36)
    doubted = understand_turn(understander, "rename the timer to rice", Before(), now=NOW).match
    assert doubted
    waiting = dataclasses.replace(doubted, confidence=1.0)
    meant = understand_turn(understander, "yes", Before(waiting=waiting), now=NOW)
    assert (meant.to_ask, meant.match and meant.match.confirmed) == (("duration",), True)
    assert meant.match
    answered = understand_turn(understander, "ten minutes", Before(waiting=meant.match), now=NOW)
    assert (answered.missing, answered.match and answered.match.slots["minutes"]) == ((), 10)


def test_a_timer_that_was_set_until_a_time_is_known_by_its_length_alone() -> None:
    understander = Understander()
    timer = understand_turn(understander, "set a timer until nine pm", Before(), now=NOW).match
    assert timer
    cancelled = understand_turn(understander, "cancel it", Before(mentioned=timer), now=NOW).match
    assert cancelled
    assert (cancelled.intent, cancelled.slots) == ("HassCancelTimer", {"start_hours": 11})
