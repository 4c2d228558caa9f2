"""The table of patience, and that guessing alone never acts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.dialog.end_of_turn import CONTRADICTS, FINISHED, Guess, SilencePolicy, patience
from assistant.nlu.understanding import Understanding
from assistant.values import IntentMatch, Transcription

POLICY = SilencePolicy(complete_s=0.25, usual_s=0.7, unclear_s=1.2, threshold=0.85)


def guess(
    confidence: float | None = None,
    *,
    missing: tuple[str, ...] = (),
    unfinished: bool = False,
    finished: float | None = None,
    text: str = "some words",
    source: str = "grammar",
) -> Guess:
    match = None if confidence is None else IntentMatch("HassStartTimer", {}, confidence, source)
    understanding = Understanding(text, match, missing, open_question=False, unfinished=unfinished)
    return Guess(Transcription(text, 1.0, 0.9, redone=False), understanding, finished)


@pytest.mark.parametrize(
    ("made", "rule", "silence_s"),
    [
        (None, "no-guess", 0.7),
        (guess(text=""), "no-guess", 0.7),
        (guess(0.98), "complete", 0.25),
        (guess(0.98, finished=CONTRADICTS), "complete", 0.25),
        (guess(0.98, finished=CONTRADICTS - 0.01), "intonation", 0.7),
        (guess(0.98, source="classifier"), "finished", 0.7),
        (guess(0.98, source="classifier", finished=0.5), "unclear", 1.2),
        (guess(0.6), "finished", 0.7),
        (guess(0.6, finished=0.5), "unclear", 1.2),
        (guess(0.98, missing=("duration",)), "incomplete", 1.2),
        (guess(0.98, missing=("duration",), unfinished=True), "wants-more", 1.2),
        (guess(unfinished=True, finished=0.99), "wants-more", 1.2),
        (guess(), "finished", 0.7),
        (guess(finished=FINISHED), "finished", 0.7),
        (guess(finished=FINISHED - 0.01), "unclear", 1.2),
    ],
)
def test_table(made: Guess | None, rule: str, silence_s: float) -> None:
    needed = patience(made, POLICY)
    assert (needed.rule, needed.silence_s) == (rule, silence_s)


@given(
    confidence=st.none() | st.floats(0, 1),
    missing=st.sampled_from([(), ("duration",)]),
    unfinished=st.booleans(),
    finished=st.none() | st.floats(0, 1),
)
def test_only_a_whole_confident_request_ends_a_turn_early(
    confidence: float | None, missing: tuple[str, ...], unfinished: bool, finished: float | None
) -> None:
    needed = patience(guess(confidence, missing=missing, unfinished=unfinished, finished=finished), POLICY)
    early = needed.silence_s < POLICY.usual_s
    whole = confidence is not None and confidence >= POLICY.threshold and not missing and not unfinished
    assert not early or whole
    assert needed.silence_s <= POLICY.unclear_s
