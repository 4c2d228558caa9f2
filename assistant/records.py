"""What is written down to explain the assistant afterwards: who answered and why, and what left the device.

Values only; `dialog` makes them, `store` keeps them, `control` carries them, `cli` shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reading of an utterance that was considered, without its values."""

    intent: str
    confidence: float
    source: str
    """Which reader: `grammar`, `classifier`."""


class Aftermath(StrEnum):
    """What the user's next words say about a reply; free evidence of whether it was right."""

    NONE = "none"
    """Nothing: they went on to something else, or said nothing."""
    REPEATED = "repeated"
    """The same request once more."""
    CORRECTED = "corrected"
    """"No, fifteen"."""
    DENIED = "denied"
    """"No", "that's wrong"."""
    CONFIRMED = "confirmed"
    """"Yes", to our question whether it was got right."""


class Verdict(StrEnum):
    """Whose answer was better, where both layers gave one."""

    NONE = "none"
    """Only one did."""
    SAME = "same"
    EDGE = "edge"
    CLOUD = "cloud"
    UNRATED = "unrated"
    """The grader's words made no sense."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """How one utterance was routed and what became of it. Holds no word that was said: the turn has those."""

    turn_id: str
    candidates: tuple[Candidate, ...]
    """The likeliest first."""
    task: str
    """Task type; empty when nobody knows."""
    open_question: bool
    missing: tuple[str, ...]
    """Required slots nobody gave."""
    asked: str
    """Who was to answer in the user's own words: `edge`, `cloud`, empty for unsaid."""
    link_up: bool
    private: bool
    threshold: float
    """`router.threshold` in force."""
    reject_threshold: float
    """`nlu.reject_threshold` in force."""
    deadline_ms: float
    """For the first piece of the answer; 0 where nothing had one."""
    bytes_out: int
    """Text that left the device for this utterance, UTF-8."""
    first_token_ms: float
    """From the decision to the reply's first piece of text; 0 for none."""
    first_audio_ms: float
    """From the decision to its first sound; 0 for none."""
    amended: bool
    """The user went on speaking, and it was decided again."""
    aftermath: Aftermath = Aftermath.NONE
    verdict: Verdict = Verdict.NONE
    cloud_answer: str = ""
    """What the cloud said to the same, where it was asked to compare."""


@dataclass(frozen=True, slots=True)
class Route:
    """A ledger's entry beside the turn it belongs to."""

    number: int
    """Counts up in the order of turns; the cursor of a page."""
    started_wall_s: float
    text: str
    reply: str
    intent: str
    layer: str
    reason: str
    confidence: float
    """Probability that the edge's own reply is right, as it was believed when it was decided."""
    outcome: str
    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class Departure:
    """One message that left the device, written down before it went. Audio never leaves."""

    number: int
    """Counts up; 0 before it is written down."""
    at_wall_s: float
    turn_id: str
    """Empty when no turn asked for it."""
    to: str
    """Host and port."""
    bytes: int
    """UTF-8 of all text in it, context included."""
    why: str
    """The router's reason, or `weather` `calibration` `sync` ..."""
    text: str
    """What it said, as it was sent. Of a question the question alone: what went along as context are earlier turns.
    Empty where it held only what is kept elsewhere here, and after the turn was forgotten."""
    context: int
    """Earlier messages that went along."""
    replaced: tuple[str, ...]
    """The placeholders that stood for something, by `privacy.redact`: `name 1`, `number 2`."""
