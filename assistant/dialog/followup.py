"""Utterances that refer to what was just said: answers to a question of ours ("For how long?" - "ten minutes"), and
corrections of what was just done ("no, fifteen"), pronouns ("turn it off again"), the same for others ("and the hall").
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime

from assistant.nlu.classifier import SOURCE
from assistant.nlu.understand import Understander
from assistant.nlu.understanding import Understanding
from assistant.values import IntentMatch


@dataclass(frozen=True, slots=True)
class Before:
    """What an utterance may refer to; None for nothing."""

    waiting: IntentMatch | None = None
    """The request that waits for its answer."""
    done: IntentMatch | None = None
    """What was done last, and can be taken back."""
    mentioned: IntentMatch | None = None
    """The last request, to whose things a pronoun refers."""


def understand_turn(understander: Understander, text: str, before: Before, *, now: datetime) -> Understanding:
    """Read an utterance, given what went before.

    A whole new sentence wins over an answer, an answer over what only the model takes for a request ("ten minutes");
    "no" and "never mind" drop what waits. A correction wins over all.
    """
    if before.done and (corrected := understander.corrected(before.done, text, now=now)):
        return corrected
    understanding = understander.resolved(understander.understand(text, now=now), before.mentioned)
    waiting = before.waiting
    if waiting is None:
        followed = before.mentioned and not _is_exact(understanding) and understander.continued(before.mentioned, text)
        return followed or understanding
    match = understanding.match
    if match and match.intent == "Affirm" and waiting.confidence >= 1.0:
        return dataclasses.replace(understanding, match=dataclasses.replace(waiting, confirmed=True), missing=())
    if _is_exact(understanding):
        return understanding
    return understander.complete(waiting, text, now=now) or understanding


def _is_exact(understanding: Understanding) -> bool:
    """Whether a sentence of the grammar's claims it."""
    return understanding.match is not None and understanding.match.source != SOURCE
