"""The weather as Home Assistant has it: a weather entity's daily forecast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, tzinfo
from typing import Any

from assistant.errors import HomeError
from assistant.home.home_assistant import HomeAssistant
from assistant.weather import Weather


class HomeWeather:
    """weather.WeatherPort of the weather entity `entity` (empty: the first there is), in `zone()`'s days."""

    def __init__(self, home: HomeAssistant, entity: str, *, imperial: bool, zone: Callable[[], tzinfo]) -> None:
        self._home = home
        self._entity = entity
        self._imperial = imperial
        self._zone = zone

    async def days(self) -> Mapping[date, Weather]:
        await self._home.settled()
        if self._home.problem:
            raise _offline("can't be reached") from self._home.problem
        entity = self._entity or next(iter(self._home.weathers), "")
        if entity not in self._home.weathers:
            hint = "Add a weather integration there, or set home.weather_entity or home.weather_url."
            raise HomeError("weather-unset", "Home Assistant has no such weather entity", hint=hint)
        now = self._home.weathers[entity]
        try:
            told = await self._home.ask("weather.get_forecasts", [entity], {"type": "daily"})
            convert = _conversion(now.get("unit", "°C"), imperial=self._imperial)
            return read_forecast(told["response"][entity]["forecast"], now.get("temperature"), convert, self._zone())
        except HomeError as exc:
            raise _offline("gave no forecast") from exc
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise _offline("gave a forecast that can't be read") from exc


def read_forecast(
    forecast: list[Mapping[str, Any]], now: float | None, convert: Callable[[float], float], zone: tzinfo
) -> dict[date, Weather]:
    """Days of a daily forecast (https://www.home-assistant.io/integrations/weather/).

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is none.
    """
    found: dict[date, Weather] = {}
    for each in forecast:
        high = float(each["temperature"])
        low = each.get("templow")
        rain = each.get("precipitation_probability")
        found[datetime.fromisoformat(each["datetime"]).astimezone(zone).date()] = Weather(
            str(each["condition"]),
            convert(high if low is None else float(low)),
            convert(high),
            None if rain is None else min(100, max(0, round(float(rain)))),
            convert(now) if now is not None and not found else None,
        )
    return found


def _conversion(unit: str, *, imperial: bool) -> Callable[[float], float]:
    theirs_imperial = unit == "°F"
    if theirs_imperial == imperial:
        return lambda degrees: degrees
    return (lambda degrees: degrees * 1.8 + 32) if imperial else (lambda degrees: (degrees - 32) / 1.8)


def _offline(what: str) -> HomeError:
    return HomeError("weather-offline", f"Home Assistant {what}", retryable=True)
