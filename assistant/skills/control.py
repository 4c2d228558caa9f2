"""About the conversation itself: stop, never mind, say it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.skills.media import PLAYING, SteerMedia, players_meant
from assistant.values import IntentMatch


class Stop(Skill):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"Stop": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        stopped = context.hush()
        silenced = await context.timers.dismiss()
        if not (stopped or silenced) and any(
            player.state in PLAYING for player in players_meant({}, context.home.home)
        ):
            return await SteerMedia(self._replies).handle(replace(match, intent="HassMediaPause", slots={}), context)
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
