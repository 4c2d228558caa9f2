"""The weather, now and in the days to come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import ClassVar

from assistant.errors import HomeError
from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.values import IntentMatch
from assistant.weather import Weather

_WET = frozenset({"rainy", "pouring", "lightning-rainy", "snowy-rainy", "hail"})
_WHY_NOT = {"weather-unset": "unset", "weather-private": "private"}
"""Error code -> reply; for every other the service can't be reached."""
_LIKE: Mapping[str, frozenset[str]] = {
    "rainy": _WET,
    "snowy": frozenset({"snowy", "snowy-rainy"}),
    "sunny": frozenset({"sunny", "clear-night", "partlycloudy"}),
    "cloudy": frozenset({"cloudy", "partlycloudy"}),
    "lightning-rainy": frozenset({"lightning", "lightning-rainy"}),
    "windy": frozenset({"windy", "windy-variant"}),
    "fog": frozenset({"fog"}),
}
"""What one asks about, and what counts as that."""


class GetWeather(Skill):
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"HassGetWeather": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        if "name" in match.slots:
            return SkillReply(self._replies.say(match.intent, "elsewhere"), ok=False)
        today = context.now().date()
        asked = _days(str(match.slots.get("date", "")), today)
        try:
            known = await context.weather.days()
        except HomeError as exc:
            reply = _WHY_NOT.get(exc.code, "offline")
            return SkillReply(self._replies.say(match.intent, reply), ok=False)
        days = [day for day in asked if day in known]
        if not days:
            return SkillReply(self._replies.say(match.intent, "too_far"), ok=False)
        condition = str(match.slots.get("condition", ""))
        told = [self._day(match.intent, day, known[day], today, condition) for day in days]
        return SkillReply(" ".join(told))

    def _day(self, intent: str, day: date, weather: Weather, today: date, asked: str) -> str:
        sky = self._replies.intents["Weather"].get(f"sky_{weather.condition.replace('-', '_')}", weather.condition)
        values = {"sky": sky, "low": round(weather.low), "high": round(weather.high), "rain": weather.rain}
        parts = []
        if asked in _LIKE:
            parts.append(self._replies.say("Weather", "yes" if weather.condition in _LIKE[asked] else "no"))
        if weather.now is not None:
            parts.append(self._replies.say(intent, "now", degrees=round(weather.now)))
        parts.append(self._replies.say(intent, "day", day=self._called(day, today), **values))
        if weather.rain and (weather.rain >= 30 or asked == "rainy"):
            parts.append(self._replies.say(intent, "rain", **values))
        return " ".join(parts)

    def _called(self, day: date, today: date) -> str:
        if day in {today, today + timedelta(days=1)}:
            return self._replies.intents["Weather"]["today" if day == today else "tomorrow"]
        return self._replies.weekday(day)


def _days(slot: str, today: date) -> list[date]:
    """The days that a `date` slot names (see `nlu.periods`); the next few of a week or longer."""
    if not slot:
        return [today]
    week, _, weekend = slot.partition("-WE")
    if "-WE" in slot:
        monday = date.fromisoformat(f"{week}-1{weekend}")
        return [monday + timedelta(days=5), monday + timedelta(days=6)]
    if "W" in slot:
        monday = date.fromisoformat(f"{slot}-1")
        return [day for at in range(7) if (day := monday + timedelta(days=at)) >= today]
    try:
        return [date.fromisoformat(slot)]
    except ValueError:  # a month, a year
        return [today + timedelta(days=at) for at in range(5)]
