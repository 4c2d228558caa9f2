"""A second language is a folder: German, as far as these tests go, is read by the same code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from assistant.daemon.engines import text_model_for
from assistant.homes import Area, Device, Home
from assistant.nlu import language as languages
from assistant.nlu.understand import Known, Understander

NOW = datetime(2026, 11, 27, 12, 0)  # noqa: DTZ001 - local time; a Friday
HOME = Home(
    (Area("k", "Küche"), Area("w", "Wohnzimmer")),
    (
        Device("light.decke", "Deckenlampe", "k"),
        Device("light.steh", "Stehlampe", "w"),
        Device("fan.turm", "Turmventilator", "w"),
    ),
)
STEHLAMPE = {"name": "Stehlampe", "domain": "light"}
LICHT = {"name": "licht", "domain": "light"}
SEVEN = {"time": "07:00", "ambiguous": True}


@pytest.fixture(scope="module")
def german() -> Iterator[Understander]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(languages, "LANGUAGES", Path(__file__).parent / "languages")
        yield Understander(language="de", known=lambda: Known(("nudel",), HOME))


@pytest.mark.parametrize(
    ("text", "intent", "slots"),
    [
        ("Stell einen Timer auf zehn Minuten.", "HassStartTimer", {"minutes": 10}),
        ("stell mir bitte einen timer auf eine stunde und zehn minuten", "HassStartTimer", {"hours": 1, "minutes": 10}),
        ("Timer auf eine halbe Stunde", "HassStartTimer", {"minutes": 30}),
        ("timer auf fünf minuten für die nudeln", "HassStartTimer", {"minutes": 5, "name": "nudeln"}),
        ("stoppe den nudel timer", "HassCancelTimer", {"name": "nudel"}),
        ("Wie spät ist es in Tokio?", "HassGetCurrentTime", {"name": "tokio"}),
        ("welcher tag ist übermorgen", "HassGetCurrentDate", {"date": "2026-11-29"}),
        ("auf welchen tag fällt der vierundzwanzigste dezember", "HassGetCurrentDate", {"date": "2026-12-24"}),
        ("was ist zwanzig prozent von achtzig", "Calculate", {"expression": "20% of 80"}),
        ("Weck mich um sieben!", "SetAlarm", SEVEN),
        ("weck mich morgen früh um halb sieben", "SetAlarm", {"time": "06:30", "date": "2026-11-28"}),
        ("weck mich um viertel vor acht", "SetAlarm", {"time": "07:45", "ambiguous": True}),
        ("weck mich um sieben uhr dreißig", "SetAlarm", {"time": "07:30", "ambiguous": True}),
        ("weck mich jeden werktag um sieben", "SetAlarm", {**SEVEN, "recurrence": "weekdays"}),
        ("erinnere mich um sieben an die wäsche", "SetReminder", {**SEVEN, "message": "wäsche"}),
        ("in zwei stunden erinnere mich an den kuchen", "SetReminder", {"hours": 2, "message": "kuchen"}),
        ("setz milch und eier auf die einkaufsliste", "HassListAddItem", {"item": "milch und eier"}),
        ("mach die stehlampe aus", "HassTurnOff", STEHLAMPE),
        ("Schalte das Licht in der Küche ein", "HassTurnOn", {**LICHT, "area": "Küche"}),
        ("dimm die stehlampe auf dreißig prozent", "HassLightSet", {**STEHLAMPE, "brightness": 30}),
        ("mach alles aus", "HassTurnOff", {"name": "all", "every": True}),
        ("Öffne die Tür", None, {}),
    ],
)
def test_requests(german: Understander, text: str, intent: str | None, slots: dict[str, Any]) -> None:
    found = german.understand(text, now=NOW)
    assert (found.match and found.match.intent, dict(found.match.slots) if found.match else {}) == (intent, slots)


def test_several_requests(german: Understander) -> None:
    found = german.understand("Mach die Lichter im Wohnzimmer aus und schalte den Turmventilator an", now=NOW)
    assert [each.intent for each in found.requests] == ["HassTurnOff", "HassTurnOn"]


def test_what_is_missing_is_answered(german: Understander) -> None:
    asked = german.understand("Stell einen Timer", now=NOW)
    assert asked.match
    assert asked.missing == ("duration",)
    answered = german.follow_ups.complete(asked.match, "zehn", now=NOW)
    assert answered
    assert answered.match
    assert (answered.match.slots, answered.missing) == ({"minutes": 10}, ())


def test_a_correction(german: Understander) -> None:
    done = german.understand("Timer auf zehn Minuten", now=NOW).match
    assert done
    corrected = german.follow_ups.corrected(done, "nein, fünfzehn", now=NOW)
    assert corrected
    assert corrected.match
    assert corrected.match.slots == {"minutes": 15}


def test_a_pronoun(german: Understander) -> None:
    before = german.understand("mach die stehlampe an", now=NOW).match
    meant = german.follow_ups.resolved(german.understand("mach sie wieder aus", now=NOW), before)
    assert meant.match
    assert (meant.match.intent, meant.match.slots) == ("HassTurnOff", STEHLAMPE)


def test_an_open_question(german: Understander) -> None:
    assert german.understand("Wer war Goethe?", now=NOW).open_question


def test_a_model_of_another_language_is_not_asked() -> None:
    assert text_model_for("en")
    assert text_model_for("de") is None
