"""What the model says, what that means, and how it goes with the grammar."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from assistant.encoder.text_model import OnnxTextModel
from assistant.home.virtual import built_in
from assistant.homes import Home
from assistant.nlu.classifier import SpanReader, agreed
from assistant.nlu.entities import Entities
from assistant.nlu.language import Loader, load_language
from assistant.nlu.understand import Known, Understander
from assistant.packaged import packaged_text_model
from assistant.values import OUT_OF_SCOPE, IntentMatch, TextReading
from tests.fakes import FakeTextModel

ENGLISH = load_language("en")
NOW = datetime(2026, 11, 26, 10, 0)  # noqa: DTZ001 - local time
HERE = Path(__file__).parent


def reading(*spans: tuple[str, str], task: str = "", sure: float = 0.9, **intents: float) -> TextReading:
    return TextReading(intents, task, sure, spans)


@pytest.fixture(scope="module")
def model() -> OnnxTextModel:
    return OnnxTextModel(packaged_text_model())


def test_agreement_makes_surer_and_disagreement_less_sure() -> None:
    match = IntentMatch("HassStartTimer", {}, 0.9, "grammar")
    surer, doubtful = (agreed(match, reading(HassStartTimer=sure, Stop=1 - sure)) for sure in (0.99, 0.01))
    assert doubtful < 0.6
    assert 0.9 < surer < 1.0
    assert agreed(match, reading(HassStartTimer=0.5, Stop=0.5)) == pytest.approx(0.9)


def test_an_exact_sentence_is_still_acted_on_when_the_model_disagrees() -> None:
    exact = IntentMatch("HassStartTimer", {}, 0.98, "grammar")
    assert agreed(exact, reading(out_of_scope=1.0)) == pytest.approx(0.86, abs=0.01)


def test_a_template_that_takes_any_words_is_outvoted_by_a_sure_model() -> None:
    louder = reading(HassSetVolumeRelative=0.98, HassMediaSearchAndPlay=0.01)
    assert Understander(model=FakeTextModel(louder)).understand("play it louder", now=NOW).match == IntentMatch(
        "HassSetVolumeRelative", {"direction": "up"}, 0.98, "classifier"
    )
    unsure = reading(HassSetVolumeRelative=0.7, HassMediaSearchAndPlay=0.3)
    outside = reading(out_of_scope=1.0)
    for other in (unsure, outside):
        match = Understander(model=FakeTextModel(other)).understand("play it louder", now=NOW).match
        assert match is not None
        assert match.intent == "HassMediaSearchAndPlay"


def test_what_no_template_fits_is_claimed_by_the_model() -> None:
    model = FakeTextModel(reading(("timer", "the noodle"), HassStartTimer=0.91, out_of_scope=0.09))
    match = Understander(model=model).understand("give my noodles 10 minutes of boiling", now=NOW).match
    assert match == IntentMatch("HassStartTimer", {"name": "noodle", "minutes": 10}, 0.91, "classifier")
    assert model.heard == [("give", "my", "noodles", "10", "minutes", "of", "boiling")]


def test_only_what_is_for_the_home_is_named_as_the_home_has_it() -> None:
    areas, devices = built_in("en")
    home = Home(tuple(areas), tuple(devices))
    for said, slots in (
        (reading(("timer", "the kitchen"), HassCancelTimer=0.95), {"name": "kitchen"}),
        (reading(("name", "the kitchin lite"), HassTurnOn=0.95), {"name": "Kitchen light", "domain": "light"}),
    ):
        understander = Understander(model=FakeTextModel(said), known=lambda: Known(home=home))
        match = understander.understand("would somebody see to that thing over there", now=NOW).match
        assert match is not None
        assert match.slots == slots


@pytest.mark.parametrize(
    ("found", "options"),
    [
        (reading(out_of_scope=0.6, HassStartTimer=0.4), {}),
        (reading(HassStartTimer=0.29, out_of_scope=0.2), {"reject_threshold": 0.3}),
        (reading(HassTurnOn=0.99), {"served": {"HassStartTimer"}}),
    ],
    ids=["out of scope", "unsure", "no skill for it"],
)
def test_what_nobody_may_claim_is_left_alone(found: TextReading, options: dict[str, object]) -> None:
    understander = Understander(model=FakeTextModel(found), **options)  # type: ignore[arg-type]
    assert understander.understand("make the thing go", now=NOW).match is None


def test_a_task_for_somebody_else_is_an_open_question() -> None:
    unknown = reading(out_of_scope=1.0, task="long_form_writing", sure=0.8)
    understood = Understander(model=FakeTextModel(unknown)).understand("an ode to my toaster", now=NOW)
    assert understood.open_question
    assert understood.task == "long_form_writing"


@pytest.mark.parametrize(
    ("intent", "spans", "text", "slots"),
    [
        (
            "SetAlarm",
            [("time", "at seven thirty"), ("date", "tomorrow")],
            "",
            {"time": "07:30", "date": "2026-11-27", "ambiguous": True},
        ),
        ("SetAlarm", [("time", "in two hours")], "", {"time": "12:00"}),
        ("SetAlarm", [("recurrence", "every monday"), ("time", "whenever")], "", {"recurrence": "weekly:0"}),
        ("HassLightSet", [("area", "the kitchen"), ("amount", "half")], "", {"area": "kitchen", "brightness": 50.0}),
        ("HassSetVolumeRelative", [("amount", "to 30")], "", {"volume_level": 30.0}),
        ("HassSetVolumeRelative", [("amount", "by ten")], "", {"volume_step": 10.0}),
        (
            "HassSetVolumeRelative",
            [("amount", "to"), ("amount", "seven")],
            "raise volume to level seven",
            {"volume_level": 7},
        ),
        ("HassStartTimer", [("time", "at 7 pm")], "", {"time": "19:00", "hours": 9}),
        ("HassStartTimer", [("time", "quarter past nine am")], "", {"time": "09:15", "hours": 23, "minutes": 15}),
        ("HassLightSet", [("color", "a red tone")], "", {"color": "red"}),
        ("HassLightSet", [("color", "the colour of the sea")], "", {"color": "colour of the sea"}),
        ("HassGetWeather", [("date", "tomorrow afternoon")], "", {"date": "2026-11-27", "time": "15:00"}),
        ("HassGetWeather", [], "do i need a coat this afternoon", {"time": "15:00"}),
        (
            "HassMediaSearchAndPlay",
            [("query", "lady gaga")],
            "put poker face by lady gaga next",
            {"query": "poker face by lady gaga"},
        ),
        (
            "HassListAddItem",
            [("item", "milk"), ("list", "shopping list")],
            "",
            {"item": "milk", "name": "shopping list"},
        ),
        (
            "SetReminder",
            [("date", "thursday")],
            "add a run to my calendar for thursday",
            {"date": "2026-12-03", "message": "run"},
        ),
        ("SetReminder", [], "put running on the calendar please", {"message": "running"}),
        ("SetReminder", [], "create an event", {}),
        ("HassListRemoveItem", [], "remove pears", {"item": "pears"}),
        ("HassListRemoveItem", [], "take the pears off", {"item": "the pears"}),
        ("HassTurnOn", [("name", "the fan"), ("name", "the lamp")], "", {"name": "fan"}),
        ("HassIncreaseTimer", [("timer", "pasta")], "5 more minutes for pasta", {"name": "pasta", "minutes": 5}),
        ("Calculate", [], "what do you get for 3 plus 4", {"expression": "3 + 4"}),
        ("Stop", [("amount", "ten")], "", {}),
    ],
)
def test_spans_become_slots(intent: str, spans: list[tuple[str, str]], text: str, slots: dict[str, object]) -> None:
    assert SpanReader(ENGLISH, Entities(ENGLISH)).slots(intent, text, spans, NOW) == slots


def test_every_intent_is_reached_by_sentences_the_model_has_not_seen(model: OnnxTextModel) -> None:
    phrasings = yaml.load((HERE / "phrasings.yaml").read_text("utf-8"), Loader)
    understander = Understander(model=model)
    missed = {
        intent: [text for text in texts if not _claims(understander, text, intent)]
        for intent, texts in phrasings.items()
    }
    assert {intent for intent, texts in missed.items() if len(texts) == len(phrasings[intent])} == set()
    known = json.loads((packaged_text_model() / "facts.json").read_bytes())["intent"]
    assert set(phrasings) | ALIASES == set(known) - {OUT_OF_SCOPE}
    assert sum(map(len, missed.values())) <= 0.1 * sum(map(len, phrasings.values())), missed


ALIASES = {"HassShoppingListAddItem", "HassShoppingListCompleteItem", "HassVacuumCleanArea"}
"""What Home Assistant calls the same for its first list; and what HWU64 counts to HassVacuumStart."""


def _claims(understander: Understander, text: str, intent: str) -> bool:
    match = understander.understand(text, now=NOW).match
    return match is not None and match.intent == intent


def test_task_types_of_rows_labelled_by_hand(data: Path, model: OnnxTextModel) -> None:
    """tasks.csv names rows of the development data, which serves no training."""
    right, wanted = Counter[str](), Counter[str]()
    lines: dict[str, list[str]] = {}
    understander = Understander(model=model)
    with (HERE / "tasks.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows = lines.setdefault(row["file"], (data / row["file"]).read_text("utf-8").split("\n"))
            text = json.loads(rows[int(row["line"]) - 1])["text"]
            wanted[row["task"]] += 1
            right[row["task"]] += understander.understand(text, now=NOW).task == row["task"]
    assert sum(wanted.values()) >= 300
    balanced = sum(right[task] / count for task, count in wanted.items()) / len(wanted)
    assert balanced >= TASK_ACCURACY, {task: f"{right[task]} of {count}" for task, count in wanted.items()}


TASK_ACCURACY = 0.74
"""Wanted: 0.9. What is missing are instructions and hard questions, of which training has 465 (the card says more)."""
