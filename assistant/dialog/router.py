"""Who answers: the first rule that fits, in this order.

    1  skill          a skill's intent, slots filled, confident                      edge
    2  ask-back       a skill's intent, incomplete or doubtful                       edge asks
    5  offline        the cloud can't be asked                                       edge says so
    8  edge-doubtful  an open question                                               cloud
    9  long           nothing known, over 50 words                                   cloud
    10 default        nothing known, short                                           edge asks what was meant

The numbers are those of the design's table; rules 3, 4, 6 and 7 need parts that don't exist yet. Pure: everything it
looks at comes in, nothing is read from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from assistant.nlu.understanding import Understanding
from assistant.values import Layer

LONG_WORDS = 50
"""An unknown utterance with more words than this is taken for a request that needs a large model (the seed's rule)."""


class Action(StrEnum):
    """What is done to make the reply."""

    SKILL = "skill"
    ASK_BACK = "ask-back"
    OFFLINE_MESSAGE = "offline-message"
    CLOUD = "cloud"
    CLARIFY = "clarify"


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


def route(understanding: Understanding, policy: RouterPolicy, *, link_up: bool) -> Decision:
    """Decide who answers."""
    match = understanding.match
    confidence = match.confidence if match else 0.0
    if match and confidence >= policy.reject_threshold:
        return _route_intent(understanding, confidence, policy)
    if not link_up:
        sentence = "The cloud can't be asked, and nothing on the device can answer this."
        return Decision(Layer.EDGE, "offline", sentence, Action.OFFLINE_MESSAGE, confidence)
    if understanding.open_question:
        sentence = "An open question, and no model on the device answers it."
        return Decision(Layer.CLOUD, "edge-doubtful", sentence, Action.CLOUD, confidence)
    if len(understanding.text.split()) > LONG_WORDS:
        sentence = f"Nothing the device knows, and over {LONG_WORDS} words."
        return Decision(Layer.CLOUD, "long", sentence, Action.CLOUD, confidence)
    sentence = "Nothing the device knows, and too short to be worth the cloud."
    return Decision(Layer.EDGE, "default", sentence, Action.CLARIFY, confidence)


def _route_intent(understanding: Understanding, confidence: float, policy: RouterPolicy) -> Decision:
    if understanding.missing:
        sentence = f"A skill's request without its {' and '.join(understanding.missing)}."
        return Decision(Layer.EDGE, "ask-back", sentence, Action.ASK_BACK, confidence)
    if confidence < policy.threshold:
        sentence = f"A skill's request, but only {confidence:.0%} sure ({policy.threshold:.0%} needed)."
        return Decision(Layer.EDGE, "ask-back", sentence, Action.ASK_BACK, confidence)
    return Decision(Layer.EDGE, "skill", f"A skill's request, {confidence:.0%} sure.", Action.SKILL, confidence)
