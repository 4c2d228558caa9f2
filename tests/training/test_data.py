"""What the edge model learns from."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hassil import Intents

from assistant.nlu.language import load_language
from assistant.nlu.normalise import plain
from assistant.nlu.tasks import TASKS, task_of
from assistant.training.data import (
    Example,
    answers_of,
    around,
    hard_task_of,
    is_held_out,
    training_examples,
)
from assistant.training.export import kept_pieces, with_vocabulary
from assistant.training.templates import Sampler


def test_templates_are_filled_and_tagged() -> None:
    intents = Intents.from_dict(
        {
            "language": "en",
            "intents": {},
            "lists": {
                "level": {"range": {"from": 1, "to": 3}},
                "place": {"values": ["hall"]},
                "free": {"wildcard": True},
            },
            "expansion_rules": {"the": "[the]"},
        }
    )
    sampler = Sampler(intents, {"name": ["lamp"]}, {"name": "name", "level": "amount"}, random.Random(0))
    found = {"".join(text for text, _ in made) for made in sampler.sentences("(dim|set) {name} to {level}", 50)}
    assert found == {f"{verb} lamp to {level}" for verb in ("dim", "set") for level in (1, 2, 3)}
    [first, *_] = sampler.sentences("go to <the> {place} (with;now) {free}", 1)
    assert ("hall", "") in first
    [named, *_] = sampler.sentences("{name} {level}", 1)
    assert [tag for text, tag in named if text.strip()] == ["name", "amount"]


def test_politeness_keeps_intents_and_moves_tags() -> None:
    example = Example(("lamp", "on"), ("HassTurnOn",), ("name", ""), "entity_extraction")
    wrapped = list(around([example] * 200, 1.0, random.Random(0)))
    assert len(wrapped) == 200
    assert all(len(one.words) == len(one.tags or ()) > 2 and one.intents == ("HassTurnOn",) for one in wrapped)
    assert all(dict(zip(one.words, one.tags or (), strict=True))["lamp"] == "name" for one in wrapped)
    assert not list(around([Example(("hi",), ("Greeting",), None, "greeting")], 1.0, random.Random(0)))


def test_task_types_by_source() -> None:
    assert task_of("Affirm", has_values=False) == "yes_no"
    assert task_of("HassGetWeather", has_values=True) == "simple_query"
    assert [task_of("HassTurnOn", has_values=tagged) for tagged in (True, False)] == [
        "entity_extraction",
        "intent_classification",
    ]
    assert hard_task_of("Write a python script that sorts a list") == "code_generation"
    assert hard_task_of("Write a poem") == "long_form_writing"
    assert hard_task_of("Is war ever just?") == "complex_analysis"


def test_what_is_held_out_stays_held_out() -> None:
    examples = [Example((f"word{number}",), (), None, "") for number in range(2000)]
    assert sum(is_held_out(one, 0.04) for one in examples) == pytest.approx(80, abs=30)
    assert not any(is_held_out(one, 0.0) for one in examples)


def test_no_row_of_a_development_set_is_learnt_from(data: Path) -> None:
    examples = training_examples(data, 0)
    texts = {example.text for example in examples}
    assert len(texts) == len(examples) > 30_000
    language = load_language("en")
    for name in ("nlu/hwu64_test", "nlu/clinc150_val", "nlu/slurp_devel", "route/dev"):
        for line in (data / f"{name}.jsonl").read_text("utf-8").splitlines():
            assert plain(json.loads(line)["text"], language) not in texts
    assert all(example.tags is None or len(example.tags) == len(example.words) for example in examples)
    answers = answers_of(examples)
    assert len(answers.intent) > 60
    assert {example.task for example in examples} <= {*TASKS, ""}


def test_a_vocabulary_without_rare_pieces_still_spells_every_word() -> None:
    from tokenizers import Tokenizer

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abc", "##a", "##b", "##c", "cab", "abba", "##bc"]
    content = {
        "version": "1.0",
        "truncation": {"max_length": 2, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": None,
        "added_tokens": [
            {
                "id": 1,
                "content": "[UNK]",
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}},
        },
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: number for number, piece in enumerate(pieces)},
        },
    }
    kept = kept_pieces(content, {"cab": 3}, common=0)
    assert kept == [*pieces[:5], *"abc", "##a", "##b", "##c", "cab"]
    tokenizer = Tokenizer.from_str(with_vocabulary(content, kept).decode())
    assert tokenizer.encode(["cab", "abba"], is_pretokenized=True).tokens == ["[CLS]", "cab", "a", "##b", "##b", "##a"]
