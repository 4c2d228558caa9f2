"""A whole assistant in a real Home Assistant's home: told by text, what is done is looked up there."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from assistant.config import Config, load_config
from assistant.daemon import Assistant, open_assistant
from assistant.evaluate.bench.home_assistant import RealHomeAssistant
from assistant.home.home_assistant import CALL_TIMEOUT_S
from assistant.homes import ServiceCall
from assistant.models import Models
from tests.fakes import FakeEngines
from tests.real_home import real_home
from tests.until import until

pytestmark = [pytest.mark.slow, pytest.mark.real_time]

Ask = Callable[[str], Awaitable[str]]


@asynccontextmanager
async def living_in(server: RealHomeAssistant, config: Config) -> AsyncIterator[tuple[Assistant, Ask]]:
    token = config.paths.state_dir.parent / "home-token"
    token.write_text(server.token, "utf-8")
    config = load_config(
        config.paths, [f'home.url="{server.url}"', f'home.token_file="{token}"', 'home.area="living room"']
    )
    engines = FakeEngines(config, Models(config.paths.models_dir))
    async with open_assistant(config, engines=engines) as assistant:

        async def ask(text: str) -> str:
            record = await assistant.ask(
                text=text, audio=None, source="text", speak=False, on_audio=None, on_event=None
            )
            return record.reply

        yield assistant, ask


async def test_a_day_in_a_real_home(tmp_path: Path, config: Config) -> None:
    async with (
        real_home(tmp_path / "ha") as server,
        living_in(server, config) as (assistant, ask),
    ):
        assert await ask("turn off the bed light") == "Bed Light off."
        assert await ask("set the bed light to 40 percent") == "Bed Light at 40 percent."
        bed = await server.state("light.bed_light")
        assert (bed["state"], bed["brightness"]) == ("on", 102)
        await ask("make the bed light blue")
        assert (await server.state("light.bed_light"))["rgb_color"] == [0, 0, 255]
        assert await ask("is the kitchen door locked") == "No, the kitchen door is unlocked."
        await ask("lock the kitchen door")
        await until(lambda: assistant.household.home.home.device_by_id["lock.kitchen_door"].state == "locked")
        assert "Yes" in await ask("is the kitchen door locked")
        assert await ask("unlock the front door") == "Unlock the front door?"
        assert (await server.state("lock.front_door"))["state"] == "locked"
        await ask("yes")
        assert (await server.state("lock.front_door"))["state"] == "unlocked"
        await ask("open the hall window to 30 percent")
        await ask("set the heatpump to 22 degrees")
        assert (await server.state("climate.heatpump"))["temperature"] == 22
        assert await ask("what is the outside temperature") == "The outside temperature is 15.6 degrees."
        assert "degrees" in await ask("what's the weather tomorrow")

        await server.command("config/entity_registry/update", entity_id="light.bed_light", aliases=["reading lamp"])
        await server.command("config/entity_registry/update", entity_id="light.ceiling_lights", area_id="living_room")
        known = assistant.household.home
        await until(lambda: "reading lamp" in known.home.device_by_id["light.bed_light"].aliases)
        await until(lambda: known.home.device_by_id["light.ceiling_lights"].area == "living_room")
        assert "off" in await ask("turn off the reading lamp")
        assert (await server.state("light.bed_light"))["state"] == "off"
        await ask("turn off the lights")  # this room's
        assert (await server.state("light.ceiling_lights"))["state"] == "off"
        assert (await server.state("light.kitchen_lights"))["state"] == "on"

        players = {"assistants": ["conversation"], "entity_ids": ["media_player.walkman"]}
        await server.command("homeassistant/expose_entity", **players, should_expose=True)
        await until(lambda: "media_player.walkman" in known.home.device_by_id, timeout_s=40)
        assert await ask("pause the walkman") == "Paused."
        assert (await server.state("media_player.walkman"))["state"] == "paused"
        await ask("set the walkman volume to 30 percent")
        assert (await server.state("media_player.walkman"))["volume_level"] == 0.3
        assert await ask("next song") == "The next one."
        assert await ask("resume the walkman") == "Going on."
        assert (await server.state("media_player.walkman"))["state"] == "playing"

        exposure = {"assistants": ["conversation"], "entity_ids": ["light.bed_light"]}
        await server.command("homeassistant/expose_entity", **exposure, should_expose=False)
        await until(lambda: "light.bed_light" not in known.home.device_by_id)
        assert "don't know" in await ask("turn on the reading lamp")


async def test_restarts_and_slow_things(tmp_path: Path, config: Config) -> None:
    """Whatever happens there: a sentence, in time; and it is found again."""
    async with (
        real_home(tmp_path / "ha") as server,
        living_in(server, config) as (assistant, ask),
    ):
        await ask("turn on the bed light")
        slow = ServiceCall("script.slow", ("script.slow",))
        for how in (signal.SIGTERM, signal.SIGKILL):
            calling = asyncio.create_task(assistant.household.home.call(slow))
            await asyncio.sleep(0.2)  # until it is under way there
            began_s = time.monotonic()
            await server.stop(how)
            outcome = (await asyncio.gather(calling, return_exceptions=True))[0]
            assert getattr(outcome, "code", None) in {"home-offline", "home-timeout"}
            assert time.monotonic() - began_s < CALL_TIMEOUT_S + 20
            await until(lambda: assistant.household.home.problem)
            assert await ask("turn off the bed light") == "I can't reach your home right now."
            await server.start()
            await until(lambda: assistant.household.home.problem is None, timeout_s=90)
            assert await ask("turn off the bed light") == "Bed Light off."
            assert (await server.state("light.bed_light"))["state"] == "off"
