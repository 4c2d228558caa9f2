"""The weather from a server that speaks Open-Meteo's forecast API (https://open-meteo.com/en/docs, CC BY 4.0 data).

What leaves the device is the configured place, nothing else. An answer is kept for KEPT_S; when the server can't be
reached an older one serves for a while longer: yesterday's forecast of tomorrow beats none.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from assistant.errors import HomeError
from assistant.weather import Weather

KEPT_S = 1800.0
STALE_S = 12 * 3600.0
TIMEOUT_S = 4.0
_LARGEST = 256 * 1024
"""Bytes of an answer; a week's is about 1 kB."""
_DAYS = 8
_CONDITIONS: Mapping[int, str] = {
    0: "sunny",
    1: "sunny",
    2: "partlycloudy",
    3: "cloudy",
    45: "fog",
    48: "fog",
    **dict.fromkeys((51, 53, 55, 56, 57, 61, 63, 66, 80, 81), "rainy"),
    **dict.fromkeys((65, 67, 82), "pouring"),
    **dict.fromkeys((71, 73, 75, 77, 85, 86), "snowy"),
    **dict.fromkeys((95, 96, 99), "lightning-rainy"),
}
"""WMO weather codes as the API gives them."""


class OpenMeteo:
    """weather.WeatherPort for a `place` (latitude, longitude).

    `left` is told the host and what leaves for it, before it does; it raises HomeError when that mustn't.
    """

    def __init__(
        self,
        url: str,
        place: tuple[float, float],
        *,
        imperial: bool,
        left: Callable[[str, str], Awaitable[None]],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._query = {
            "latitude": f"{place[0]:g}",
            "longitude": f"{place[1]:g}",
            "current": "temperature_2m",
            "daily": "weather_code,temperature_2m_max,temperature_2m_min,precipitation_probability_max",
            "timezone": "auto",
            "forecast_days": str(_DAYS),
            "temperature_unit": "fahrenheit" if imperial else "celsius",
        }
        self._left = left
        self._now_s = now_s
        self._lock = asyncio.Lock()
        self._kept: tuple[float, Mapping[date, Weather]] | None = None

    async def days(self) -> Mapping[date, Weather]:
        async with self._lock:
            if self._kept and self._now_s() - self._kept[0] < KEPT_S:
                return self._kept[1]
            try:
                found = _read(await self._ask())
            except HomeError:
                if self._kept and self._now_s() - self._kept[0] < STALE_S:
                    return self._kept[1]
                raise
            self._kept = self._now_s(), found
            return found

    async def _ask(self) -> bytes:
        await self._left(urlsplit(self._url).netloc, "&".join(f"{key}={value}" for key, value in self._query.items()))
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), trust_env=True) as session,
                session.get(self._url, params=self._query) as response,
            ):
                if response.status != 200:
                    raise _offline(f"answered with status {response.status}")
                return await response.content.read(_LARGEST)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            raise _offline(f"couldn't be asked ({type(exc).__name__})") from exc


class NoWeather:
    """weather.WeatherPort where nothing is configured."""

    async def days(self) -> Mapping[date, Weather]:
        raise HomeError(
            "weather-unset",
            "no source of weather is configured",
            hint="Set home.weather_url, locale.latitude and locale.longitude.",
        )


def _read(body: bytes) -> dict[date, Weather]:
    try:
        content = json.loads(body)
        daily, now = content["daily"], content["current"]["temperature_2m"]
        chances = daily.get("precipitation_probability_max") or [None] * len(daily["time"])
        days = [date.fromisoformat(day) for day in daily["time"]]
        rows = zip(
            days, daily["weather_code"], daily["temperature_2m_min"], daily["temperature_2m_max"], chances, strict=True
        )
        return {
            day: Weather(
                _CONDITIONS.get(code, "cloudy"),
                float(low),
                float(high),
                _share(chance),
                float(now) if at == 0 else None,
            )
            for at, (day, code, low, high, chance) in enumerate(rows)
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise _offline("gave an answer that can't be read") from exc


def _share(chance: Any) -> int | None:
    return None if chance is None else min(100, max(0, round(float(chance))))


def _offline(what: str) -> HomeError:
    return HomeError("weather-offline", f"the weather server {what}", hint="Check home.weather_url.", retryable=True)
