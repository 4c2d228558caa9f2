"""The ledger's part in a dialog: what is known of each turn under way, until it is written down with it.

Also what the user's next words say about the turn before (`Aftermath`). Pure: times come in, on the loop's clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from assistant.dialog import phrases
from assistant.dialog.router import Action, Decision, RouterPolicy
from assistant.dialog.turn_state import SCHEDULE
from assistant.events import DataLeft, Event, ReplyChunk, TurnAmended, TurnEvent
from assistant.nlu.understanding import Understanding
from assistant.records import Aftermath, Candidate, LedgerEntry
from assistant.values import IntentMatch, Outcome, TurnRecord

REACTION_S = 30.0
"""What is said later has nothing to do with the reply before."""
MAX_OPEN = 64
"""Turns under way that are remembered; of those without words nobody tells the end. The oldest go first."""
_OFTEN = frozenset(
    {
        "FlipCoin",
        "HassClimateSetTemperature",
        "HassFanSetSpeed",
        "HassGetCurrentTime",
        "HassLightSet",
        "HassMediaNext",
        "HassMediaPrevious",
        "HassSetVolumeRelative",
        "HassTimerStatus",
        "RandomNumber",
        "RepeatLast",
        "RollDice",
        "SnoozeAlarm",
        "Stop",
        "TellJoke",
    }
)
"""Intents that people say again because they liked what it did."""


@dataclass(slots=True)
class _Draft:
    """A turn under way."""

    entry: LedgerEntry | None = None
    decided_s: float = 0.0
    words: tuple[str, ...] = ()
    bytes_out: int = 0
    first_token_s: float | None = None
    amended: bool = False
    reaction: tuple[str, Aftermath] | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """The turn before."""

    turn_id: str
    words: tuple[str, ...]
    intent: str
    reason: str
    outcome: Outcome
    ended_s: float


@dataclass(frozen=True, slots=True)
class Page:
    """What is to be written down beside a finished turn."""

    entry: LedgerEntry
    reaction: tuple[str, Aftermath] | None
    """An earlier turn's id, and what this one says about it."""


@dataclass(slots=True)
class Ledger:
    """Collects what `noted` and `overheard` tell of the turns; `close` gives a finished turn's page."""

    first_token_timeout_s: float
    """The cloud's."""
    _open: dict[str, _Draft] = field(default_factory=dict)
    _last: _Told | None = None

    def noted(  # noqa: PLR0913 - all that the router saw
        self,
        turn_id: str,
        understanding: Understanding,
        decision: Decision,
        policy: RouterPolicy,
        *,
        link_up: bool,
        private: bool,
        now_s: float,
        asked: bool = True,
    ) -> None:
        """A turn was routed; again when it was amended. One that nobody `asked` for now says nothing of one before."""
        draft = self._draft(turn_id)
        draft.decided_s, draft.first_token_s = now_s, None
        draft.words = tuple(re.findall(r"[^\W_]+", understanding.text.lower()))
        draft.reaction = self._reaction(turn_id, understanding, draft.words, now_s) if asked else None
        on_cloud = decision.action is Action.CLOUD
        draft.entry = LedgerEntry(
            turn_id=turn_id,
            candidates=understanding.candidates or tuple(map(_candidate, understanding.requests)),
            task=understanding.task,
            open_question=understanding.open_question,
            missing=understanding.missing,
            asked=understanding.layer.value if understanding.layer else "",
            link_up=link_up,
            private=private,
            threshold=policy.threshold,
            reject_threshold=policy.reject_threshold,
            deadline_ms=self.first_token_timeout_s * 1000.0 if on_cloud else 0.0,
            bytes_out=0,
            first_token_ms=0.0,
            first_audio_ms=0.0,
            amended=False,
        )

    def overheard(self, event: Event, now_s: float) -> None:
        """An event of the bus."""
        if not isinstance(event, TurnEvent) or not event.turn_id:
            return
        match event:
            case DataLeft():
                if draft := self._open.get(event.turn_id):  # one that ended was asked about later: no part of it
                    draft.bytes_out += event.bytes
            case TurnAmended():
                self._draft(event.turn_id).amended = True
            case ReplyChunk():
                draft = self._open.get(event.turn_id)
                if draft and draft.first_token_s is None and event.text.strip() not in {"", phrases.ONE_MOMENT}:
                    draft.first_token_s = now_s
            case _:
                pass

    def close(self, record: TurnRecord, now_s: float) -> Page | None:
        """What to write down beside a finished turn; None for one that was never routed."""
        draft = self._open.pop(record.id, None)
        if draft is None or draft.entry is None:
            return None
        if record.source != SCHEDULE:
            self._last = _Told(record.id, draft.words, record.intent, record.reason, record.outcome, now_s)
        waited_s = 0.0 if draft.first_token_s is None else draft.first_token_s - draft.decided_s
        audio_ms = next((stage.ms for stage in record.stages if stage.stage == "first-audio"), 0.0)
        entry = replace(
            draft.entry,
            bytes_out=draft.bytes_out,
            first_token_ms=round(waited_s * 1000.0, 2),
            first_audio_ms=audio_ms,
            amended=draft.amended,
        )
        return Page(entry, draft.reaction)

    def _draft(self, turn_id: str) -> _Draft:
        draft = self._open.setdefault(turn_id, _Draft())
        while len(self._open) > MAX_OPEN:
            del self._open[next(iter(self._open))]
        return draft

    def _reaction(
        self, turn_id: str, understanding: Understanding, words: tuple[str, ...], now_s: float
    ) -> tuple[str, Aftermath] | None:
        before = self._last
        if before is None or before.turn_id == turn_id or now_s - before.ended_s > REACTION_S:
            return None
        aftermath = _aftermath(before, understanding, words)
        return (before.turn_id, aftermath) if aftermath is not Aftermath.NONE else None


def _aftermath(before: _Told, understanding: Understanding, words: tuple[str, ...]) -> Aftermath:
    match = understanding.match
    if understanding.corrects:
        return Aftermath.CORRECTED
    if match and match.confirmed:
        return Aftermath.CONFIRMED
    if match and match.intent == "Deny":
        # "No" to a question of a skill's is an answer; to our doubt, or to what was done, it says that we were wrong.
        answers = before.outcome is Outcome.ASKED_BACK and before.reason != "ask-back"
        return Aftermath.NONE if answers else Aftermath.DENIED
    if words and words == before.words and before.intent not in _OFTEN:
        return Aftermath.REPEATED
    return Aftermath.NONE


def _candidate(match: IntentMatch) -> Candidate:
    return Candidate(match.intent, match.confidence, match.source)
