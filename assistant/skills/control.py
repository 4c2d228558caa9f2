"""About the conversation itself: stop, never mind, say it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.values import IntentMatch


class Stop(Skill):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"Stop": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        stopped = context.hush()
        silenced = await context.timers.dismiss()
        return SkillReply(self._replies.say(match.intent, "stopped" if stopped or silenced else "nothing"))


class Nevermind(Skill):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassNevermind": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        context.hush()
        await context.timers.dismiss()
        return SkillReply(self._replies.say(match.intent, "undone" if match.slots.get("undone") else "done"))


class Repeat(Skill):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"RepeatLast": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        return SkillReply(context.last_reply or self._replies.say(match.intent, "nothing"))
