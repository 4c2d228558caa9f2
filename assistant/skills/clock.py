"""Time and date."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import ClassVar

from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.skills.moments import moment_of
from assistant.skills.zones import find_zone
from assistant.values import IntentMatch


class Time(Skill):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassGetCurrentTime": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        here = context.now()
        name = str(match.slots.get("name", ""))
        if not name:
            return SkillReply(self._replies.say(match.intent, "here", time=self._time(here, context)))
        places = self._replies.apart(name)
        if len(places) > 1 and not find_zone(name, whole=True) and all(map(find_zone, places)):
            each = [await self.handle(replace(match, slots={"name": place}), context) for place in places]
            return SkillReply(" ".join(reply.text for reply in each), ok=all(reply.ok for reply in each))
        place = name.title()
        zone = find_zone(name)
        if zone is None:
            return SkillReply(self._replies.say(match.intent, "unknown_place", place=place), ok=False)
        there = here.astimezone(zone)
        reply = "there" if there.date() == here.date() else "there_other_day"
        weekday = self._replies.weekday(there.date())
        text = self._replies.say(match.intent, reply, place=place, time=self._time(there, context), weekday=weekday)
        return SkillReply(text)

    def _time(self, moment: datetime, context: SkillContext) -> str:
        return self._replies.time(moment, context.hour_format)


class Date(Skill):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassGetCurrentDate": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        today = context.now().date()
        asked = date.fromisoformat(str(match.slots["date"])) if "date" in match.slots else today
        reply = "today" if asked == today else "ahead" if asked > today else "past"
        return SkillReply(self._replies.say(match.intent, reply, date=self._replies.date(asked)))


class DaysUntil(Skill):
    rehearsable: ClassVar[bool] = True
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"DaysUntil": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        today = context.now().date()
        day = date.fromisoformat(str(match.slots["date"])) if "date" in match.slots else today
        if "time" in match.slots and (day - today).days <= 1:
            return self._left(match, context)
        days = (day - today).days
        reply = {0: "today", 1: "tomorrow"}.get(days, "ahead" if days > 0 else "past")
        return SkillReply(self._replies.say(match.intent, reply, count=abs(days), date=self._replies.date(day)))

    def _left(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        """How long it is to a time, to the minute."""
        now = context.now().replace(tzinfo=None)
        found = moment_of(match.slots, now, by_day=False)
        if found is None or found[0] <= now:
            return SkillReply(self._replies.say(match.intent, "failed"), ok=False)
        minutes = math.ceil((found[0] - now) / timedelta(minutes=1))
        time = self._replies.time(found[0], context.hour_format)
        text = self._replies.say(match.intent, "left", length=self._replies.length(60.0 * minutes), time=time)
        return SkillReply(text)
