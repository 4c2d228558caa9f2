"""The weather over a real socket, as Open-Meteo writes it, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from aiohttp import web

from assistant.config import Config, load_config
from assistant.daemon import open_assistant
from assistant.errors import HomeError
from assistant.events import DataLeft
from assistant.home.open_meteo import KEPT_S, STALE_S, OpenMeteo
from assistant.models import Models
from tests.fakes import FakeEngines

pytestmark = pytest.mark.real_time


@dataclass
class Server:
    """Answers with `body` and `status`, and remembers what it was asked."""

    body: str
    status: int = 200
    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        return web.Response(text=self.body, status=self.status, content_type="application/json")


@asynccontextmanager
async def server(body: str, status: int = 200) -> AsyncIterator[Server]:
    found = Server(body, status)
    app = web.Application()
    app.router.add_get("/v1/forecast", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/forecast"
    try:
        yield found
    finally:
        await runner.cleanup()


def week(first: date, codes: tuple[int, ...] = (0, 61, 71, 95, 3, 45, 2, 82)) -> str:
    days = [(first + timedelta(days=at)).isoformat() for at in range(len(codes))]
    return json.dumps(
        {
            "current": {"temperature_2m": 7.6},
            "daily": {
                "time": days,
                "weather_code": codes,
                "temperature_2m_min": [at + 0.4 for at in range(len(codes))],
                "temperature_2m_max": [at + 10.6 for at in range(len(codes))],
                "precipitation_probability_max": [0, 80, 60, 90, 10, None, 20, 100][: len(codes)],
            },
        }
    )


async def _gone(_to: str, _text: str) -> None:
    """It may leave."""


def weather(url: str, **more: Any) -> OpenMeteo:
    return OpenMeteo(url, (52.52, 13.405), imperial=False, left=_gone, **more)


async def test_a_week_is_read() -> None:
    first = date(2025, 6, 15)
    async with server(week(first)) as there:
        days = await weather(there.url).days()
    assert [days[first + timedelta(days=at)].condition for at in range(8)] == [
        "sunny", "rainy", "snowy", "lightning-rainy", "cloudy", "fog", "partlycloudy", "pouring",
    ]  # fmt: skip
    today, tomorrow = days[first], days[first + timedelta(days=1)]
    assert (today.low, today.high, today.now, today.rain) == (0.4, 10.6, 7.6, 0)
    assert (tomorrow.now, tomorrow.rain) == (None, 80)
    assert there.asked[0]["latitude"] == "52.52"
    assert there.asked[0]["temperature_unit"] == "celsius"


async def test_an_answer_is_kept_and_an_old_one_serves_while_the_server_is_gone() -> None:
    now_s = 0.0
    async with server(week(date(2025, 6, 15))) as there:
        source = weather(there.url, now_s=lambda: now_s)
        known = await source.days()
        assert await source.days() is known
        assert len(there.asked) == 1
        now_s = KEPT_S + 1
        assert await source.days() is not known
        assert len(there.asked) == 2
        there.status = 500
        now_s = 3 * KEPT_S
        assert (await source.days())[date(2025, 6, 15)].condition == "sunny"
        now_s = STALE_S + 2 * KEPT_S
        with pytest.raises(HomeError) as caught:
            await source.days()
    assert caught.value.code == "weather-offline"
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("body", "status"),
    [("", 200), ("{}", 200), ("[1]", 200), ('{"daily": {"time": ["x"]}}', 200), ("no", 404), ("null", 200),
     (week(date(2025, 6, 15)).replace("0.4", '"warm"'), 200), ("[" * 100_000, 200)],
    ids=["empty", "nothing", "list", "no day", "status", "null", "words", "deep"],
)  # fmt: skip
async def test_what_can_not_be_read_is_an_error_with_a_way_out(body: str, status: int) -> None:
    async with server(body, status) as there:
        with pytest.raises(HomeError) as caught:
            await weather(there.url).days()
    assert caught.value.code == "weather-offline"
    assert caught.value.hint


async def test_a_server_that_is_not_there() -> None:
    with pytest.raises(HomeError) as caught:
        await weather("http://127.0.0.1:9/v1/forecast").days()
    assert caught.value.code == "weather-offline"


async def _say(config: Config, *texts: str) -> tuple[list[str], list[DataLeft]]:
    left: list[DataLeft] = []
    engines = FakeEngines(config, Models(config.paths.models_dir))
    async with open_assistant(config, engines=engines) as assistant:
        with assistant.bus.watch(lambda event: left.append(event) if isinstance(event, DataLeft) else None):
            replies = [
                (
                    await assistant.ask(text=text, audio=None, source="text", speak=False, on_audio=None, on_event=None)
                ).reply
                for text in texts
            ]
    return replies, left


async def test_what_is_said(config: Config) -> None:
    today = date.today()  # noqa: DTZ011 - the assistant's own day
    async with server(week(today)) as there:
        configured = load_config(
            config.paths, [f'home.weather_url="{there.url}"', "locale.latitude=52.52", "locale.longitude=13.4"]
        )
        replies, left = await _say(
            configured,
            "what's the weather",
            "what's the weather like tomorrow",
            "will it rain tomorrow",
            "is it going to snow tomorrow",
            f"what's the weather on {today + timedelta(days=40):%B %d}",
        )
    assert replies == [
        "It's 8 degrees now. Today: sunny, 0 to 11 degrees.",
        "Tomorrow: rain, 1 to 12 degrees. 80 percent chance of rain.",
        "Yes. Tomorrow: rain, 1 to 12 degrees. 80 percent chance of rain.",
        "No. Tomorrow: rain, 1 to 12 degrees. 80 percent chance of rain.",
        "I can only see a week ahead.",
    ]
    assert [event.why for event in left] == ["weather"]


async def test_in_private_mode_nobody_is_asked(config: Config) -> None:
    async with server(week(date.today())) as there:  # noqa: DTZ011 - the assistant's own day
        settings = [f'home.weather_url="{there.url}"', "locale.latitude=52.52", "privacy.private=true"]
        replies, left = await _say(load_config(config.paths, settings), "what's the weather")
        assert not there.asked
    assert replies == ["Private mode is on, so I don't ask for the weather."]
    assert not left


async def test_nothing_is_configured(config: Config) -> None:
    replies, left = await _say(config, "what's the weather")
    assert "home.weather_url" in replies[0]
    assert not left


async def test_offline(config: Config) -> None:
    configured = load_config(config.paths, ['home.weather_url="http://127.0.0.1:9/x"', "locale.latitude=52.52"])
    replies, _ = await _say(configured, "will it rain today")
    assert replies == ["I can't reach the weather service right now."]
