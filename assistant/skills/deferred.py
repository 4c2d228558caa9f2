"""Questions kept until the cloud can be reached again. Offered, not asked for: no sentence leads here but a "yes"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol

from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.skills.replies import Replies
from assistant.values import IntentMatch

INTENT = "DeferQuestion"
SLOT = "question"


Became = Literal["kept", "already", "full"]


class Keeper(Protocol):
    """Keeps questions."""

    @property
    def capacity(self) -> int: ...

    async def keep(self, text: str) -> Became:
        """Keep a question, unless it is there already or there is no room. Raises StoreError."""


class DeferQuestion(Skill):
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {INTENT: ()}

    def __init__(self, replies: Replies, keeper: Keeper) -> None:
        super().__init__(replies)
        self._keeper = keeper

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:  # noqa: ARG002 - Skill's signature
        became = await self._keeper.keep(str(match.slots[SLOT]))
        text = self._replies.say(INTENT, became, count=str(self._keeper.capacity))
        return SkillReply(text, ok=became != "full")


def offer(question: str) -> IntentMatch:
    """The request that a "yes" makes."""
    return IntentMatch(INTENT, {SLOT: question}, 1.0, "offer")
