"""What the edge model learns from, and what it is measured on.

Sources: HWU64's and CLINC150's training requests and the questions of route/cloud_train, through labels.csv and
slots.csv of the development data; Home Assistant's sentence templates filled with made-up homes; our own sentence
files; en.yaml.
Rows whose text occurs in a development set (hwu64_test, clinc150_val, slurp_devel, route/dev) are dropped.

A row of a data set may have several right intents; then any of them is: the loss takes the sum of their probabilities.

Task types, by source: those of requests by `nlu.tasks`, where a value is a tagged one or a number in the words (of
CLINC150, which has no tags, only _WITHOUT_VALUES are known to have none); and

    rag_retrieval                out of scope, a fact somebody has to look up: factoid questions, HWU64's and CLINC150's
                                 questions about the world or about accounts and orders
    code_generation, long_form_writing, multi_step_reasoning, complex_analysis
                                 instruction and hard, by the words of _HARD_TASKS, tried in that order, or the last
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from hassil import Intents

from assistant.evaluate.annotations import pieces
from assistant.nlu.language import Language, Loader, load_language
from assistant.nlu.normalise import plain
from assistant.nlu.tasks import SMALLTALK, TASKS, task_of
from assistant.training.templates import Sampler, Tagged
from assistant.values import OUT_OF_SCOPE

_WITHOUT_VALUES = frozenset({"HassMediaNext", "HassNevermind", "Stop"})
_HARD_TASKS = (
    (
        "code_generation",
        re.compile(
            r"\b(code|python|java(script)?|c\+\+|c#|sql|html|css|function|script|program|api|regex|bash|react|rust|"
            r"class|compile|excel|formula|docker|linux|query|json|latex|matlab|powershell|pytorch|terraform|git)\b|[{};]\s*$",
            re.IGNORECASE,
        ),
    ),
    (
        "long_form_writing",
        re.compile(
            r"\b(write|essay|story|poem|letter|article|blog|draft|script for|paragraph|report|song|lyrics|speech|"
            r"description|cover letter|email|rewrite|summar\w+|translate|names? for|slogan|introduction)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "multi_step_reasoning",
        re.compile(
            r"\b(how many|calculate|solve|prove|step[- ]by[- ]step|steps|plan|puzzle|riddle|equation|probability|"
            r"integral|optimi[sz]e|schedule|math\w*|number of|sum|how much|total|itinerary)\b|\d\s*[-+*/=]\s*\d",
            re.IGNORECASE,
        ),
    ),
)
TAGS = (
    "name",
    "area",
    "floor",
    "list",
    "item",
    "query",
    "message",
    "timer",
    "place",
    "color",
    "date",
    "time",
    "recurrence",
    "amount",
)
_HWU_TAGS = {
    "date": "date",
    "time": "time",
    "timeofday": "time",
    "general_frequency": "recurrence",
    "house_place": "area",
    "device_type": "name",
    "color_type": "color",
    "event_name": "message",
    "change_amount": "amount",
    "place_name": "place",
    "list_name": "list",
    **dict.fromkeys(
        ("artist_name", "song_name", "music_genre", "playlist_name", "podcast_name", "audiobook_name", "radio_name"),
        "query",
    ),
}
_LIST_TAGS = {
    "color": "color",
    "brightness": "amount",
    "temperature": "amount",
    "position": "amount",
    "fan_speed": "amount",
    "volume": "amount",
    "volume_step_up": "amount",
    "volume_step_down": "amount",
    "search_query": "query",
    "message": "message",
    "zone": "place",
    "timer_name": "timer",
    "shopping_list_item": "item",
    "todo_list_item": "item",
    **{tag: tag for tag in TAGS},
}
_OURS = {"known": "timer", "timer": "timer", "exact": "amount"}
_MARKED = {
    "{target:it}": "it",
    "{target:where}": "[the] {area}",
    "{target}": "([the|my] {name}|[the] {area} lights|[the] lights in [the] {area}|[the] {area} {name})",
}
"""What stands in our templates for things of a home, and what one would find there."""
_DROPPED_INTENTS = frozenset({"HassRespond"})
_DEVELOPMENT = (
    "nlu/hwu64_test.jsonl",
    "nlu/clinc150_val.jsonl",
    "nlu/slurp_devel.jsonl",
    "route/dev.jsonl",
)
_HA_EACH, _OURS_EACH, _TEMPLATES_EACH, _TASKS_EACH = 6, 8, 30, 40
_AT_MOST = 350
"""Made sentences of an intent."""
_MAX_WORDS = 40


@dataclass(frozen=True, slots=True)
class Example:
    """One utterance, plain, and what is to be learnt from it."""

    words: tuple[str, ...]
    intents: tuple[str, ...]
    """Any of which is right; empty where the row says nothing about it."""
    tags: tuple[str, ...] | None
    """A tag a word, empty for none; None where nobody tagged it."""
    task: str
    """Empty where unknown."""
    label: str = ""
    """The data set's own, which helps to learn the rest."""
    source: str = ""

    @property
    def text(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Answers:
    """What may be answered to each question, in the order of the logits."""

    intent: tuple[str, ...]
    label: tuple[str, ...]
    task: tuple[str, ...]
    tags: tuple[str, ...]
    """O, then B- and I- of each tag."""


def answers_of(examples: Sequence[Example]) -> Answers:
    """Everything that the examples know."""
    return Answers(
        tuple(sorted({intent for example in examples for intent in example.intents})),
        tuple(sorted({example.label for example in examples if example.label})),
        TASKS,
        ("O", *(f"{part}-{tag}" for tag in TAGS for part in "BI")),
    )


def training_examples(data: Path, seed: int) -> list[Example]:
    """All of them, each text once."""
    language = load_language("en")
    dropped = {plain(row["text"], language) for name in _DEVELOPMENT for row in _rows(data / name)}
    pick = random.Random(seed)  # noqa: S311 - no secret
    examples = [
        *_data_sets(data, language),
        *_questions(data, language),
        *_from_templates(language, pick),
    ]
    found: dict[str, Example] = {}
    for example in examples:
        if example.words and example.text not in dropped:
            known = found.get(example.text)
            found[example.text] = _merged(known, example) if known else example
    return list(found.values())


def around(examples: Iterable[Example], share: float, pick: random.Random) -> Iterator[Example]:
    """A share of the examples, with something people put around a request."""
    phrases = _english()["around"]
    for example in examples:
        if example.intents and example.intents[0] not in SMALLTALK and pick.random() < share:
            before = pick.choice(phrases["before"]).split() if pick.random() < 0.7 else []
            after = pick.choice(phrases["after"]).split() if not before or pick.random() < 0.2 else []
            tags = example.tags and (*[""] * len(before), *example.tags, *[""] * len(after))
            yield replace(example, words=(*before, *example.words, *after), tags=tags, source="around")


def is_held_out(example: Example, share: float) -> bool:
    """Whether it is kept for early stopping and calibration: the same ones each time."""
    digest = hashlib.sha256(example.text.encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def hard_task_of(text: str) -> str:
    """The task type of an instruction, by its words."""
    return next((task for task, words in _HARD_TASKS if words.search(text)), "complex_analysis")


def _merged(known: Example, other: Example) -> Example:
    """Two rows of one text: what both allow, or what the first says."""
    both = tuple(intent for intent in known.intents if intent in other.intents)
    return replace(
        known,
        intents=both or known.intents or other.intents,
        tags=other.tags if known.tags is None else known.tags,
        task=known.task or other.task,
    )


def _data_sets(data: Path, language: Language) -> Iterator[Example]:
    with (data / "nlu" / "labels.csv").open(encoding="utf-8", newline="") as file:
        right = {(row["dataset"], row["label"]): row["intents"].split("|") for row in csv.DictReader(file)}
    for name, dataset in (("hwu64", "hwu64_slurp"), ("clinc150", "clinc150")):
        for row in _rows(data / "nlu" / f"{name}_train.jsonl"):
            intents = tuple(right[dataset, row["label"]])
            if intents == ("skip",):
                intents = ()
            spoken = list(_annotated(row["annotated"])) if "annotated" in row else [(row["text"], "")]
            words, tags = _tagged_words(spoken, language)
            known_tags = tags if "annotated" in row else None
            tagged = any(tags) or any(char.isdigit() for char in row["text"])
            task = _task(intents, tagged)
            if task == "intent_classification" and known_tags is None and intents[0] not in _WITHOUT_VALUES:
                task = ""  # nobody looked for values
            yield Example(words, intents, known_tags, task, f"{name}/{row['label']}", name)


def _task(intents: Sequence[str], tagged: bool) -> str:
    """The task type of a row; empty where its intents leave it open."""
    if intents == (OUT_OF_SCOPE,):
        return "rag_retrieval"
    return task_of(intents[0], has_values=tagged) if intents else ""


def _questions(data: Path, language: Language) -> Iterator[Example]:
    for row in _rows(data / "route" / "cloud_train.jsonl"):
        words = tuple(plain(row["text"], language).split())[:_MAX_WORDS]
        task = "rag_retrieval" if row["kind"] == "factoid" else hard_task_of(row["text"])
        yield Example(words, (OUT_OF_SCOPE,), None, task, f"cloud/{task}", "cloud")


def _from_templates(language: Language, pick: random.Random) -> Iterator[Example]:
    from home_assistant_intents import get_intents  # noqa: PLC0415 - reads 2 MB of JSON

    content = get_intents("en")
    assert content
    english = _english()
    words = english["words"]
    home = Intents.from_dict({**content, "skip_words": []})
    made: list[tuple[str, Sampler, list[str], int]] = []
    sampler = Sampler(home, words, _LIST_TAGS, pick)
    for intent, body in content["intents"].items():
        if intent not in _DROPPED_INTENTS:
            tags = dict(_LIST_TAGS) | ({"name": "list"} if "List" in intent else {}) | _timer_lists(intent)
            texts = [text for block in body["data"] for text in block["sentences"]]
            made.append((intent, replace(sampler, tags=tags), texts, _HA_EACH))
    for source in language.sentence_files:
        ours: dict[str, Any] = yaml.load(_furnished(source.read_text("utf-8")), Loader)  # noqa: S506 - a SafeLoader
        own = Intents.from_dict({"language": "en", **ours})
        numbers = {**words, "date": words["date"], "day": words["date"], "start": words["duration"]}
        for intent, body in ours["intents"].items():
            texts = [text for block in body["data"] for text in block["sentences"]]
            made.append((intent, Sampler(own, numbers, {**_LIST_TAGS, **_OURS}, pick), texts, _OURS_EACH))
    for intent, texts in english["templates"].items():
        made.append((intent, sampler, texts, _TEMPLATES_EACH))
    for intent, filler, texts, each in made:
        sentences = [made_ for text in texts for made_ in filler.sentences(text, each)]
        for sentence in pick.sample(sentences, min(len(sentences), _AT_MOST)):
            found, tags_ = _tagged_words(sentence, language)
            if 0 < len(found) <= _MAX_WORDS:
                yield Example(found, (intent,), tags_, task_of(intent, has_values=any(tags_)), "", "templates")
    for task, texts in english["tasks"].items():
        for text in texts:
            for sentence in sampler.sentences(text, _TASKS_EACH):
                found, _ = _tagged_words(sentence, language)
                yield Example(found, (OUT_OF_SCOPE,), None, task, f"cloud/{task}", "tasks")


def _furnished(text: str) -> str:
    """A sentence file with the names of things where the home's own are marked."""
    for mark, things in _MARKED.items():
        text = text.replace(mark, things)
    return text


def _timer_lists(intent: str) -> dict[str, str]:
    return {"area": "area", "name": "timer"} if "Timer" in intent else {}


def _annotated(text: str) -> Iterator[Tagged]:
    return ((words, _HWU_TAGS.get(slot, "")) for words, slot in pieces(text))


def _tagged_words(tagged: Sequence[Tagged], language: Language) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The plain words, and a tag each. A piece that begins inside a word belongs to it."""
    words: list[str] = []
    tags: list[str] = []
    glued = False
    for text, tag in tagged:
        if not text:
            continue
        found = plain(text, language).split()
        if found and glued and not text[0].isspace() and words:
            words[-1] += found.pop(0)
        words += found
        tags += [tag] * (len(words) - len(tags))
        glued = not text[-1].isspace()
    return tuple(words), tuple(tags)


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    for line in file.read_text("utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def _english() -> dict[str, Any]:
    text = files("assistant.training").joinpath("en.yaml").read_text("utf-8")
    content: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes nothing but texts
    return content
