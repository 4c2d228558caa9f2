"""One conversation over both sides of the seam: a whole assistant in front of a real gateway."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from assistant.config import Config, load_config
from assistant.daemon import open_assistant
from assistant.daemon.assistant import Assistant
from assistant.models import Models
from tests.fakes import FakeEngines, FakeOpenAiServer
from tests.gateways import gateway_before
from tests.house import ask
from tests.until import until

pytestmark = pytest.mark.real_time


@contextlib.asynccontextmanager
async def household(config: Config, upstream: FakeOpenAiServer) -> AsyncIterator[Assistant]:
    async with gateway_before(upstream) as running:
        own = load_config(config.paths, [f'cloud.address="{running.address}"'])
        async with open_assistant(own, engines=FakeEngines(own, Models(own.paths.models_dir))) as assistant:
            await until(lambda: assistant.status().link_up)
            yield assistant


async def test_an_amount_of_the_clouds_is_converted_here(config: Config) -> None:
    upstream = FakeOpenAiServer("Water boils ", "at 212 degrees Fahrenheit.")
    async with upstream, household(config, upstream) as assistant:
        assert (await ask(assistant, "why does water boil")).layer == "cloud"
        converted = await ask(assistant, "and in celsius?")
        again = await ask(assistant, "what is that in kelvin")
    assert (converted.reply, converted.layer) == ("212 degrees Fahrenheit is 100 degrees Celsius.", "edge")
    assert again.reply == "100 degrees Celsius is 373.1 kelvin."


async def test_what_a_skill_said_goes_along_to_the_cloud(config: Config) -> None:
    async with FakeOpenAiServer("Because ", "it is round.") as upstream, household(config, upstream) as assistant:
        told = await ask(assistant, "what is 15 percent of 80")
        assert (told.layer, told.reply) == ("edge", "15 percent of 80 is 12.")
        await ask(assistant, "who invented percentages")
    sent = [message["content"] for message in upstream.requests[0]["messages"]]
    assert sent[-3:] == ["what is 15 percent of 80", "15 percent of 80 is 12.", "who invented percentages"]


async def test_an_open_talk_goes_on_in_words_that_nothing_here_knows(config: Config) -> None:
    async with FakeOpenAiServer("Light ", "scatters.") as upstream, household(config, upstream) as assistant:
        await ask(assistant, "why is the sky blue")
        more = await ask(assistant, "and on mars")
    assert (more.layer, more.reason) == ("cloud", "edge-doubtful")
    assert [message["content"] for message in upstream.requests[1]["messages"]][-3:-1] == [
        "why is the sky blue",
        "Light scatters.",
    ]


async def test_the_weather_of_another_day(config: Config) -> None:
    async with FakeOpenAiServer("never") as upstream, household(config, upstream) as assistant:
        await ask(assistant, "what's the weather like")
        tomorrow = await ask(assistant, "what about tomorrow?")
    assert (tomorrow.intent, "date" in tomorrow.slots) == ("HassGetWeather", True)
    assert not upstream.requests


async def test_another_joke_and_another_throw(config: Config) -> None:
    async with FakeOpenAiServer("never") as upstream, household(config, upstream) as assistant:
        joke = await ask(assistant, "tell me a joke")
        another = await ask(assistant, "another one")
        repeated = await ask(assistant, "again")
        await ask(assistant, "roll a dice")
        thrown = await ask(assistant, "roll it again")
        await ask(assistant, "what time is it")
        no_joke = await ask(assistant, "another one")
    assert (another.intent, repeated.reply) == ("TellJoke", another.reply)
    assert another.reply != joke.reply
    assert thrown.intent == "RollDice"
    assert no_joke.intent != "TellJoke"
