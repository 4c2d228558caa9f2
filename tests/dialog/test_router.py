"""The routing table, rule by rule, and what holds for all of it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.dialog.router import LONG_WORDS, Action, RouterPolicy, local_matters, route
from assistant.nlu.tasks import TASKS
from assistant.nlu.understanding import Understanding
from assistant.values import IntentMatch, Layer

POLICY = RouterPolicy(threshold=0.85, reject_threshold=0.3)


def read_as(
    confidence: float | None,
    *,
    missing: tuple[str, ...] = (),
    open_question: bool = False,
    words: int = 4,
    task: str = "",
    layer: Layer | None = None,
) -> Understanding:
    match = None if confidence is None else IntentMatch("HassStartTimer", {}, confidence, "grammar")
    return Understanding(
        text="word " * words,
        match=match,
        missing=missing,
        open_question=open_question,
        unfinished=False,
        task=task,
        layer=layer,
    )


@pytest.mark.parametrize(
    ("understanding", "link_up", "layer", "reason", "action"),
    [
        (read_as(0.98), True, Layer.EDGE, "skill", Action.SKILL),
        (read_as(0.98), False, Layer.EDGE, "skill", Action.SKILL),
        (read_as(0.85), True, Layer.EDGE, "skill", Action.SKILL),
        (read_as(0.8499), True, Layer.EDGE, "ask-back", Action.ASK_BACK),
        (read_as(0.98, missing=("duration",)), True, Layer.EDGE, "ask-back", Action.ASK_BACK),
        (read_as(0.98, missing=("duration",)), False, Layer.EDGE, "ask-back", Action.ASK_BACK),
        (read_as(0.3), False, Layer.EDGE, "ask-back", Action.ASK_BACK),
        (read_as(0.29), False, Layer.EDGE, "offline", Action.OFFLINE_MESSAGE),
        (read_as(0.29, open_question=True), True, Layer.CLOUD, "edge-doubtful", Action.CLOUD),
        (read_as(None), False, Layer.EDGE, "offline", Action.OFFLINE_MESSAGE),
        (read_as(None, open_question=True), False, Layer.EDGE, "offline", Action.OFFLINE_MESSAGE),
        (read_as(None, open_question=True), True, Layer.CLOUD, "edge-doubtful", Action.CLOUD),
        (read_as(None, words=LONG_WORDS + 1), True, Layer.CLOUD, "long", Action.CLOUD),
        (read_as(None, words=LONG_WORDS), True, Layer.EDGE, "default", Action.CLARIFY),
    ],
)
def test_table(understanding: Understanding, link_up: bool, layer: Layer, reason: str, action: Action) -> None:
    decision = route(understanding, POLICY, link_up=link_up)
    assert (decision.layer, decision.reason, decision.action) == (layer, reason, action)
    assert decision.sentence


OPEN = read_as(None, open_question=True)
REASONING = read_as(None, open_question=True, task="multi_step_reasoning")
LOOKED_UP = read_as(None, open_question=True, task="rag_retrieval")
FOR_CLOUD = read_as(None, open_question=True, layer=Layer.CLOUD)
FOR_EDGE = read_as(None, open_question=True, layer=Layer.EDGE)


@pytest.mark.parametrize(
    ("understanding", "private", "link_up", "layer", "reason", "action"),
    [
        (read_as(0.98), True, True, Layer.EDGE, "skill", Action.SKILL),
        (OPEN, True, True, Layer.EDGE, "private", Action.PRIVATE_MESSAGE),
        (OPEN, True, False, Layer.EDGE, "private", Action.PRIVATE_MESSAGE),
        (FOR_CLOUD, True, True, Layer.EDGE, "private", Action.PRIVATE_MESSAGE),
        (read_as(None, words=LONG_WORDS + 1), True, True, Layer.EDGE, "private", Action.PRIVATE_MESSAGE),
        (read_as(None), True, True, Layer.EDGE, "private", Action.CLARIFY),
        (FOR_CLOUD, False, True, Layer.CLOUD, "user", Action.CLOUD),
        (FOR_CLOUD, False, False, Layer.EDGE, "offline", Action.OFFLINE_MESSAGE),
        (FOR_EDGE, False, True, Layer.EDGE, "user", Action.UNABLE),
        (FOR_EDGE, False, False, Layer.EDGE, "user", Action.UNABLE),
        (REASONING, False, True, Layer.CLOUD, "task-type", Action.CLOUD),
        (REASONING, False, False, Layer.EDGE, "offline", Action.OFFLINE_MESSAGE),
        (read_as(None, task="multi_step_reasoning"), False, True, Layer.EDGE, "default", Action.CLARIFY),
    ],
)
def test_who_was_asked_for_and_what_may_leave(  # noqa: PLR0917 - a row
    understanding: Understanding, private: bool, link_up: bool, layer: Layer, reason: str, action: Action
) -> None:
    decision = route(understanding, POLICY, link_up=link_up, private=private)
    assert (decision.layer, decision.reason, decision.action) == (layer, reason, action)
    assert decision.sentence


@pytest.mark.parametrize(
    ("understanding", "private", "link_up", "local", "reason", "action"),
    [
        (OPEN, False, True, 0.85, "edge-confident", Action.LOCAL),
        (OPEN, False, True, 0.8499, "edge-doubtful", Action.CLOUD),
        (REASONING, False, True, 1.0, "task-type", Action.CLOUD),
        (LOOKED_UP, False, True, 0.85, "edge-confident", Action.LOCAL),
        (LOOKED_UP, False, True, 0.8499, "task-type", Action.CLOUD),
        (dataclasses.replace(LOOKED_UP, layer=Layer.CLOUD), False, True, 1.0, "user", Action.CLOUD),
        (FOR_CLOUD, False, True, 1.0, "user", Action.CLOUD),
        (FOR_EDGE, False, True, 0.01, "user", Action.LOCAL),
        (FOR_EDGE, False, False, 0.01, "user", Action.LOCAL),
        (OPEN, False, False, 0.5, "offline", Action.LOCAL),
        (OPEN, False, False, 0.4999, "offline", Action.OFFLINE_MESSAGE),
        (OPEN, True, True, 0.5, "private", Action.LOCAL),
        (OPEN, True, True, 0.4999, "private", Action.PRIVATE_MESSAGE),
        (read_as(None), True, True, 1.0, "private", Action.CLARIFY),
        (read_as(None), False, True, 1.0, "default", Action.CLARIFY),
        (read_as(0.98), False, True, 0.0, "skill", Action.SKILL),
    ],
)
def test_what_the_model_on_the_device_is_good_for(  # noqa: PLR0917 - a row
    understanding: Understanding, private: bool, link_up: bool, local: float, reason: str, action: Action
) -> None:
    decision = route(understanding, POLICY, link_up=link_up, private=private, local=local)
    assert (decision.reason, decision.action) == (reason, action)
    assert (decision.layer is Layer.CLOUD) is (action is Action.CLOUD)
    before = route(understanding, POLICY, link_up=link_up, private=private)
    assert decision.action is not Action.LOCAL or local_matters(understanding, before), "it would never have been asked"


@given(
    confidence=st.none() | st.floats(0, 1),
    missing=st.sampled_from([(), ("duration",)]),
    open_question=st.booleans(),
    words=st.integers(1, 120),
    task=st.sampled_from(["", *TASKS]),
    layer=st.none() | st.sampled_from(Layer),
    link_up=st.booleans(),
    local=st.none() | st.floats(0, 1),
)
def test_private_never_leaves_and_the_same_is_decided_the_same(  # noqa: PLR0917 - all that it looks at
    confidence: float | None,
    missing: tuple[str, ...],
    open_question: bool,
    words: int,
    task: str,
    layer: Layer | None,
    link_up: bool,
    local: float | None,
) -> None:
    understanding = read_as(
        confidence, missing=missing, open_question=open_question, words=words, task=task, layer=layer
    )
    decision = route(understanding, POLICY, link_up=link_up, private=True, local=local)
    assert decision.layer is Layer.EDGE
    assert decision.action is not Action.CLOUD
    assert decision == route(understanding, POLICY, link_up=link_up, private=True, local=local)
    assert "word" not in decision.sentence.split("over")[0]


@given(
    confidence=st.none() | st.floats(0, 1),
    missing=st.sampled_from([(), ("duration",)]),
    open_question=st.booleans(),
    words=st.integers(1, 120),
    link_up=st.booleans(),
)
def test_a_lost_link_is_never_asked_and_skills_never_leave(
    confidence: float | None, missing: tuple[str, ...], open_question: bool, words: int, link_up: bool
) -> None:
    understanding = read_as(confidence, missing=missing, open_question=open_question, words=words)
    decision = route(understanding, POLICY, link_up=link_up)
    if not link_up or (confidence is not None and confidence >= POLICY.reject_threshold):
        assert decision.layer is Layer.EDGE
    assert (decision.action is Action.SKILL) == (
        confidence is not None and confidence >= POLICY.threshold and not missing
    )
    assert "word" not in decision.sentence.split("over")[0]
