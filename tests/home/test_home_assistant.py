"""Home Assistant over a real socket: what is known of a home, as it changes, and everything that goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, date
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from assistant.config import Config, load_config
from assistant.daemon import open_assistant
from assistant.errors import ConfigError, HomeError
from assistant.events import HomeChanged
from assistant.home import ha_socket, ha_values, home_assistant
from assistant.home.ha_weather import HomeWeather
from assistant.home.home_assistant import HomeAssistant
from assistant.homes import Area, Device, ServiceCall
from assistant.models import Models
from tests.fakes import FakeEngines, FakeHomeAssistant
from tests.until import until

pytestmark = pytest.mark.real_time


def house() -> FakeHomeAssistant:
    """A kitchen with a light of its own and a lamp on a device that stands there, and a hall upstairs."""
    server = FakeHomeAssistant()
    server.floors = [{"floor_id": "up", "name": "Upstairs", "aliases": ["top floor"]}]
    server.areas = [
        {"area_id": "kitchen", "name": "Kitchen", "aliases": ["galley"], "floor_id": None},
        {"area_id": "hall", "name": "Hall", "aliases": [], "floor_id": "up"},
    ]
    server.devices = [{"id": "dev1", "area_id": "kitchen"}]
    server.entities = {
        "light.ceiling": ("off", {"friendly_name": "Ceiling light", "brightness": None}),
        "light.lamp": ("on", {"friendly_name": "Lamp", "brightness": 1, "color_mode": "hs", "rgb_color": [255, 0, 0]}),
        "switch.config": ("on", {"friendly_name": "Child lock"}),
        "sensor.power": ("3.5", {"friendly_name": "Power", "device_class": "power"}),
        "sensor.warmth": ("21.5", {"device_class": "temperature", "unit_of_measurement": "°C"}),
    }
    server.entries = {
        "light.ceiling": {"area_id": "hall", "aliases": ["big light"]},
        "light.lamp": {"device_id": "dev1"},
        "switch.config": {"hidden": True},
    }
    return server


@contextlib.asynccontextmanager
async def living_in(server: FakeHomeAssistant, **more: Any) -> AsyncIterator[HomeAssistant]:
    """An adapter that was connected, or failed to be."""
    changed = more.pop("changed", lambda _device: None)
    home = HomeAssistant(server.url, more.pop("token", server.TOKEN), changed, **more)
    running = asyncio.create_task(home.run())
    try:
        await home.settled()
        yield home
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize("large", [ha_socket.LARGE, 0])
async def test_names_areas_floors_aliases_and_states(large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ha_socket, "LARGE", large)  # with 0 all is read in pieces
    async with house() as server, living_in(server, area="galley") as home:
        assert home.problem is None
        assert home.home.areas == (
            Area("kitchen", "Kitchen", ("galley",)),
            Area("hall", "Hall", (), "Upstairs", ("top floor",)),
        )
        assert home.home.area == "kitchen"
        assert home.home.floors == {"Upstairs": "Upstairs", "top floor": "Upstairs"}
        known = home.home.device_by_id
        assert known["light.ceiling"] == Device("light.ceiling", "Ceiling light", "hall", ("big light",), state="off")
        assert known["light.lamp"] == Device(
            "light.lamp", "Lamp", "kitchen", state="on", attributes={"brightness": 1, "color": [255, 0, 0]}
        )
        assert known["sensor.warmth"].name == "warmth"
        assert known["sensor.warmth"].attributes == {"unit": "°C"}


async def test_only_what_is_exposed_is_known() -> None:
    async with house() as server:
        server.exposed = {"sensor.power": True, "light.lamp": False}
        async with living_in(server) as home:
            assert home.home.device_by_id.keys() == {"light.ceiling", "sensor.power", "sensor.warmth"}


async def test_a_token_that_is_no_administrators_gets_the_default() -> None:
    async with house() as server:
        server.admin = False
        server.exposed = {"light.lamp": False}
        server.floors = None
        async with living_in(server) as home:
            assert home.home.device_by_id.keys() == {"light.ceiling", "light.lamp", "sensor.warmth"}
            assert home.home.floors == {}


async def test_changes_arrive_and_only_those_of_states_are_told() -> None:
    told: list[tuple[str, str]] = []
    async with (
        house() as server,
        living_in(server, changed=lambda device: told.append((device.id, device.state))) as home,
    ):
        await server.put("light.ceiling", "on", friendly_name="Ceiling light", brightness=255)
        await until(lambda: home.home.device_by_id["light.ceiling"].attributes.get("brightness") == 100)
        await server.put("light.ceiling", "on", friendly_name="Ceiling light", brightness=128)
        await until(lambda: home.home.device_by_id["light.ceiling"].attributes.get("brightness") == 50)
        await server.put("light.ceiling", "unavailable", friendly_name="Ceiling light")
        await until(lambda: home.home.device_by_id["light.ceiling"].state == "unavailable")
        assert home.home.device_by_id["light.ceiling"].attributes == {}
        await server.remove("light.lamp")
        await until(lambda: "light.lamp" not in home.home.device_by_id)
        assert told == [("light.ceiling", "on"), ("light.ceiling", "unavailable")]


async def test_what_is_named_otherwise_or_moved_is_known_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_assistant, "SETTLE_S", 0.01)
    async with house() as server, living_in(server) as home:
        server.areas[0]["name"] = "Cookery"
        server.entries["light.lamp"] = {"area_id": "hall", "aliases": ["glow"]}
        server.exposed = {"light.ceiling": False}
        server.entities["cover.blind"] = ("open", {"friendly_name": "Blind", "current_position": 30})
        await server.happened("entity_registry_updated")
        await until(lambda: "cover.blind" in home.home.device_by_id)
        assert home.home.area_called("cookery") is not None
        lamp = home.home.device_by_id["light.lamp"]
        assert (lamp.area, lamp.aliases) == ("hall", ("glow",))
        assert "light.ceiling" not in home.home.device_by_id
        await server.put("cover.blind", "closed", friendly_name="Blind", current_position=0)
        await until(lambda: home.home.device_by_id["cover.blind"].state == "closed")


class Busy(FakeHomeAssistant):
    """One where the lamp goes out while the registries are read for the second time."""

    reads = 0

    async def _answer(self, websocket: web.WebSocketResponse, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["type"] == "config/entity_registry/get_entries":
            self.reads += 1
            if self.reads == 2:
                await self.put("light.lamp", "off", friendly_name="Lamp")
        return await super()._answer(websocket, asked)


async def test_what_changes_while_it_is_read_again_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_assistant, "SETTLE_S", 0.01)
    async with Busy() as server:
        server.entities = {"light.lamp": ("on", {"friendly_name": "Lamp"})}
        async with living_in(server) as home:
            server.areas = [{"area_id": "hall", "name": "Hall"}]
            await server.happened("area_registry_updated")
            await until(lambda: home.home.areas)
            assert home.home.device_by_id["light.lamp"].state == "off"


async def test_what_is_exposed_without_an_event_is_known_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of entities without an entry in the registry nobody tells."""
    monkeypatch.setattr(home_assistant, "EXPOSURE_S", 0.02)
    async with house() as server, living_in(server) as home:
        assert "sensor.power" not in home.home.device_by_id
        server.exposed = {"sensor.power": True, "light.ceiling": False}
        await until(lambda: "sensor.power" in home.home.device_by_id)
        assert "light.ceiling" not in home.home.device_by_id


async def test_a_call_says_what_and_to_whom() -> None:
    async with house() as server, living_in(server) as home:
        await home.call(ServiceCall("light.turn_on", ("light.ceiling", "light.lamp"), {"brightness_pct": 30}))
        assert server.calls == [
            ("light.turn_on", {"brightness_pct": 30}, {"entity_id": ["light.ceiling", "light.lamp"]})
        ]


@pytest.mark.parametrize("code", ["home_assistant_error", "service_validation_error", "not_found", "<odd>"])
async def test_a_call_that_is_refused(code: str) -> None:
    async with house() as server, living_in(server) as home:
        server.refuse = code
        with pytest.raises(HomeError) as caught:
            await home.call(ServiceCall("light.turn_on", ("light.lamp",)))
        assert (caught.value.code, caught.value.retryable) == ("home-refused", False)
        assert "<" not in caught.value.message


async def test_a_call_that_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_assistant, "CALL_TIMEOUT_S", 0.1)
    async with house() as server, living_in(server) as home:
        server.mute = True
        with pytest.raises(HomeError, match="within") as caught:
            await home.call(ServiceCall("light.turn_on", ("light.lamp",)))
        assert (caught.value.code, caught.value.retryable) == ("home-timeout", True)
        server.mute = False
        await home.call(ServiceCall("light.turn_on", ("light.lamp",)))


async def test_more_calls_than_it_may_have_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_assistant, "CALL_TIMEOUT_S", 0.3)
    async with house() as server, living_in(server) as home:
        server.mute = True
        calls = [home.call(ServiceCall("light.turn_on", ("light.lamp",))) for _ in range(ha_socket.MAX_PENDING + 5)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        codes = [each.code for each in outcomes if isinstance(each, HomeError)]
        assert codes.count("home-busy") == 5
        assert codes.count("home-timeout") == ha_socket.MAX_PENDING


async def test_a_restart_in_mid_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits is told at once; the home stays as it was, and comes back by itself."""
    monkeypatch.setattr(home_assistant, "FIRST_PAUSE_S", 0.05)
    async with house() as server, living_in(server) as home:
        server.mute = True
        calling = asyncio.create_task(home.call(ServiceCall("light.turn_on", ("light.lamp",))))
        await server.called.wait()
        await server.stop()
        with pytest.raises(HomeError) as caught:
            await calling
        assert (caught.value.code, caught.value.retryable) == ("home-offline", True)
        await until(lambda: home.problem)
        assert home.home.device_by_id["light.lamp"].name == "Lamp"
        with pytest.raises(HomeError) as caught:
            await home.call(ServiceCall("light.turn_on", ("light.lamp",)))
        assert caught.value.code == "home-offline"

        server.mute = False
        server.entities["light.lamp"] = ("off", {"friendly_name": "Lamp"})
        await server.start()
        await until(lambda: home.problem is None)
        assert home.home.device_by_id["light.lamp"].state == "off"
        await home.call(ServiceCall("light.turn_on", ("light.lamp",)))
        await until(lambda: home.home.device_by_id["light.lamp"].state == "on")


async def test_a_token_that_is_wrong_or_was_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_assistant, "FIRST_PAUSE_S", 0.01)
    async with house() as server, living_in(server, token="made-up-7") as home:
        assert home.problem is not None
        assert home.problem.code == "home-auth"
        with pytest.raises(HomeError) as caught:
            await home.call(ServiceCall("light.turn_on", ("light.lamp",)))
        assert (caught.value.code, caught.value.retryable) == ("home-auth", False)
        assert "made-up-7" not in f"{caught.value!r} {home!r} {vars(caught.value)}"
        await asyncio.sleep(0.1)
        assert server.connections == 1, "whoever tries too often is banned"


GREETINGS = {
    "no json": "}{",
    "no object": "[1, 2]",
    "something else": '{"type": "hello"}',
    "nothing": "",
    "deep": "[" * 5000,
}


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
async def test_something_else_listens_there(greeting: str) -> None:
    async with house() as server:
        server.greeting = greeting
        async with living_in(server) as home:
            assert home.problem is not None
            assert (home.problem.code, home.home.devices) == ("home-offline", ())


async def test_nobody_listens_there() -> None:
    home = HomeAssistant("http://127.0.0.1:9", "x", lambda _: None)
    running = asyncio.create_task(home.run())
    await home.settled()
    assert home.problem is not None
    assert home.problem.code == "home-offline"
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.parametrize("text", ["}{", "null", "7", '"x"', "[[]]", '{"id": [], "type": "event"}', '{"type": 5}'])
@pytest.mark.parametrize("large", [ha_socket.LARGE, 0])
async def test_messages_that_make_no_sense(text: str, large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ha_socket, "LARGE", large)
    monkeypatch.setattr(home_assistant, "FIRST_PAUSE_S", 0.01)
    async with house() as server, living_in(server) as home:
        await server.send_raw(text)
        await until(lambda: home.problem is None)
        async with asyncio.timeout(5):
            while True:  # it may have to connect again first
                with contextlib.suppress(HomeError):
                    await home.call(ServiceCall("light.turn_on", ("light.ceiling",)))
                    break
                await asyncio.sleep(0.01)
        await until(lambda: home.home.device_by_id["light.ceiling"].state == "on")


async def test_one_that_falls_silent_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ha_socket, "ASK_TIMEOUT_S", 0.05)
    async with house() as server:
        server.silent = True
        async with living_in(server) as home:
            assert home.problem is not None
            assert home.problem.code == "home-timeout"


async def test_the_forecast() -> None:
    async with house() as server:
        server.entities["weather.home"] = ("sunny", {"temperature": 59.0, "temperature_unit": "°F"})
        server.forecast = [
            {"datetime": "2026-11-26T11:00:00+00:00", "condition": "rainy", "temperature": 50, "templow": 41,
             "precipitation_probability": 80},
            {"datetime": "2026-11-27T11:00:00+00:00", "condition": "sunny", "temperature": 68},
        ]  # fmt: skip
        async with living_in(server) as home:
            days = await HomeWeather(home, "", imperial=False, zone=lambda: UTC).days()
            today = days[date(2026, 11, 26)]
            assert (today.condition, today.low, today.high, today.rain, today.now) == ("rainy", 5, 10, 80, 15)
            assert days[date(2026, 11, 27)].rain is None
            assert days[date(2026, 11, 27)].low == 20

            with pytest.raises(HomeError) as caught:
                await HomeWeather(home, "weather.elsewhere", imperial=False, zone=lambda: UTC).days()
            assert caught.value.code == "weather-unset"
            server.forecast = [{"condition": "rainy"}]
            with pytest.raises(HomeError) as caught:
                await HomeWeather(home, "", imperial=True, zone=lambda: UTC).days()
            assert caught.value.code == "weather-offline"
            server.refuse = "service_validation_error"
            with pytest.raises(HomeError) as caught:
                await HomeWeather(home, "", imperial=True, zone=lambda: UTC).days()
            assert caught.value.code == "weather-offline"


async def test_a_whole_assistant(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    """What is said reaches the home, in its room, under its aliases; what can't be done is said."""
    caplog.set_level(logging.DEBUG)
    async with house() as server:
        server.entities["weather.home"] = ("sunny", {"temperature": 12, "temperature_unit": "°C"})
        settings = [f'home.url="{server.url}"', f'home.token="{server.TOKEN}"', 'home.area="hall"']
        config = load_config(config.paths, settings)
        engines = FakeEngines(config, Models(config.paths.models_dir))
        async with open_assistant(config, engines=engines) as assistant:
            changed: list[str] = []

            async def ask(text: str) -> str:
                record = await assistant.ask(
                    text=text, audio=None, source="text", speak=False, on_audio=None, on_event=None
                )
                return record.reply

            with assistant.bus.watch(
                lambda event: changed.append(event.name) if isinstance(event, HomeChanged) else None
            ):
                assert await ask("turn on the lights") == "Ceiling light on."
                assert server.calls[-1][2] == {"entity_id": ["light.ceiling"]}
                assert await ask("turn off the big light") == "Ceiling light off."
                assert await ask("turn on everything on the top floor") == "Ceiling light on."
                await until(lambda: len(changed) == 3)
            assert set(changed) == {"Ceiling light"}
            assert await ask("what's the temperature of the warmth") != ""
            server.refuse = "home_assistant_error"
            assert await ask("turn off the lamp") == "Your home says it can't do that."
            await server.stop()
            await until(lambda: assistant.status().problems)
            assert await ask("turn on the lights") == "I can't reach your home right now."
            assert await ask("is the lamp on") == "I can't reach your home right now."
            assert "Home Assistant" in assistant.status().problems[0]
            await server.start()
    assert server.TOKEN not in caplog.text


@pytest.mark.parametrize("token", ["", "tök", "a\nb"])
async def test_a_token_that_can_be_none(config: Config, token: str) -> None:
    config = load_config(config.paths, ['home.url="http://127.0.0.1:9"'])
    home = config.settings.home.model_copy(update={"token": type(config.settings.home.token)(token)})
    settings = config.settings.model_copy(update={"home": home})
    config = Config(**{**{name: getattr(config, name) for name in config.__slots__}, "settings": settings})
    with pytest.raises(ConfigError, match="token"):
        async with open_assistant(config, engines=FakeEngines(config, Models(config.paths.models_dir))):
            pass


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["+", "-", "a", "c", "r", "s", "entities", "ei", "light.x", "brightness", "rgb_color"]),
            inner,
        )
    ),
    max_leaves=30,
)


@given(JSON, JSON, JSON)
def test_no_message_breaks_the_reading(one: Any, two: Any, three: Any) -> None:
    states = ha_values.states(one)
    entries = ha_values.entries(one, two)
    ha_values.areas(one, two)
    ha_values.decisions(one)
    ha_values.with_aliases(entries, three)
    ha_values.unit_of(one)
    ha_values.all_exposed(states, entries, {}, three)
    for identifier, state in ha_values.changes(three, {"light.x": ("on", {})}):
        if state:
            ha_values.device(identifier, state, ha_values.Entry(), "°C")


@given(st.dictionaries(st.sampled_from(["brightness", "color_mode", "rgb_color", "color_temp_kelvin"]), JSON))
def test_what_a_light_may_have(raw: dict[str, Any]) -> None:
    light = ha_values.device("light.x", ("on", raw), ha_values.Entry(), "°C")
    assert 0 <= light.attributes.get("brightness", 0) <= 100
    assert not {"color", "kelvin"} <= light.attributes.keys(), "a service takes one of them"
