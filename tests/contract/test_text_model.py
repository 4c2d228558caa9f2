"""What every TextModel does, real or fake."""

from __future__ import annotations

import pytest

from assistant.encoder.text_model import OnnxTextModel
from assistant.nlu.classifier import TextModel
from assistant.packaged import packaged_text_model
from assistant.values import TextReading
from tests.fakes import FakeTextModel

KINDS = ["fake", "real"]
WORDS = ["remind", "me", "to", "call", "my", "mother", "tomorrow", "at", "seven"]
SAID = TextReading({"SetReminder": 0.97, "out_of_scope": 0.02}, "entity_extraction", 0.9, (("date", "tomorrow"),))


def text_model(kind: str) -> TextModel:
    return FakeTextModel(SAID) if kind == "fake" else OnnxTextModel(packaged_text_model())


@pytest.mark.parametrize("kind", KINDS)
def test_the_likeliest_intent_comes_first(kind: str) -> None:
    intents = text_model(kind).read(WORDS).intents
    assert next(iter(intents)) == "SetReminder"
    assert list(intents.values()) == sorted(intents.values(), reverse=True)
    assert 0.0 <= sum(intents.values()) <= 1.0 + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_spans_are_words_of_the_utterance(kind: str) -> None:
    reading = text_model(kind).read(WORDS)
    assert ("date", "tomorrow") in reading.spans
    assert all(words in " ".join(WORDS) for _, words in reading.spans)
    assert 0.0 <= reading.task_probability <= 1.0
    assert reading.task == "entity_extraction"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", [["x"], ["word"] * 500, ["ʘ", "\u200b", "日本語"], ["a" * 5000]])
def test_any_words_are_read(kind: str, words: list[str]) -> None:
    assert text_model(kind).read(words).intents
