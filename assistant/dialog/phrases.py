"""What the dialog itself says, in English; skills have their own replies. Short, and made for the ear."""

from __future__ import annotations

from collections.abc import Sequence

OFFLINE = (
    "I can't reach the cloud right now, so I can't answer that. The home, timers, alarms, lists and sums still work."
)
OFFLINE_SHORT = "I'm still offline, so I can't answer that. The home, timers and lists still work."
NOT_CONFIGURED = (
    "I don't know that by myself, and no cloud model is set up. I can run the home, keep timers and lists, and do sums."
)
OFFER_LATER = "Shall I answer when I'm back online?"
CUT_OFF = "Sorry, the connection broke off, so that answer stops here."
TRUNCATED = "There would be more to say, but I stop here."
STOPPED = "Sorry, I can't go on with that."
NOT_SURE = "I'm not sure about this."
CLARIFY = "Sorry, I didn't understand that. You can ask what I can do."
UNABLE = "I can't answer that by myself."
FAILED = "Sorry, something went wrong."
ONE_MOMENT = "One moment."
CLOUD_BUSY = "The cloud model is busy. Please ask again in a moment."
CLOUD_REFUSED = "The cloud gateway doesn't accept this device, so I can't ask it."
CLOUD_QUOTA = "I've asked the cloud as much as I may for today."
CLOUD_INVALID = "That was too much for the cloud to take. Please ask in fewer words."
UNLOGGED = "I can't write down what I would send to the cloud, so I didn't ask it. Please check the disk."
NO_ANSWER = "I found no answer to that."
MUTED = "The microphone is off."
NO_MICROPHONE = "There is no microphone."
UNMUTED = "The microphone is on."
UNREAD = "I didn't understand the rest."
NEVER_MIND = "All right."

FREQUENT = (
    ONE_MOMENT,
    NOT_SURE,
    STOPPED,
    OFFLINE,
    OFFLINE_SHORT,
    OFFER_LATER,
    NOT_CONFIGURED,
    CUT_OFF,
    CLARIFY,
    FAILED,
)
"""Rendered ahead of need, so that an outage costs no synthesis."""


_SHORT_WORDS = 10


def missed(things: Sequence[tuple[str, str]]) -> str:
    """What ended while nothing rang, or rang unheard: (kind, name) each; the name is "" for none."""
    told = []
    for kind in dict.fromkeys(kind for kind, _ in things):
        names = [name for each, name in things if each == kind]
        if kind == "reminder":
            told.append(f"You missed a reminder: {'; '.join(names)}.")
        elif kind == "command":
            told.append(f"I couldn't do this: {'; '.join(names)}.")
        elif len(names) > 1:
            told.append(f"You missed {len(names)} {kind}s.")
        else:
            article = "an" if kind[0] in "aeiou" else "a"
            told.append(f"You missed your {names[0]} {kind}." if names[0] else f"You missed {article} {kind}.")
    return " ".join(told)


def reminder(message: str) -> str:
    """What is spoken when a reminder is due."""
    return f"Reminder: {message}."


def not_done(command: str, why: str) -> str:
    """What is said when something was to be done now, and can't be."""
    return f"It was time to {command}. {why}"


def late_answer(question: str, answer: str) -> str:
    """What is said of a question that had to wait."""
    return f"About your question, {question.rstrip('.?! ')}: {answer}"


def too_late(question: str) -> str:
    """What is said of a question that waited in vain; a long one is told by its beginning."""
    words = question.rstrip(".?! ").split()
    short = " ".join(words[:_SHORT_WORDS]) + (" and so on" if len(words) > _SHORT_WORDS else "")
    return f"I couldn't answer your question in time: {short}."


def private(exchanges: int, address: str) -> str:
    """Private mode, and what it kept here: the question, and so many earlier exchanges."""
    if not address:
        return "Private mode is on, and I don't know that by myself."
    more = {0: "", 1: " and one earlier exchange"}.get(exchanges, f" and {exchanges} earlier exchanges")
    return f"Private mode is on, so that stays here. Otherwise your question{more} would have gone to the cloud."
