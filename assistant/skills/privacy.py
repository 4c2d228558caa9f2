"""Private mode by voice, and why the last answer came from where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.values import IntentMatch


class SetPrivateMode(Skill):
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"SetPrivateMode": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        wanted = match.slots.get("state", "on")
        if wanted == "asked":
            return SkillReply(self._replies.say(match.intent, "is_on" if context.private.on else "is_off"))
        on = wanted == "on"
        if on is context.private.on:
            return SkillReply(self._replies.say(match.intent, "is_on" if on else "is_off"))
        await context.private.turn(on=on)
        return SkillReply(self._replies.say(match.intent, "on" if on else "off"))


class ExplainLast(Skill):
    """Why the last answer was given by whom it was."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"ExplainLast": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        last = context.last_turn
        if last is None:
            return SkillReply(self._replies.say(match.intent, "nothing"), ok=False)
        reasons = self._replies.intents["Reasons"]
        reason = reasons.get(f"why_{last.reason.replace('-', '_')}", reasons["why_other"])
        return SkillReply(reason.format(percent=round(last.confidence * 100)))
