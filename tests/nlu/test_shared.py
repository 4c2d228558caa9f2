"""Several timers or alarms that share the words of one sentence."""

from __future__ import annotations

from datetime import datetime

import pytest

from assistant.nlu.language import load_language
from assistant.nlu.shared import Shared
from assistant.nlu.understand import Understander

NOON = datetime(2026, 11, 27, 12)  # noqa: DTZ001 - local
FIVE, TEN, TWENTY = {"minutes": 5}, {"minutes": 10}, {"minutes": 20}


@pytest.mark.parametrize(
    ("text", "timers"),
    [
        ("set timers for five and ten minutes", [FIVE, TEN]),
        ("Set a timer for 5 and 10 minutes.", [FIVE, TEN]),
        ("can you set two timers one for five minutes and one for ten minutes please", [FIVE, TEN]),
        ("Start two timers: 5 minutes and 10 minutes.", [FIVE, TEN]),
        ("set two timers, one for pasta for ten minutes and one for rice for twenty",
         [{"name": "pasta", **TEN}, {"name": "rice", **TWENTY}]),
        ("set 3 timers for 5, 10 and 20 minutes", [FIVE, TEN, TWENTY]),
        ("set a five and a ten minute timer", [FIVE, TEN]),
        ("set a five minute and a ten minute timer", [FIVE, TEN]),
        ("set two timers one for five and one for ten", [FIVE, TEN]),
        ("set two five minute timers", [FIVE, FIVE]),
        ("i need two timers for 20 minutes", [TWENTY, TWENTY]),
        ("set a timer for an hour and thirty minutes", [{"hours": 1, "minutes": 30}]),
        ("set a timer for two and a half minutes", [{"minutes": 2, "seconds": 30}]),
        ("set a twenty five minute timer", [{"minutes": 25}]),
    ],
)  # fmt: skip
def test_timers(text: str, timers: list[dict[str, object]]) -> None:
    understanding = Understander().understand(text, now=NOON)
    assert {match.intent for match in understanding.requests} == {"HassStartTimer"}
    assert [match.slots for match in understanding.requests] == timers


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("set alarms for six and seven am", ["06:00", "07:00"]),
        ("set two alarms one for six thirty and one for seven", ["06:30", "07:00"]),
        ("set three alarms for six, six thirty and seven in the morning", ["06:00", "06:30", "07:00"]),
        ("set alarms for 7 am on monday and 8 am on tuesday", ["2026-11-30 07:00", "2026-12-01 08:00"]),
        ("set an alarm for monday and tuesday at seven", ["2026-11-30 07:00", "2026-12-01 07:00"]),
    ],
)
def test_alarms(text: str, times: list[str]) -> None:
    understanding = Understander().understand(text, now=NOON)
    assert {match.intent for match in understanding.requests} == {"SetAlarm"}
    found = [f"{match.slots.get('date', '')} {match.slots['time']}".strip() for match in understanding.requests]
    assert found == times


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("set timers for five and ten minutes and flip a coin", ["HassStartTimer", "HassStartTimer", "FlipCoin"]),
        ("flip a coin and set two five minute timers", ["FlipCoin", "HassStartTimer", "HassStartTimer"]),
        ("flip a coin, set alarms for six and seven am and tell me the time",
         ["FlipCoin", "SetAlarm", "SetAlarm", "HassGetCurrentTime"]),
        ("set timers for five and ten minutes and who was the first king", []),
    ],
)  # fmt: skip
def test_among_others(text: str, intents: list[str]) -> None:
    understanding = Understander().understand(text, now=NOON)
    assert [match.intent for match in understanding.requests] == intents


@pytest.mark.parametrize(
    "parts",
    [
        ["set a timer"],
        ["set two timers"],
        ["set a hundred timers for one minute"],
        ["turn on the light", "the fan"],
        ["set twenty five minute timers"],
        ["timers for five", "ten minutes"],
        [""],
        ["set timer"],
        ["set 0 timers"],
        ["i want timer timer"],
        ["", ""],
        ["set a pasta timer for five", "a rice timer for ten minutes"],
    ],
)
def test_nothing_else_is_written_out(parts: list[str]) -> None:
    assert not list(Shared(load_language("en")).written_out(parts))
