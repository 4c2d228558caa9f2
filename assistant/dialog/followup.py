"""Taking up a question of ours: "For how long?" - "ten minutes"."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from assistant.nlu.understand import Understander
from assistant.nlu.understanding import Understanding
from assistant.values import IntentMatch


def understand_turn(
    understander: Understander, text: str, waiting: IntentMatch | None, *, now: datetime
) -> Understanding:
    """Read an utterance, given the request that waits for its answer (None when nothing waits).

    A whole new request wins over an answer; "no" and "never mind" drop what waits.
    """
    understanding = understander.understand(text, now=now)
    if waiting is None:
        return understanding
    match = understanding.match
    if match and match.intent == "Affirm" and waiting.confidence >= 1.0:
        return dataclasses.replace(understanding, match=waiting, missing=())
    if match:
        return understanding
    return understander.complete(waiting, text, now=now) or understanding
