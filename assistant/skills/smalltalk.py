"""Being addressed: one short sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.values import IntentMatch


class Smalltalk(Skill):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Greeting": (),
        "Farewell": (),
        "Thanks": (),
        "WhoAreYou": (),
        "WhatCanYouDo": (),
        "Affirm": (),
        "Deny": (),
    }

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:  # noqa: ARG002 - Skill's signature
        return SkillReply(self._replies.say(match.intent, "reply"))
