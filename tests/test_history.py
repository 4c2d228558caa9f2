"""The whole assistant and its history: shared when configured, private when it should be, forgotten when told."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from assistant.config import find_paths, load_config
from assistant.daemon import open_assistant
from assistant.errors import ControlError
from assistant.events import DataLeft, Event
from tests.fakes import FakeOpenAiServer
from tests.gateways import gateway_before
from tests.house import ask
from tests.until import until

pytestmark = pytest.mark.real_time


def gateway_has() -> set[str]:
    with closing(sqlite3.connect(find_paths().gateway_history)) as database:
        return {text for (text,) in database.execute("SELECT utterance FROM turns")}


async def test_turns_reach_the_gateway_private_ones_do_not_and_forgetting_does() -> None:
    events: list[Event] = []
    async with FakeOpenAiServer() as server, gateway_before(server) as gateway:
        config = load_config(find_paths(), [f'cloud.address="{gateway.address}"', "cloud.sync=true"])
        async with open_assistant(config) as assistant:
            with assistant.bus.watch(events.append):
                first = await ask(assistant, "what is seven times six")
                await until(lambda: gateway_has() == {first.text})
                await ask(assistant, "turn on private mode")
                await ask(assistant, "what is three plus four")
                await ask(assistant, "turn off private mode")
                last = await ask(assistant, "what is nine minus two")
                await until(lambda: gateway_has() == {first.text, last.text})
                turns = await assistant.past_turns(10, "here")
                assert [turn.private for turn in turns] == [False, True, True, True, False]
                assert await assistant.forget_turn(first.id) == 1
                await until(lambda: gateway_has() == {last.text})
                with pytest.raises(ControlError) as caught:
                    await assistant.forget_turn(first.id)
                assert caught.value.code == "turn-unknown"
                assert await assistant.forget_between(None, None) == 4
                await until(lambda: gateway_has() == set())
                assert await assistant.past_turns(10, "") == []
    assert {event.why for event in events if isinstance(event, DataLeft)} == {"sync"}


async def test_without_the_setting_nothing_is_sent_not_even_later() -> None:
    async with FakeOpenAiServer() as server, gateway_before(server) as gateway:
        address = f'cloud.address="{gateway.address}"'
        async with open_assistant(load_config(find_paths(), [address])) as assistant:
            await ask(assistant, "what is seven times six")
        async with open_assistant(load_config(find_paths(), [address, "cloud.sync=true"])) as assistant:
            later = await ask(assistant, "what is three plus four")
            await until(lambda: gateway_has() == {later.text})


async def test_what_was_said_in_private_is_no_part_of_a_later_question_to_the_cloud() -> None:
    async with FakeOpenAiServer("Because.") as server, gateway_before(server) as gateway:
        config = load_config(find_paths(), [f'cloud.address="{gateway.address}"'])
        async with open_assistant(config) as assistant:
            await ask(assistant, "what is seven times six")
            await ask(assistant, "turn on private mode")
            await ask(assistant, "what is three plus four")
            await ask(assistant, "turn off private mode")
            await ask(assistant, "explain in detail why the sky looks blue at noon and red in the evening")
    (request,) = [each for each in server.requests if "sky" in str(each)]
    assert "seven times six" in str(request)
    assert "three plus four" not in str(request)


async def test_what_is_hidden_from_the_cloud_is_hidden_from_the_shared_history() -> None:
    async with FakeOpenAiServer() as server, gateway_before(server) as gateway:
        settings = [f'cloud.address="{gateway.address}"', "cloud.sync=true", 'privacy.redact=["numbers"]']
        async with open_assistant(load_config(find_paths(), settings)) as assistant:
            here = await ask(assistant, "what is seven times six")
            await until(lambda: gateway_has() != set())
            assert gateway_has() == {"what is [number 1] times [number 2]"}
            assert (await assistant.past_turns(1, "here"))[0].text == here.text
