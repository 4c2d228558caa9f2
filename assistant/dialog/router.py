"""Who answers: the first rule that fits, in this order.

    1  skill           a skill's intent, slots filled, confident                     edge
    2  ask-back        a skill's intent, incomplete or doubtful                      edge asks
    3  private         private mode: nothing leaves                                  edge, or it says so
    4  user            the user said who is to answer                                as told
    5  offline         the cloud can't be asked                                      edge, or it says so
    6  task-type       work for a large model: reasoning, code, long texts, facts    cloud
    7  edge-confident  an open question that the model on the device knows           edge
    8  edge-doubtful   an open question otherwise                                    cloud
    9  long            nothing known, over 50 words                                  cloud
    10 default         nothing known, short                                          edge asks what was meant

Pure: everything it looks at comes in, nothing is read from outside. The local model's confidence costs a moment, so it
comes in only where it matters (`local_matters`): what is decided without it holds as long as nothing better is known.

Rule 7 goes before rule 6 for one type of task: rag_retrieval, a fact that has to be looked up. Nearly every question
about the world is one, and what the model on the device knows needs no looking up.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from assistant.nlu.tasks import LOOKED_UP, OPEN_TASKS
from assistant.nlu.understanding import Understanding
from assistant.values import Layer

LONG_WORDS = 50
"""An unknown utterance with more words than this is taken for a request that needs a large model (the seed's rule)."""


_WORK = dict(
    zip(OPEN_TASKS, ("reasoning", "programming", "a longer text", "an analysis", "looking something up"), strict=True)
)


class Action(StrEnum):
    """What is done to make the reply."""

    SKILL = "skill"
    ASK_BACK = "ask-back"
    PRIVATE_MESSAGE = "private-message"
    OFFLINE_MESSAGE = "offline-message"
    CLOUD = "cloud"
    LOCAL = "local"
    UNABLE = "unable"
    CLARIFY = "clarify"


_HERE = {
    "private": "Private mode: the device answers by itself",
    "user": "You wanted the device's own answer",
    "offline": "The cloud can't be asked: the device answers by itself",
}
_WITHOUT_LOCAL = frozenset({Action.PRIVATE_MESSAGE, Action.OFFLINE_MESSAGE, Action.UNABLE})
"""What is done for want of an answer."""
_ANSWERABLE = frozenset({"edge-doubtful", "task-type"})
"""Reasons to ask the cloud that a sure model on the device outdoes."""


@dataclass(frozen=True, slots=True)
class Decision:
    layer: Layer
    reason: str
    """Stable code of the rule."""
    sentence: str
    """The same for a person; holds no user text."""
    action: Action
    confidence: float
    """Probability that the edge's own reply is right."""


@dataclass(frozen=True, slots=True)
class RouterPolicy:
    threshold: float
    """From this confidence the edge acts without asking back."""
    reject_threshold: float
    """Below this confidence no skill claims the utterance."""
    fallback_threshold: float = 0.5
    """From this confidence the local model answers where the cloud can't be asked."""


def route(
    understanding: Understanding,
    policy: RouterPolicy,
    *,
    link_up: bool,
    private: bool = False,
    local: float | None = None,
) -> Decision:
    """Decide who answers. `local`: how likely the local model's answer would be right; None when it wasn't asked."""
    match = understanding.match
    confidence = match.confidence if match else 0.0
    if match and confidence >= policy.reject_threshold:
        return _route_intent(understanding, confidence, policy)
    return _route_other(understanding, policy, link_up=link_up, private=private, local=local)


def local_matters(understanding: Understanding, decision: Decision) -> bool:
    """Whether the local model's confidence could change a decision that was made without it."""
    may_know = decision.reason in _ANSWERABLE and _may_know(understanding)
    return decision.action in _WITHOUT_LOCAL or may_know


def _may_know(understanding: Understanding) -> bool:
    """Whether it's a question that the model on the device may know the answer to."""
    return understanding.open_question and understanding.task in {"", LOOKED_UP}


def _route_intent(understanding: Understanding, confidence: float, policy: RouterPolicy) -> Decision:
    if understanding.missing:
        sentence = f"A skill's request without its {' and '.join(understanding.missing)}."
        return Decision(Layer.EDGE, "ask-back", sentence, Action.ASK_BACK, confidence)
    if confidence < policy.threshold:
        sentence = f"A skill's request, but only {confidence:.0%} sure ({policy.threshold:.0%} needed)."
        return Decision(Layer.EDGE, "ask-back", sentence, Action.ASK_BACK, confidence)
    return Decision(Layer.EDGE, "skill", f"A skill's request, {confidence:.0%} sure.", Action.SKILL, confidence)


def _route_other(
    understanding: Understanding, policy: RouterPolicy, *, link_up: bool, private: bool, local: float | None
) -> Decision:
    """What no skill claims."""
    wish, cloud = _wish(understanding)
    if private or understanding.layer is Layer.EDGE or not link_up:
        return _route_here(understanding, policy, private=private, local=local, wanted=bool(cloud))
    if wish in _ANSWERABLE and _may_know(understanding) and local is not None and local >= policy.threshold:
        sentence = f"An open question, and the device's model is {local:.0%} sure of its answer."
        return Decision(Layer.EDGE, "edge-confident", sentence, Action.LOCAL, local)
    if cloud:
        return Decision(Layer.CLOUD, wish, cloud, Action.CLOUD, local or 0.0)
    sentence = "Nothing the device knows, and too short to be worth the cloud."
    return Decision(Layer.EDGE, "default", sentence, Action.CLARIFY, local or 0.0)


def _route_here(
    understanding: Understanding, policy: RouterPolicy, *, private: bool, local: float | None, wanted: bool
) -> Decision:
    """What must stay on the device. `wanted`: else the cloud would be asked."""
    knows = local is not None and local >= policy.fallback_threshold
    if private:
        reason, sentence = "private", "Private mode: nothing leaves the device, and nothing on it knows this."
        action = Action.LOCAL if wanted and knows else Action.PRIVATE_MESSAGE if wanted else Action.CLARIFY
    elif understanding.layer is Layer.EDGE:
        reason, sentence = "user", "You wanted the device's own answer, and it has none."
        action = Action.UNABLE if local is None else Action.LOCAL
    else:
        reason, sentence = "offline", "The cloud can't be asked, and nothing on the device can answer this."
        action = Action.LOCAL if knows else Action.OFFLINE_MESSAGE
    if action is Action.LOCAL:
        sentence = f"{_HERE[reason]}, and its model is {local or 0.0:.0%} sure."
    return Decision(Layer.EDGE, reason, sentence, action, local or 0.0)


def _wish(understanding: Understanding) -> tuple[str, str]:
    """(reason, sentence) for asking the cloud; both empty when nothing speaks for it."""
    if understanding.layer is Layer.CLOUD:
        return "user", "You asked for the cloud."
    if understanding.open_question and understanding.task in OPEN_TASKS:
        return "task-type", f"Work for a large model: {_WORK[understanding.task]}."
    if understanding.open_question:
        return "edge-doubtful", "An open question, and nothing on the device is sure of its answer."
    if len(understanding.text.split()) > LONG_WORDS:
        return "long", f"Nothing the device knows, and over {LONG_WORDS} words."
    return "", ""
