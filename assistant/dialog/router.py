"""Who answers: the first rule that fits, in this order.

    1  skill          a skill's intent, slots filled, confident                      edge
    2  ask-back       a skill's intent, incomplete or doubtful                       edge asks
    3  private        private mode: nothing leaves                                   edge, or it says so
    4  user           the user said who is to answer                                 as told
    5  offline        the cloud can't be asked                                       edge says so
    6  task-type      work for a large model: reasoning, code, long texts, facts     cloud
    8  edge-doubtful  an open question                                               cloud
    9  long           nothing known, over 50 words                                   cloud
    10 default        nothing known, short                                           edge asks what was meant

The numbers are those of the design's table; rule 7 needs a local model that doesn't exist yet. Pure: everything it
looks at comes in, nothing is read from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from assistant.nlu.tasks import OPEN_TASKS
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
    UNABLE = "unable"
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


def route(understanding: Understanding, policy: RouterPolicy, *, link_up: bool, private: bool = False) -> Decision:
    """Decide who answers."""
    match = understanding.match
    confidence = match.confidence if match else 0.0
    if match and confidence >= policy.reject_threshold:
        return _route_intent(understanding, confidence, policy)
    return _route_other(understanding, confidence, link_up=link_up, private=private)


def _route_intent(understanding: Understanding, confidence: float, policy: RouterPolicy) -> Decision:
    if understanding.missing:
        sentence = f"A skill's request without its {' and '.join(understanding.missing)}."
        return Decision(Layer.EDGE, "ask-back", sentence, Action.ASK_BACK, confidence)
    if confidence < policy.threshold:
        sentence = f"A skill's request, but only {confidence:.0%} sure ({policy.threshold:.0%} needed)."
        return Decision(Layer.EDGE, "ask-back", sentence, Action.ASK_BACK, confidence)
    return Decision(Layer.EDGE, "skill", f"A skill's request, {confidence:.0%} sure.", Action.SKILL, confidence)


def _route_other(understanding: Understanding, confidence: float, *, link_up: bool, private: bool) -> Decision:
    """What no skill claims."""
    wish, cloud = _wish(understanding)

    def edge(reason: str, sentence: str, action: Action) -> Decision:
        return Decision(Layer.EDGE, reason, sentence, action, confidence)

    if private:
        action = Action.PRIVATE_MESSAGE if cloud else Action.CLARIFY
        return edge("private", "Private mode: nothing leaves the device, and no skill knows this.", action)
    if understanding.layer is Layer.EDGE:
        return edge("user", "You wanted the device's own answer, and it has none.", Action.UNABLE)
    if not link_up:
        sentence = "The cloud can't be asked, and nothing on the device can answer this."
        return edge("offline", sentence, Action.OFFLINE_MESSAGE)
    if cloud:
        return Decision(Layer.CLOUD, wish, cloud, Action.CLOUD, confidence)
    return edge("default", "Nothing the device knows, and too short to be worth the cloud.", Action.CLARIFY)


def _wish(understanding: Understanding) -> tuple[str, str]:
    """(reason, sentence) for asking the cloud; both empty when nothing speaks for it."""
    if understanding.layer is Layer.CLOUD:
        return "user", "You asked for the cloud."
    if understanding.open_question and understanding.task in OPEN_TASKS:
        return "task-type", f"Work for a large model: {_WORK[understanding.task]}."
    if understanding.open_question:
        return "edge-doubtful", "An open question, and no model on the device answers it."
    if len(understanding.text.split()) > LONG_WORDS:
        return "long", f"Nothing the device knows, and over {LONG_WORDS} words."
    return "", ""
