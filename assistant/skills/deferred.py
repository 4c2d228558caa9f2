"""Questions kept until the cloud can be reached again. Offered, not asked for: no sentence leads here but a "yes"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol

from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.skills.replies import Replies
from assistant.values import IntentMatch

INTENT = "DeferQuestion"
TURN = "turn"
"""The slot that names the turn in which it was asked."""

Became = Literal["kept", "already", "full", "gone"]


class Keeper(Protocol):
    """Keeps questions."""

    @property
    def capacity(self) -> int: ...

    async def keep(self, turn_id: str) -> Became:
        """Keep what was asked in a turn, unless it is there already, there is no room, or the turn was forgotten.

        Raises StoreError.
        """


class DeferQuestion(Skill):
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {INTENT: ()}

    def __init__(self, replies: Replies, keeper: Keeper) -> None:
        super().__init__(replies)
        self._keeper = keeper

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:  # noqa: ARG002 - Skill's signature
        became = await self._keeper.keep(str(match.slots[TURN]))
        text = self._replies.say(INTENT, became, count=str(self._keeper.capacity))
        return SkillReply(text, ok=became in {"kept", "already"})


def offer(turn_id: str) -> IntentMatch:
    """The request that a "yes" makes. It names the turn and not its words: those stay in one place."""
    return IntentMatch(INTENT, {TURN: turn_id}, 1.0, "offer")
