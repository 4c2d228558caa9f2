"""`assistant eval nlu`: what the understanding makes of texts.

Rows are `{"text", "intent", "slots"?, "annotated"?}`. `intent` is a name or a list of which any is right;
`out_of_scope`: no local intent may claim it; `skip`: not scored. Slots are scored over rows in scope: those of `slots`
by value, those of `annotated` through slots.csv (beside the manifest, or in the development data). A gold value that
can't be normalised counts as missed, and a predicted one of the annotated kinds that isn't gold as wrong. A slot holds
one value, an annotation may mark several for it ("play [yesterday] by [the beatles]"): they are right when the value is
made of them and of nothing else but words that join ("by", "and").
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from assistant.config import data_dir
from assistant.encoder.text_model import OnnxTextModel
from assistant.evaluate.annotations import SlotRule, pieces, read_slot_rules
from assistant.evaluate.common import (
    EvalOptions,
    Manifest,
    Report,
    Row,
    RowResult,
    percentile,
    progress,
    ratio,
    read_manifest,
    text_field,
)
from assistant.nlu.classifier import SpanReader
from assistant.nlu.entities import Entities
from assistant.nlu.language import Language, load_language
from assistant.nlu.normalise import plain
from assistant.nlu.understand import Understander
from assistant.packaged import packaged_text_model
from assistant.values import OUT_OF_SCOPE, IntentMatch

SKIP, QUESTION = "skip", "Question"
_RULES_FILE = "slots.csv"
_JOINING = ("value_joints", "value_articles", "title_by")
_AHEAD = ("hours", "minutes", "seconds")


@dataclass(frozen=True, slots=True)
class NluRow:
    text: str
    intents: tuple[str, ...]
    slots: Mapping[str, Any] | None
    annotated: str


@dataclass(frozen=True, slots=True)
class Scored:
    """One row and what was made of it."""

    row: Row[NluRow]
    match: IntentMatch | None
    ms: float

    @property
    def predicted(self) -> str:
        return OUT_OF_SCOPE if self.match is None or self.match.intent == QUESTION else self.match.intent

    @property
    def in_scope(self) -> bool:
        return OUT_OF_SCOPE not in self.row.value.intents

    @property
    def is_right(self) -> bool:
        return self.predicted in self.row.value.intents


def run_nlu(
    options: EvalOptions, *, now: datetime, grammar_alone: bool = False, model_dir: Path | None = None
) -> Report:
    """Measure the understanding at the user's local time `now`, with the model in `model_dir`, or the packaged one.

    Raises:
        EvaluateError: the manifest can't be used. UnderstandError: the model can't.
    """
    settings = options.config.settings
    understander = Understander(  # for every intent of the inventory, with a skill or without
        names=settings.wake.names,
        model=None if grammar_alone else OnnxTextModel(model_dir or packaged_text_model()),
        reject_threshold=settings.nlu.reject_threshold,
    )
    manifest = read_manifest(options, _parse)
    scored = _scored(manifest, options, lambda text: understander.understand(text, now=now).match)
    figures = {**intent_figures(scored), "slot_f1": _slot_f1(scored, options.manifest.parent, now)}
    times_ms = [one.ms for one in scored]
    figures |= {"ms_p50": percentile(times_ms, 50), "ms_p95": percentile(times_ms, 95)}
    results = tuple(
        RowResult(
            one.row.input,
            one.predicted,
            one.ms,
            {"slots": dict(one.match.slots), "confidence": round(one.match.confidence, 4)} if one.match else {},
        )
        for one in scored
    )
    return Report("nlu", len(scored), figures, manifest.problems, results)


def scored_by(options: EvalOptions, claim: Callable[[str], IntentMatch | None]) -> list[Scored]:
    """The manifest's rows as another reader claims them. Raises EvaluateError."""
    return _scored(read_manifest(options, _parse), options, claim)


def intent_figures(scored: Sequence[Scored]) -> dict[str, float | None]:
    """Intent accuracy, out-of-scope recall, what was turned away, macro F1, calibration error."""
    ours = [one for one in scored if one.in_scope]
    others = [one for one in scored if not one.in_scope]
    return {
        "intent_accuracy": ratio(sum(one.is_right for one in ours), len(ours)),
        "oos_recall": ratio(sum(one.is_right for one in others), len(others)),
        "turned_away_share": ratio(sum(one.predicted == OUT_OF_SCOPE for one in ours), len(ours)),
        "macro_f1": _macro_f1(scored),
        "calibration_error": _calibration_error(scored),
    }


def _scored(
    manifest: Manifest[NluRow], options: EvalOptions, claim: Callable[[str], IntentMatch | None]
) -> list[Scored]:
    scored = []
    for row in progress([row for row in manifest.rows if row.value.intents != (SKIP,)], options, "understanding"):
        began_s = time.perf_counter()
        match = claim(row.value.text)
        scored.append(Scored(row, match, (time.perf_counter() - began_s) * 1000))
    return scored


def _macro_f1(scored: Sequence[Scored]) -> float | None:
    """The mean over the right answers that occur, out of scope among them. Of several right ones, the predicted one."""
    gold = [one.predicted if one.is_right else one.row.value.intents[0] for one in scored]
    right = Counter(one.predicted for one in scored if one.is_right)
    said, wanted = Counter(one.predicted for one in scored), Counter(gold)
    return ratio(sum(2 * right[name] / (said[name] + wanted[name]) for name in wanted), len(wanted))


def _calibration_error(scored: Sequence[Scored]) -> float | None:
    """Expected calibration error of what was claimed, in ten bins of confidence."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for one in scored:
        if one.match:
            at = min(int(one.match.confidence * 10), 9)
            bins.setdefault(at, []).append((one.match.confidence, one.is_right))
    gap = sum(abs(sum(sure for sure, _ in each) - sum(right for _, right in each)) for each in bins.values())
    return ratio(gap, sum(map(len, bins.values())))


def _slot_f1(scored: Sequence[Scored], folder: Path, now: datetime) -> float | None:
    """Micro F1 over the slots of rows in scope; None when no row has any."""
    rows = [one for one in scored if one.in_scope and (one.row.value.slots is not None or one.row.value.annotated)]
    if not rows:
        return None
    language = load_language("en")
    reader = SpanReader(language, Entities(language))
    rules: Mapping[str, SlotRule] = {}
    if any(one.row.value.annotated for one in rows):
        beside = folder / _RULES_FILE
        data = data_dir()
        rules = read_slot_rules(beside if beside.is_file() or data is None else data / "nlu" / _RULES_FILE)
    universe = {name for rule in rules.values() if rule.compare != SKIP for name in rule.ours}
    hits = missed = wrong = 0
    for one in rows:
        predicted = dict(one.match.slots) if one.match else {}
        if one.row.value.slots is not None:
            wanted: list[tuple[tuple[str, ...], Any]] = [((name,), each) for name, each in one.row.value.slots.items()]
            counted = set(predicted)
        else:
            predicted |= _time_named(predicted, now)
            wanted, unscored = _gold(one.row.value.annotated, rules, reader, now)
            counted = (universe & set(predicted)) - unscored
        whole = _made_of(wanted, predicted, language)
        for names, value in wanted:
            held = whole.intersection(names)
            same = (name for name in names if name in predicted and (name in held or _same(predicted[name], value)))
            found = next(same, None)
            hits += found is not None
            missed += found is None
            counted -= {found}
        wrong += len(counted)
    return ratio(2 * hits, 2 * hits + missed + wrong)


def _gold(
    annotated: str, rules: Mapping[str, SlotRule], reader: SpanReader, now: datetime
) -> tuple[list[tuple[tuple[str, ...], Any]], set[str]]:
    """What must be found (slots, any of which may hold it; the value, None for one that can't be normalised), and the
    slots that aren't scored here.
    """
    language = load_language("en")
    wanted: list[tuple[tuple[str, ...], Any]] = []
    unscored: set[str] = set()
    for text, slot in pieces(annotated):
        rule = rules.get(slot)
        if not slot or rule is None:
            continue
        words = plain(text, language)
        if rule.compare == SKIP:
            unscored |= set(rule.ours)
        elif rule.compare == "value":
            wanted.append((rule.ours, _value(rule.ours, words, reader, now)))
        else:
            wanted.append((rule.ours, reader.without_article(words)))
    return wanted, unscored


def _time_named(slots: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """The time that a length from now leads to ("in an hour"), which annotations give by the clock."""
    ahead = {name: float(slots[name]) for name in _AHEAD if isinstance(slots.get(name), int | float)}
    if not ahead or "time" in slots or timedelta(**ahead) >= timedelta(days=1):
        return {}
    return {"time": f"{now + timedelta(**ahead):%H:%M}"}


def _made_of(
    wanted: Sequence[tuple[tuple[str, ...], Any]], predicted: Mapping[str, Any], language: Language
) -> set[str]:
    """The slots whose predicted text is made of several wanted ones."""
    texts: dict[str, list[str]] = {}
    for names, value in wanted:
        if isinstance(value, str) and len(names) == 1:
            texts.setdefault(names[0], []).append(value)
    said = (word for name in _JOINING for phrase in language.list(name) for word in phrase.split())
    joints = frozenset(said)
    made = set()
    for name, values in texts.items():
        rest = f" {predicted.get(name, '')} "
        if len(values) > 1 and all(f" {value} " in rest for value in values):
            for value in values:
                rest = rest.replace(f" {value} ", "  ", 1)
            if joints.issuperset(rest.split()):
                made.add(name)
    return made


def _value(ours: Sequence[str], words: str, reader: SpanReader, now: datetime) -> Any:
    if "date" in ours:
        return reader.day(words, now.date())
    if "time" in ours:
        return reader.clock(words, now)
    if "recurrence" in ours:
        return reader.recurrence(words)
    return reader.amount(words)


def _same(predicted: Any, gold: Any) -> bool:
    if isinstance(predicted, int | float) and isinstance(gold, int | float):
        return float(predicted) == float(gold)
    return gold is not None and str(predicted).casefold() == str(gold).casefold()


def _parse(row: Mapping[str, Any], _: Path) -> NluRow:
    intent = row.get("intent")
    intents = (intent,) if isinstance(intent, str) else tuple(intent) if isinstance(intent, list) else ()
    if not intents or not all(isinstance(name, str) and name for name in intents):
        raise ValueError("`intent` must be a name, or a list of names")
    slots, annotated = row.get("slots"), row.get("annotated", "")
    if slots is not None and not isinstance(slots, dict):
        raise ValueError("`slots` must be an object")
    if not isinstance(annotated, str):
        raise ValueError("`annotated` must be a text")  # noqa: TRY004 - a row's fault, like every other
    return NluRow(text_field(row, "text"), intents, slots, annotated)
