"""Utterances that refer to what was just said: answers to a question of ours ("For how long?" - "ten minutes"), and
corrections of what was just done ("no, fifteen"), pronouns ("turn it off again"), the same for others ("and the hall").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from assistant.nlu.answers import IN_HOME
from assistant.nlu.classifier import SOURCE
from assistant.nlu.follow_ups import SURE
from assistant.nlu.references import BARE, is_removal
from assistant.nlu.targets import REFERENCE
from assistant.nlu.understand import Understander
from assistant.nlu.understanding import Understanding
from assistant.values import COMMAND, IntentMatch

_UNDONE = IntentMatch("HassNevermind", {"undone": True}, 0.98, "grammar")
_SURE_OF_A_CHANGE = 0.7
"""So sure the model must be that a request has begun, in the middle of a talk about something else."""
_WORDS = frozenset({"message", "item", "name"})
"""Slots that any words may fill."""
_SURE_OF_NO_CHOICE = 0.6
"""So sure the model must be of another request, where few words say which of some is meant."""
_CHOOSING = frozenset({"CancelAlarm", "CancelReminder"})
_DROPS = frozenset({"HassNevermind", "Stop"})


@dataclass(frozen=True, slots=True)
class Before:
    """What an utterance may refer to; None for nothing."""

    waiting: IntentMatch | None = None
    """The request that waits for its answer."""
    done: IntentMatch | None = None
    """What was done last, and may be corrected."""
    undoable: bool = False
    """Whether that changed anything that can be taken back."""
    mentioned: IntentMatch | None = None
    """The last request, to whose things a pronoun refers."""
    mentioned_too: tuple[IntentMatch, ...] = ()
    """The other requests of the same utterance."""
    reply: str = ""
    """What was said last, whoever said it; empty when that is long ago."""
    open: bool = False
    """That was the answer to an open question, and the talk may go on about it."""


Understand = Callable[[str, Before], Awaitable[Understanding]]
"""Reads an utterance, given what went before."""


def understand_turn(understander: Understander, text: str, before: Before, *, now: datetime) -> Understanding:
    """Read an utterance, given what went before.

    A whole new sentence wins over an answer, an answer over what only the model takes for a request ("ten minutes");
    "no" and "never mind" drop what waits. A correction wins over all.
    """
    follow_ups, waiting = understander.follow_ups, before.waiting
    if waiting and (meant := follow_ups.corrected(waiting, text, now=now)):
        return dataclasses.replace(meant, corrects=False)  # "should I turn on the fan?" "no, the lamp"
    if before.done and (corrected := follow_ups.corrected(before.done, text, now=now)):
        return corrected
    read = _instead(understander, understander.understand(text, now=now), text, now)
    drops = waiting and read.match and read.match.intent in _DROPS  # "cancel that": our question
    understanding = follow_ups.aimless(follow_ups.resolved(read, None if drops else before.mentioned))
    if before.mentioned and before.mentioned_too and follow_ups.is_for_all(text, read):
        understanding = follow_ups.for_all(read, (*before.mentioned_too, before.mentioned))
    elif before.mentioned and not before.mentioned_too:
        understanding = follow_ups.same_thing(understanding, before.mentioned)
    if waiting:
        return _answered(understander, waiting, understanding, text, now)
    if before.undoable and not follow_ups.names_a_place(text) and _takes_back(read, understanding, before):
        return dataclasses.replace(understanding, match=_UNDONE, missing=(), corrects=True)
    return _went_on(understander, before, understanding, text, now) or understanding


def _instead(understander: Understander, read: Understanding, text: str, now: datetime) -> Understanding:
    """A whole sentence behind "no" is what is wanted: the model takes "no, turn on the fan" for off."""
    sure = _is_exact(read) and read.match is not None and read.match.confidence >= SURE
    rest = "" if sure else understander.follow_ups.said_instead(text)
    meant = understander.understand(rest, now=now) if rest else read
    return meant if _is_exact(meant) else read


def _went_on(
    understander: Understander, before: Before, understanding: Understanding, text: str, now: datetime
) -> Understanding | None:
    """The talk before, gone on with: on this side of the seam between device and cloud or over it."""
    follow_ups = understander.follow_ups

    def read(said: str) -> Understanding:
        return understander.understand(said, now=now)

    if before.reply and (carried := follow_ups.carried(text, before.reply, understanding)):
        return carried
    if before.mentioned and (
        again := follow_ups.anew(before.mentioned, text, read)
        or follow_ups.by_place(before.mentioned, text, read)
        or follow_ups.moved(before.mentioned, text, read)
        or follow_ups.of_another_day(before.mentioned, text, now)
        or follow_ups.elsewhere(before.mentioned, text, read)
    ):
        return again
    if _is_exact(understanding):
        return None
    rest = follow_ups.said_instead(text)  # "no wait, remove the milk"
    meant = read(rest) if rest else understanding
    more = before.mentioned and (
        follow_ups.one_more(before.mentioned, text, read)
        or follow_ups.of_that_kind(before.mentioned, text, read)
        or follow_ups.continued(before.mentioned, rest or text, meant)
    )
    if more or (before.done and rest and (more := follow_ups.other_item(before.done, rest, meant))):
        return more
    match = understanding.match
    if before.open and (match is None or match.confidence < _SURE_OF_A_CHANGE):
        return dataclasses.replace(understanding, match=None, missing=(), also=(), open_question=True)
    return None


def _answered(
    understander: Understander, waiting: IntentMatch, understanding: Understanding, text: str, now: datetime
) -> Understanding:
    """The request that waits, with what was answered."""
    match = understanding.match
    if match and match.intent == "Affirm" and waiting.confidence >= 1.0:
        return understander.follow_ups.with_slots(understanding, dataclasses.replace(waiting, confirmed=True))
    if _is_exact(understanding) and not understander.follow_ups.is_place(text):
        return understanding
    if match and match.intent == waiting.intent and waiting.confidence < 1.0 and COMMAND not in waiting.slots:
        both = {**match.slots, **waiting.slots}
        if len(both) > len(waiting.slots) and match.slots.items() <= both.items():
            return understander.follow_ups.with_slots(understanding, dataclasses.replace(waiting, slots=both))
    answered = understander.follow_ups.complete(waiting, text, now=now)
    return answered if answered and not _is_another(waiting, answered, understanding) else understanding


def _is_another(waiting: IntentMatch, answered: Understanding, understanding: Understanding) -> bool:
    """Whether an answer of mere words, to a question that words don't answer by themselves, is rather a request of its
    own: any words name an item, but not a thing of the home, and none a yes."""
    said = answered.match.slots if answered.match else {}
    added = {slot for slot, value in said.items() if waiting.slots.get(slot) != value}
    if not added or added - _WORDS or waiting.intent == "SetReminder" or waiting.intent in IN_HOME:
        return False
    match = understanding.match
    sure = _SURE_OF_NO_CHOICE if waiting.intent in _CHOOSING else SURE
    other = bool(match and match.intent != waiting.intent and match.confidence >= sure)
    return other or understanding.open_question or waiting.confidence >= 1.0


def _takes_back(read: Understanding, resolved: Understanding, before: Before) -> bool:
    """Whether "cancel that" is for what was just done, and for nothing that can be cancelled by itself."""
    match, asked = resolved.match, read.match.slots if read.match else {}
    if BARE in asked and before.done and is_removal(before.done):
        return False  # "cancel the timer", "cancel"
    return REFERENCE in asked and match is not None and match.intent == _UNDONE.intent


def _is_exact(understanding: Understanding) -> bool:
    """Whether a sentence of the grammar's claims it."""
    return understanding.match is not None and understanding.match.source != SOURCE
