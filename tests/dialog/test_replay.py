"""History decided once more."""

from __future__ import annotations

from assistant.dialog.replay import replay
from tests.fakes import ledger_line

QUESTION = {"intent": "", "candidates": (), "open_question": True, "task": "rag_retrieval", "layer": "cloud"}
HISTORY = [
    ledger_line(1, confidence=0.98),
    ledger_line(2, confidence=0.80, reason="ask-back", outcome="asked-back"),
    ledger_line(3, confidence=0.90, missing=("duration",), reason="ask-back", outcome="asked-back"),
    ledger_line(4, confidence=0.0, reason="task-type", **QUESTION),
    ledger_line(5, confidence=0.0, reason="private", **{**QUESTION, "layer": "edge", "private": True}),
    ledger_line(6, confidence=0.0, reason="offline", **{**QUESTION, "layer": "edge", "link_up": False}),
    ledger_line(7, confidence=0.0, reason="user", **{**QUESTION, "asked": "cloud"}),
    ledger_line(8, confidence=0.0, reason="long", text="word " * 60, layer="cloud", intent="", candidates=()),
    ledger_line(9, confidence=0.0, reason="default", text="hm", intent="", candidates=(), outcome="not-understood"),
    ledger_line(10, confidence=0.2, reason="default", text="hm", intent="", outcome="not-understood"),
]


def test_with_the_same_threshold_history_repeats_itself() -> None:
    again = replay(HISTORY, 0.85)
    assert again.changes == ()
    assert again.before == again.after == {"edge": 5, "cloud": 3, "ask-back": 2}
    assert again.decided == len(HISTORY)


def test_a_lower_threshold_acts_where_it_asked_back_and_a_higher_one_asks_back() -> None:
    lower = replay(HISTORY, 0.75)
    assert [(change.before.number, change.after.reason) for change in lower.changes] == [(2, "skill")]
    assert lower.after == {"edge": 6, "cloud": 3, "ask-back": 1}
    higher = replay(HISTORY, 0.99)
    assert [(change.before.number, change.after.reason) for change in higher.changes] == [(1, "ask-back")]
