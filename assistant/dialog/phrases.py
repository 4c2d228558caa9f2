"""What the dialog itself says, in English; skills have their own replies. Short, and made for the ear."""

from __future__ import annotations

from collections.abc import Sequence

OFFLINE = (
    "I can't reach the cloud right now, so I can't answer that. "
    "Timers, the time and date, and sums still work. Please ask me again later."
)
OFFLINE_SHORT = "I'm still offline, so I can't answer that. Timers, the time, and sums still work."
NOT_CONFIGURED = (
    "I don't know that by myself, and no cloud model is set up. I can tell the time and date, keep timers, and do sums."
)
CUT_OFF = "Sorry, the connection broke off, so that answer stops here."
TRUNCATED = "There would be more to say, but I stop here."
CLARIFY = "Sorry, I didn't understand that. You can ask what I can do."
FAILED = "Sorry, something went wrong."
CLOUD_BUSY = "The cloud model is busy. Please ask again in a moment."
CLOUD_REFUSED = "The cloud gateway doesn't accept this device, so I can't ask it."
NO_ANSWER = "I found no answer to that."
CONFIRM = "Did I get that right?"
NEVER_MIND = "All right."

FREQUENT = (OFFLINE, OFFLINE_SHORT, NOT_CONFIGURED, CUT_OFF, CLARIFY, FAILED)
"""Rendered ahead of need, so that an outage costs no synthesis."""


def missed(names: Sequence[str]) -> str:
    """What ended while nothing rang, or rang unheard; `names` holds "" for a timer without one."""
    if len(names) > 1:
        return f"You missed {len(names)} timers."
    return f"You missed your {names[0]} timer." if names[0] else "You missed a timer."
