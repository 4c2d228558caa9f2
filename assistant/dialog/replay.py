"""Deciding once more what was decided before, with another threshold. Pure: the ledger's lines in, decisions out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from assistant.dialog.router import Decision, RouterPolicy, route
from assistant.nlu.understanding import Understanding
from assistant.records import Route
from assistant.values import IntentMatch, Layer

ASKS_BACK = "ask-back"


@dataclass(frozen=True, slots=True)
class Change:
    """An utterance that would be routed otherwise."""

    before: Route
    after: Decision


@dataclass(frozen=True, slots=True)
class Replay:
    decided: int
    """Utterances decided once more."""
    before: dict[str, int]
    """Who answered -> how many: `edge`, `cloud`, `ask-back` (the edge, with a question)."""
    after: dict[str, int]
    changes: tuple[Change, ...]
    """In the order of the lines."""


def replay(routes: Iterable[Route], threshold: float) -> Replay:
    """What the router would decide of each with that threshold; all else as it was then: link, privacy, wishes."""
    before, after = Counter[str](), Counter[str]()
    changes: list[Change] = []
    for each in routes:
        decision = decided(each, threshold)
        was, is_now = _who(each.layer, each.reason), _who(decision.layer, decision.reason)
        before[was] += 1
        after[is_now] += 1
        if was != is_now:
            changes.append(Change(each, decision))
    return Replay(before.total(), dict(before), dict(after), tuple(changes))


def decided(line: Route, threshold: float | None = None) -> Decision:
    """What the router decides of it with that threshold, or with the one that was in force."""
    entry = line.entry
    policy = RouterPolicy(entry.threshold if threshold is None else threshold, entry.reject_threshold)
    local = line.confidence if entry.open_question and line.confidence else None  # then it is the local model's
    return route(_understanding(line), policy, link_up=entry.link_up, private=entry.private, local=local)


def _understanding(line: Route) -> Understanding:
    """What was understood then, as far as the router looks at it."""
    entry = line.entry
    intent = line.intent or next((each.intent for each in entry.candidates), "")
    claimed = intent and line.confidence and not entry.open_question
    return Understanding(
        text=line.text,
        match=IntentMatch(intent, {}, line.confidence, "ledger") if claimed else None,
        missing=entry.missing,
        open_question=entry.open_question,
        unfinished=False,
        task=entry.task,
        layer=Layer(entry.asked) if entry.asked else None,
    )


def _who(layer: str, reason: str) -> str:
    return ASKS_BACK if reason == ASKS_BACK else str(layer)
