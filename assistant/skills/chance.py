"""Chance: coins, dice, numbers, and jokes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from typing import ClassVar

import yaml

from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.values import IntentMatch

_MOST_COINS, _MOST_DICE, _MOST_SIDES, _LARGEST = 10, 20, 1000, 10**12
_TOLD = "jokes told"


class FlipCoin(Skill):
    """Once, unless said otherwise."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"FlipCoin": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        count = int(float(match.slots.get("count", 1)))
        if not 1 <= count <= _MOST_COINS:
            return SkillReply(self._replies.say(match.intent, "limit", count=_MOST_COINS), ok=False)
        sides = [self._replies.say(match.intent, context.random.choice(("heads", "tails"))) for _ in range(count)]
        return SkillReply(" ".join(sides))


class RollDice(Skill):
    """One die of six sides, unless said otherwise."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"RollDice": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        count, sides = (int(float(match.slots.get(slot, usual))) for slot, usual in (("count", 1), ("sides", 6)))
        if not (1 <= count <= _MOST_DICE and 2 <= sides <= _MOST_SIDES):
            text = self._replies.say(match.intent, "limit", count=_MOST_DICE, sides=_MOST_SIDES)
            return SkillReply(text, ok=False)
        rolled = [context.random.randint(1, sides) for _ in range(count)]
        if count == 1:
            return SkillReply(self._replies.say(match.intent, "one", number=rolled[0]))
        numbers = self._replies.all_of([str(number) for number in rolled])
        return SkillReply(self._replies.say(match.intent, "several", numbers=numbers, sum=sum(rolled)))


class RandomNumber(Skill):
    """From 1 to 100, unless said otherwise."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"RandomNumber": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        ends = [float(match.slots.get(slot, usual)) for slot, usual in (("low", 1), ("high", 100))]
        if any(abs(end) > _LARGEST for end in ends):
            return SkillReply(self._replies.say(match.intent, "limit"), ok=False)
        low, high = sorted(int(end) for end in ends)
        return SkillReply(self._replies.say(match.intent, "number", number=context.random.randint(low, high)))


class TellJoke(Skill):
    """None twice until all were told."""

    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"TellJoke": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        told = context.memory.setdefault(_TOLD, set())
        if len(told) >= len(self._jokes):
            told.clear()
        number = context.random.choice([at for at in range(len(self._jokes)) if at not in told])
        told.add(number)
        return SkillReply(self._replies.say(match.intent, "told", joke=self._jokes[number]))

    @cached_property
    def _jokes(self) -> tuple[str, ...]:
        text = files("assistant.skills").joinpath("jokes", f"{self._replies.language}.yaml").read_text("utf-8")
        return tuple(map(str, yaml.safe_load(text)))
