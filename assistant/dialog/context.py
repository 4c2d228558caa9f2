"""One conversation window that every layer shares: skills, and the cloud."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

from assistant.values import Exchange, Message, Outcome, TurnRecord, new_id

IDLE_S = 300.0
"""After this long without a turn, the next one begins a new conversation."""

MAX_TURNS = 32

APOLOGIES = frozenset({Outcome.OFFLINE, Outcome.FAILED, Outcome.NOT_UNDERSTOOD})
"""Outcomes whose replies are about ourselves: a model that reads "I'm offline" among its own words says it again."""


class Context:
    """The last exchanges, newest last, bounded to MAX_TURNS."""

    def __init__(self) -> None:
        self._turns: deque[TurnRecord] = deque(maxlen=MAX_TURNS)
        self._conversation_id = new_id()
        self._last_wall_s = float("-inf")

    def restore(self, records: Iterable[TurnRecord]) -> None:
        """Take up where an earlier run stopped."""
        for record in records:
            self.add(record)

    def add(self, record: TurnRecord) -> None:
        """Remember a finished turn."""
        self._turns.append(record)
        self._conversation_id = record.conversation_id
        self._last_wall_s = record.started_wall_s

    def conversation_id(self, now_wall_s: float) -> str:
        """Id of the conversation a turn at `now_wall_s` belongs to; a clock that jumped back continues the old one."""
        if now_wall_s - self._last_wall_s > IDLE_S:
            self._conversation_id = new_id()
            self._last_wall_s = now_wall_s
        return self._conversation_id

    def forget(self, turn_ids: Collection[str]) -> None:
        """Let go of these turns."""
        self._turns = deque((turn for turn in self._turns if turn.id not in turn_ids), maxlen=MAX_TURNS)

    def messages(self, conversation_id: str, max_turns: int, *, private: bool = False) -> tuple[Message, ...]:
        """The exchanges of one conversation that had both sides and an answer, oldest first.

        What was said in private mode is among them only while it is on (`private`): whoever answers otherwise may be
        the cloud.
        """
        turns = self._fitting(self._turns, conversation_id, max_turns, private=private)
        return tuple(
            message for turn in turns for message in (Message("user", turn.text), Message("assistant", turn.reply))
        )

    def asked_in(self, turn_id: str, max_turns: int) -> tuple[TurnRecord, tuple[Exchange, ...]] | None:
        """A turn, and the exchanges that came before it as whoever may be the cloud was given them; None for one that
        is no longer known."""
        known = [turn.id for turn in self._turns]
        if turn_id not in known:
            return None
        at = known.index(turn_id)
        turns = list(self._turns)
        before = self._fitting(turns[:at], turns[at].conversation_id, max_turns, private=False)
        return turns[at], tuple(Exchange(turn.id, turn.text, turn.reply) for turn in before)

    @staticmethod
    def _fitting(
        turns: Iterable[TurnRecord], conversation_id: str, max_turns: int, *, private: bool
    ) -> list[TurnRecord]:
        fitting = [
            turn
            for turn in turns
            if turn.conversation_id == conversation_id
            and turn.text
            and turn.reply
            and turn.outcome not in APOLOGIES
            and (private or not turn.private)
        ]
        return fitting[max(0, len(fitting) - max_turns) :]

    @property
    def last_reply(self) -> str:
        """What was said last; empty when nothing was."""
        return next((turn.reply for turn in reversed(self._turns) if turn.reply), "")

    @property
    def last_turn(self) -> TurnRecord | None:
        """The last exchange with words on both sides."""
        return next((turn for turn in reversed(self._turns) if turn.text and turn.reply), None)
