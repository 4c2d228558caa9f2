"""What is known of a turn when it ends, and what the next one says about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.dialog import phrases
from assistant.dialog.ledger import MAX_OPEN, REACTION_S, Ledger, Page
from assistant.dialog.router import RouterPolicy, route
from assistant.dialog.turn_state import SCHEDULE
from assistant.events import DataLeft, ReplyChunk, TurnAmended
from assistant.nlu.understanding import Understanding
from assistant.records import Aftermath, Candidate
from assistant.values import IntentMatch, Outcome, StageTime
from tests.contract.test_turn_store import TURN

POLICY = RouterPolicy(0.85, 0.3)
OPEN = Understanding("why is the sky blue", None, (), open_question=True, unfinished=False, task="rag_retrieval")


def claimed(intent: str, text: str, confidence: float = 0.98, *, confirmed: bool = False) -> Understanding:
    match = IntentMatch(intent, {}, confidence, "grammar", confirmed)
    return Understanding(text, match, (), open_question=False, unfinished=False)


def turn(
    ledger: Ledger,
    understanding: Understanding,
    *,
    turn_id: str = "one",
    now_s: float = 0.0,
    outcome: Outcome = Outcome.ANSWERED,
) -> Page:
    """A whole turn of a second."""
    decision = route(understanding, POLICY, link_up=True)
    ledger.noted(turn_id, understanding, decision, POLICY, link_up=True, private=False, now_s=now_s)
    intent = understanding.match.intent if understanding.match else ""
    record = replace(TURN, id=turn_id, intent=intent, reason=decision.reason, outcome=outcome)
    page = ledger.close(record, now_s + 1.0)
    assert page is not None
    return page


def test_an_entry_tells_what_the_router_saw_and_what_became_of_it() -> None:
    ledger = Ledger(5.0)
    ledger.overheard(TurnAmended(turn_id="one", at_s=1.0), 9.0)
    decision = route(OPEN, POLICY, link_up=True)
    ledger.noted("one", OPEN, decision, POLICY, link_up=True, private=False, now_s=10.0)
    ledger.overheard(DataLeft(turn_id="one", to="x", bytes=70, why="task-type"), 10.1)
    ledger.overheard(DataLeft(turn_id="one", to="x", bytes=30, why="hedge"), 10.1)
    ledger.overheard(DataLeft(turn_id="", to="x", bytes=9, why="weather"), 10.1)
    ledger.overheard(ReplyChunk(turn_id="one", text=f"{phrases.ONE_MOMENT}\n"), 11.2)
    ledger.overheard(ReplyChunk(turn_id="one", text="Light "), 11.5)
    ledger.overheard(ReplyChunk(turn_id="one", text="scatters."), 11.9)
    record = replace(TURN, id="one", stages=(StageTime("first-audio", 1_600.0),))
    page = ledger.close(record, 12.0)
    assert page is not None
    entry = page.entry
    assert (entry.bytes_out, entry.first_token_ms, entry.first_audio_ms, entry.amended) == (100, 1_500.0, 1_600.0, True)
    assert (entry.task, entry.open_question, entry.deadline_ms) == ("rag_retrieval", True, 5_000.0)
    assert (entry.threshold, entry.reject_threshold, entry.link_up, entry.private) == (0.85, 0.3, True, False)
    assert page.reaction is None


def test_the_edge_has_no_deadline_and_candidates_default_to_what_was_understood() -> None:
    entry = turn(Ledger(5.0), claimed("HassTurnOn", "turn on the lamp", 0.9)).entry
    assert (entry.deadline_ms, entry.bytes_out) == (0.0, 0)
    assert entry.candidates == (Candidate("HassTurnOn", 0.9, "grammar"),)


def test_what_is_done_later_says_nothing_of_the_turn_that_asked_for_it() -> None:
    ledger = Ledger(5.0)
    asked = claimed("HassTurnOn", "turn on the lamp")
    turn(ledger, asked)
    decision = route(asked, POLICY, link_up=True)
    ledger.noted("later", asked, decision, POLICY, link_up=True, private=False, now_s=5.0, asked=False)
    page = ledger.close(replace(TURN, id="later", intent="HassTurnOn", source=SCHEDULE), 5.1)
    assert page is not None
    assert page.reaction is None
    assert turn(ledger, asked, turn_id="three", now_s=6.0).reaction == ("one", Aftermath.REPEATED), "the one before"


def test_a_turn_that_was_never_routed_has_none() -> None:
    assert Ledger(5.0).close(TURN, 1.0) is None


def test_turns_without_an_end_are_not_kept_for_ever() -> None:
    ledger = Ledger(5.0)
    for number in range(3 * MAX_OPEN):
        ledger.overheard(TurnAmended(turn_id=f"turn-{number}", at_s=0.0), 0.0)
    assert len(ledger._open) == MAX_OPEN


LAMP = claimed("HassTurnOn", "turn on the lamp")


@pytest.mark.parametrize(
    ("before", "outcome", "after", "gap_s", "aftermath"),
    [
        (LAMP, Outcome.ANSWERED, LAMP, 5.0, Aftermath.REPEATED),
        (OPEN, Outcome.FAILED, OPEN, 5.0, Aftermath.REPEATED),
        (LAMP, Outcome.ANSWERED, claimed("HassTurnOff", "turn off the lamp"), 5.0, Aftermath.NONE),
        (LAMP, Outcome.ANSWERED, LAMP, REACTION_S + 2, Aftermath.NONE),
        (claimed("HassMediaNext", "next"), Outcome.ANSWERED, claimed("HassMediaNext", "next"), 2.0, Aftermath.NONE),
        (LAMP, Outcome.ANSWERED, claimed("Deny", "that is wrong"), 5.0, Aftermath.DENIED),
        (LAMP, Outcome.ASKED_BACK, claimed("Deny", "no"), 5.0, Aftermath.NONE),
        (claimed("HassTurnOn", "lamp", 0.6), Outcome.ASKED_BACK, claimed("Deny", "no"), 5.0, Aftermath.DENIED),
        (
            claimed("HassTurnOn", "lamp", 0.6),
            Outcome.ASKED_BACK,
            claimed("HassTurnOn", "yes", confirmed=True),
            5.0,
            Aftermath.CONFIRMED,
        ),
        (LAMP, Outcome.ANSWERED, replace(LAMP, text="no the fan", corrects=True), 5.0, Aftermath.CORRECTED),
    ],
)
def test_what_the_next_turn_says(
    before: Understanding, outcome: Outcome, after: Understanding, gap_s: float, aftermath: Aftermath
) -> None:
    ledger = Ledger(5.0)
    turn(ledger, before, outcome=outcome)
    page = turn(ledger, after, turn_id="two", now_s=1.0 + gap_s)
    assert page.reaction == (None if aftermath is Aftermath.NONE else ("one", aftermath))
