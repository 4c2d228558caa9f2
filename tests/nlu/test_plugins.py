"""Sentences that plugins bring: what they claim, and that they take nothing from ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from assistant.errors import UnderstandError
from assistant.home.virtual import built_in
from assistant.homes import Home
from assistant.nlu.entities import Entities
from assistant.nlu.language import load_language
from assistant.nlu.plugins import PluginGrammar, PluginSentences
from assistant.nlu.understand import Known, Understander
from assistant.values import IntentMatch, TextReading
from tests.fakes import FakeTextModel

NOON = datetime(2025, 6, 15, 12, 0, tzinfo=UTC)
ENGLISH = load_language("en")
AREAS, DEVICES = built_in("en")
HOME = Home(tuple(AREAS), tuple(DEVICES))
FOX = """
intents:
  Say:
    data:
      - sentences: ["what does the fox say [to {someone}]", "let the fox sing [for {duration}]", "fox on {date}"]
  Feed:
    data:
      - sentences: ["feed the fox [[with] {count} {food}]", "feed the fox <some> {food} in {target}"]
expansion_rules:
  some: (a few|some)
lists:
  someone: {wildcard: true}
  count: {range: {from: 1, to: 100}}
  food: {values: [{in: "chicken[s]", out: hen}, fish]}
"""


def grammar(
    text: str = FOX,
    *,
    plugin: str = "fox",
    required: Mapping[str, tuple[str, ...]] | None = None,
    examples: Mapping[str, str] | None = None,
) -> PluginGrammar:
    required = required or {"Say": (), "Feed": ("food",)}
    examples = examples or {"Say": "what does the fox say", "Feed": "feed the fox two chickens"}
    sentences = PluginSentences(plugin, "fox.py", text, required, {key: examples[key] for key in required})
    return PluginGrammar(sentences, ENGLISH, Entities(ENGLISH))


def one(template: str, *, plugin: str = "other") -> PluginGrammar:
    """A plugin with a single sentence."""
    text = f'intents: {{Do: {{data: [{{sentences: ["{template}"]}}]}}}}\nlists: {{any: {{wildcard: true}}}}'
    return grammar(text, plugin=plugin, required={"Do": ()}, examples={"Do": template.replace("{any}", "something")})


def read(text: str, plugins: Sequence[PluginGrammar], model: FakeTextModel | None = None) -> IntentMatch | None:
    understander = Understander(plugins=plugins, model=model, known=lambda: Known((), HOME), served={"HassTurnOn"})
    return understander.understand(text, now=NOON).match


@pytest.mark.parametrize(
    ("text", "intent", "slots"),
    [
        ("What does the fox say?", "fox.Say", {}),
        ("hey, could you let the fox sing please", "fox.Say", {}),
        ("what does the fox say to my very old aunt in paris", "fox.Say", {"someone": "my very old aunt in paris"}),
        ("what does the fox say to ten minutes of rain", "fox.Say", {"someone": "ten minutes of rain"}),
        ("let the fox sing for an hour and a half", "fox.Say", {"hours": 1, "minutes": 30}),
        ("fox on tomorrow", "fox.Say", {"date": "2025-06-16"}),
        ("feed the fox with twenty chickens", "fox.Feed", {"count": 20, "food": "hen"}),
        ("feed the fox 5 fish", "fox.Feed", {"count": 5, "food": "fish"}),
        ("feed the fox some fish in the kitchen", "fox.Feed", {"food": "fish", "area": "Kitchen"}),
    ],
)  # fmt: skip
def test_what_is_said_to_a_plugin(text: str, intent: str, slots: dict[str, Any]) -> None:
    match = read(text, [grammar()])
    assert match is not None
    assert (match.intent, dict(match.slots)) == (intent, slots)
    assert all(type(value) is type(slots[slot]) for slot, value in match.slots.items())
    assert match.confidence >= 0.85


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("what time is it", "what time is it"),
        ("please set a timer for ten minutes", "please set a timer for {any}"),
        ("tell me the time and set a timer for ten minutes", "tell me the time {any}"),
        ("turn on the kitchen light", "turn on {any}"),
        ("set a timer for five minutes", "{any}"),
    ],
)
def test_what_we_understand_stays_ours(text: str, template: str) -> None:
    alone = Understander(known=lambda: Known((), HOME)).understand(text, now=NOON)
    beside = Understander(known=lambda: Known((), HOME), plugins=[one(template)]).understand(text, now=NOON)
    assert alone.match is not None
    assert beside == alone


def test_a_request_for_us_and_one_for_a_plugin_in_one_utterance() -> None:
    found = Understander(plugins=[grammar()]).understand(
        "set a timer for ten minutes and feed the fox two fish", now=NOON
    )
    assert [match.intent for match in found.requests] == ["HassStartTimer", "fox.Feed"]


def test_the_model_takes_from_a_plugin_only_what_a_template_left_open() -> None:
    sure = FakeTextModel(TextReading({"HassTurnOn": 0.99, "out_of_scope": 0.01}, "", 0.0, ()))
    unsure = FakeTextModel(TextReading({"HassTurnOn": 0.6, "out_of_scope": 0.4}, "", 0.0, ()))
    elsewhere = FakeTextModel(TextReading({"FlipCoin": 0.99, "out_of_scope": 0.01}, "", 0.0, ()))
    exact, opened = one("disco mode please"), one("disco {any} please")
    for model in (sure, unsure, elsewhere):
        match = read("disco mode please", [exact], model)
        assert match
        assert (match.intent, match.confidence) == ("other.Do", 0.98)
    found = [read("disco mode please", [opened], model) for model in (sure, unsure, elsewhere)]
    assert [match and match.intent for match in found] == ["HassTurnOn", "other.Do", "other.Do"]


def test_of_two_plugins_the_more_literal_is_meant_and_between_equals_we_ask() -> None:
    literal, wide, twin = (
        one("ask the owl", plugin="owl"),
        one("ask {any}", plugin="wide"),
        one("ask the owl", plugin="twin"),
    )
    match = read("ask the owl", [wide, literal])
    assert match
    assert (match.intent, match.confidence) == ("owl.Do", 0.98)
    match = read("ask the owl", [literal, twin])
    assert match
    assert match.confidence < 0.85


def test_lists_and_rules_of_one_name_do_not_clash() -> None:
    second = FOX.replace("the fox", "the owl").replace("fox on", "owl on").replace("chicken[s]", "mice")
    owl = grammar(second, plugin="owl", examples={"Say": "what does the owl say", "Feed": "feed the owl two mice"})
    for text, intent in (("feed the fox two chickens", "fox.Feed"), ("feed the owl two mice", "owl.Feed")):
        match = read(text, [grammar(), owl])
        assert match
        assert match.intent == intent


def test_what_a_plugin_requires_is_asked_for_and_its_answer_read_by_its_list() -> None:
    understander = Understander(plugins=[grammar()])
    asked = understander.understand("feed the fox", now=NOON)
    assert asked.match is not None
    assert asked.missing == ("food",)
    answered = understander.follow_ups.complete(asked.match, "chickens, please", now=NOON)
    assert answered is not None
    assert answered.match is not None
    assert (answered.match.slots, answered.missing) == ({"food": "hen"}, ())
    assert understander.follow_ups.complete(asked.match, "twelve", now=NOON) is None


def test_every_intent_has_its_example_and_templates() -> None:
    understander = Understander(plugins=[grammar()])
    assert understander.examples()["fox.Say"] == "what does the fox say"
    assert len(understander.intents()["fox.Say"]) == 3


@pytest.mark.parametrize(
    ("old", "new", "code", "where"),
    [
        ("  Say:\n", "  Shout:\n", "sentences-invalid", "fox.py:4: unknown intent 'Shout'"),
        ("{someone}", "{nobody}", "sentences-invalid", "fox.py:5: there is no list {nobody}"),
        ("<some>", "<many>", "sentences-invalid", "fox.py:8: there is no rule <many>"),
        ("feed the fox [[with]", "feed the fox ((with]", "sentences-invalid", "fox.py:8"),
        ("expansion_rules:", "  : :\n", "sentences-syntax", "fox.py:9"),
        ("{food}", "bones", "sentences-invalid", "no sentence holds the required slot {food}"),
        ("what does the fox say", "what says the fox", "example-unread", "no sentence of Say fits its example"),
    ],
)
def test_what_is_wrong_with_sentences_is_said_with_its_place(old: str, new: str, code: str, where: str) -> None:
    with pytest.raises(UnderstandError) as caught:
        grammar(FOX.replace(old, new))
    assert caught.value.code == code
    assert where in caught.value.message


def test_an_intent_without_sentences() -> None:
    with pytest.raises(UnderstandError, match="Play has no sentences"):
        grammar(
            required={"Say": (), "Feed": (), "Play": ()},
            examples={"Say": "what does the fox say", "Feed": "", "Play": ""},
        )


def test_sentences_that_take_long_to_read_are_refused() -> None:
    explosive = " ".join(["[{any}]"] * 12) + " end"
    with pytest.raises(UnderstandError) as caught:
        one(explosive.replace('"', ""))
    assert caught.value.code == "sentences-slow"


def test_sentences_that_fail_while_reading_are_left_out_and_everything_else_is_read() -> None:
    broken, sound = one("ask the owl", plugin="owl"), one("ask the fox")

    class Bursting:
        def read(self, text: str) -> list[object]:
            raise RecursionError

    broken._grammar = Bursting()  # type: ignore[assignment]
    for text, intent in (("ask the fox", "other.Do"), ("what time is it", "HassGetCurrentTime")):
        match = read(text, [broken, sound])
        assert match
        assert match.intent == intent
    assert read("ask the owl", [broken, sound]) is None
    assert broken.problem
    assert broken.problem.code == "sentences-failing"


def test_one_slow_reading_is_no_reason_to_refuse_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """A garbage collection may fall into it."""
    times_s = iter([0.0, 1.0])
    monkeypatch.setattr("assistant.nlu.plugins.time.thread_time", lambda: next(times_s, 2.0))
    assert one("ask the owl").problem is None
