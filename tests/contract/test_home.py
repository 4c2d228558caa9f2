"""What every HomePort does: the built-in home, the fake, and Home Assistant, both a fake server and the real one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from assistant.errors import HomeError
from assistant.home.home_assistant import HomeAssistant
from assistant.home.virtual import VirtualHome, furnished
from assistant.homes import Device, HomePort, ServiceCall
from tests.fakes import FakeHome, FakeHomeAssistant, FakeHomeStore
from tests.real_home import real_home
from tests.until import until

Changed = Callable[[Device], None]
Make = Callable[[Path, Changed], AbstractAsyncContextManager[HomePort]]

LIGHT, COVER, LOCK, CLIMATE = "light.bed_light", "cover.hall_window", "lock.front_door", "climate.heatpump"
"""As they are called in Home Assistant's demo."""


@contextlib.asynccontextmanager
async def built_in(_: Path, changed: Changed) -> AsyncIterator[HomePort]:
    kinds = ("light", "Bed Light"), ("cover", "Hall Window"), ("lock", "Front Door"), ("climate", "HeatPump")
    areas, devices = furnished([(kind, name, "", "", ()) for kind, name in kinds])
    home = VirtualHome(areas, devices, FakeHomeStore(), changed)
    await home.start()
    yield home


@contextlib.asynccontextmanager
async def fake(folder: Path, changed: Changed) -> AsyncIterator[HomePort]:
    async with built_in(folder, changed) as home:
        yield FakeHome(home)


@contextlib.asynccontextmanager
async def connected(url: str, token: str, changed: Changed) -> AsyncIterator[HomePort]:
    home = HomeAssistant(url, token, changed)
    running = asyncio.create_task(home.run())
    try:
        await home.settled()
        yield home
    finally:
        running.cancel()
        await asyncio.wait([running])


@contextlib.asynccontextmanager
async def fake_home_assistant(_: Path, changed: Changed) -> AsyncIterator[HomePort]:
    async with FakeHomeAssistant() as server:
        server.entities = {
            LIGHT: ("off", {"friendly_name": "Bed Light"}),
            COVER: ("closed", {"friendly_name": "Hall Window", "current_position": 0}),
            LOCK: ("locked", {"friendly_name": "Front Door"}),
            CLIMATE: ("heat", {"friendly_name": "HeatPump", "temperature": 20, "min_temp": 7, "max_temp": 35}),
        }
        async with connected(server.url, server.TOKEN, changed) as home:
            yield home


@contextlib.asynccontextmanager
async def real(folder: Path, changed: Changed) -> AsyncIterator[HomePort]:
    async with real_home(folder) as server, connected(server.url, server.token, changed) as home:
        yield home


HOMES = [
    pytest.param(built_in, id="built-in"),
    pytest.param(fake, id="fake"),
    pytest.param(fake_home_assistant, id="fake-home-assistant"),
    pytest.param(real, id="real-home-assistant", marks=pytest.mark.slow),
]


@pytest.mark.real_time
@pytest.mark.parametrize("make", HOMES)
async def test_a_home(make: Make, tmp_path: Path) -> None:
    """All in one: a real one takes a while to start."""
    changed: list[Device] = []
    async with make(tmp_path / "home", changed.append) as home:
        assert home.problem is None
        assert home.home is home.home, "it is another object only when something changed"
        assert home.home.device_by_id[LIGHT].name == "Bed Light"
        assert home.home.device_by_id[LIGHT].state == "off"

        before = home.home
        await home.call(ServiceCall("light.turn_on", (LIGHT,), {"brightness_pct": 40}))
        await until(lambda: home.home.device_by_id[LIGHT].attributes.get("brightness") == 40)
        assert home.home is not before
        assert before.device_by_id[LIGHT].state == "off"
        assert [(device.id, device.state) for device in changed] == [(LIGHT, "on")]

        await home.call(ServiceCall("light.turn_on", (LIGHT,), {"rgb_color": [255, 0, 0]}))
        await until(lambda: list(home.home.device_by_id[LIGHT].attributes.get("color", ())) == [255, 0, 0])
        await home.call(ServiceCall("cover.set_cover_position", (COVER,), {"position": 100}))
        await until(lambda: home.home.device_by_id[COVER].attributes.get("position") == 100)
        await home.call(ServiceCall("lock.unlock", (LOCK,)))
        await until(lambda: home.home.device_by_id[LOCK].state == "unlocked")
        await home.call(ServiceCall("climate.set_temperature", (CLIMATE,), {"temperature": 22}))
        await until(lambda: home.home.device_by_id[CLIMATE].attributes.get("temperature") == 22)

        with pytest.raises(HomeError) as caught:
            await home.call(ServiceCall("light.turn_on", (LIGHT,), {"nonsense": 1}))
        assert (caught.value.code, caught.value.retryable) == ("home-refused", False)
        assert home.home.device_by_id[LIGHT].state == "on"
