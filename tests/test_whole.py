"""The whole way with real models: into a virtual microphone, out of a virtual speaker."""

from __future__ import annotations

import asyncio
import re
import socket
import sys

import pytest

from assistant.audio.format import Chunk
from assistant.config import Config, load_config
from assistant.events import (
    LinkChanged,
    PlaybackStarted,
    ReplyChunk,
    RingStarted,
    RingStopped,
    Routed,
    StateChanged,
    WakeWordDetected,
)
from assistant.values import Outcome, State
from tests.fakes import FakeOpenAiServer
from tests.house import House, UserVoice, open_house, written
from tests.virtual_time import VirtualClock

pytestmark = pytest.mark.models

TEN_MINUTES = re.compile(r"\b(10|ten)[ -]minutes?")


async def test_a_timer_set_by_voice_is_confirmed_by_voice_and_rings(config: Config) -> None:
    models_dir = config.paths.models_dir
    voice = UserVoice(models_dir)
    async with open_house(config, clock=VirtualClock()) as house:
        house.microphone.pause(1.0)
        house.microphone.say(voice.says("okay nabu, set a timer for ten minutes"))
        detected = await house.until(lambda event: isinstance(event, WakeWordDetected))
        assert isinstance(detected, WakeWordDetected)
        assert detected.word == "okay_nabu"
        transcript, reply, end = await house.turn()
        assert TEN_MINUTES.search(transcript.lower())
        assert TEN_MINUTES.search(reply.lower())
        assert end.outcome is Outcome.ANSWERED
        [(item, left_s)] = house.assistant.timers()
        assert item.duration_s == 600
        assert 590 < left_s <= 600
        assert TEN_MINUTES.search(await written(models_dir, house.speaker.recorded()))

        house.speaker.forget()
        await house.until(lambda event: isinstance(event, RingStarted), timeout_s=700)
        house.microphone.pause(2.0)
        house.microphone.say(voice.says("okay nabu"))
        await house.until(lambda event: isinstance(event, RingStopped))
        assert house.speaker.recorded().duration_s > 1.0
        assert not house.assistant.timers()


@pytest.mark.slow
async def test_nothing_said_after_the_wake_word_ends_in_silence(config: Config) -> None:
    voice = UserVoice(config.paths.models_dir)
    async with open_house(config, clock=VirtualClock()) as house:
        house.microphone.pause(1.0)
        house.microphone.say(voice.says("okay nabu"))
        transcript, reply, end = await house.turn()
        assert (transcript, reply, end.outcome) == ("", "", Outcome.NOTHING_HEARD)


@pytest.mark.slow
async def test_a_missing_duration_is_asked_for_and_answered_without_wake_word(config: Config) -> None:
    voice = UserVoice(config.paths.models_dir)
    async with open_house(config, clock=VirtualClock()) as house:
        house.microphone.pause(1.0)
        house.microphone.say(voice.says("okay nabu, set a timer"))
        _, reply, end = await house.turn()
        assert end.outcome is Outcome.ASKED_BACK
        assert "how long" in reply.lower()
        house.microphone.pause(0.5)
        house.microphone.say(voice.says("ten minutes."))
        _, reply, end = await house.turn()
        assert TEN_MINUTES.search(reply.lower())
        assert end.outcome is Outcome.ANSWERED
        assert [item.duration_s for item, _ in house.assistant.timers()] == [600]


@pytest.mark.slow
async def test_a_wake_word_interrupts_a_long_reply(config: Config) -> None:
    voice = UserVoice(config.paths.models_dir)
    async with open_house(config, clock=VirtualClock()) as house:
        house.microphone.pause(1.0)
        house.microphone.say(voice.says("okay nabu, what can you do?"))
        await house.until(lambda event: isinstance(event, PlaybackStarted))
        house.microphone.say(voice.says("okay nabu, stop."))
        _, _, end = await house.turn()
        assert end.outcome is Outcome.INTERRUPTED
        transcript, _, end = await house.turn()
        assert "stop" in transcript.lower()
        assert end.outcome is not Outcome.FAILED


@pytest.mark.real_time
@pytest.mark.slow
async def test_a_question_crosses_to_the_cloud_and_back_through_an_outage(config: Config) -> None:
    async with FakeOpenAiServer("Mount ", "Everest ", "is the highest. ", "It is in Asia.") as llm:
        address = f"127.0.0.1:{_free_port()}"
        config = load_config(
            config.paths, [f'cloud.address="{address}"', "cloud.probe_interval_s=1.0", "wake.refractory_s=0.5"]
        )
        voice = UserVoice(config.paths.models_dir)
        async with open_house(config) as house:
            question = voice.says("okay nabu, which mountain is the highest in the world?")
            gateway = await _start_gateway(address, llm.base_url)
            await house.until(lambda event: isinstance(event, LinkChanged) and event.up, timeout_s=20)
            reply, _ = await _ask(house, question)
            assert "Everest" in reply
            assert "everest" in await written(config.paths.models_dir, house.speaker.recorded())

            gateway.kill()
            await gateway.wait()
            reply, waited_s = await _ask(house, question, cut_short=True)
            assert "cloud" in reply
            assert waited_s < 6
            reply, waited_s = await _ask(house, question, cut_short=True)
            assert "offline" in reply
            assert waited_s < 1.0

            gateway = await _start_gateway(address, llm.base_url)
            await house.until(lambda event: isinstance(event, LinkChanged) and event.up, timeout_s=20)
            reply, _ = await _ask(house, question, cut_short=True)
            assert "Everest" in reply
            gateway.kill()
            await gateway.wait()


async def _ask(house: House, question: Chunk, *, cut_short: bool = False) -> tuple[str, float]:
    """Speak the question; the reply, and the seconds from routing to the first sound of it.

    `cut_short`: silence the reply once it sounds.
    """
    loop = asyncio.get_running_loop()
    house.events.clear()
    house.speaker.forget()
    house.microphone.pause(0.6)
    house.microphone.say(question)
    await house.until(lambda event: isinstance(event, Routed))
    routed_s = loop.time()
    pieces: list[str] = []

    def heard(event: object) -> bool:
        if isinstance(event, ReplyChunk):
            pieces.append(event.text)
        return isinstance(event, PlaybackStarted)

    await house.until(heard)
    waited_s = loop.time() - routed_s
    if cut_short:
        assert house.assistant.hush()
    await house.until(lambda event: heard(event) or (isinstance(event, StateChanged) and event.new is State.IDLE))
    return "".join(pieces), waited_s


async def _start_gateway(address: str, upstream: str) -> asyncio.subprocess.Process:
    command = ["-m", "assistant", "gateway", "run", "--listen", address, "--upstream", upstream]
    quiet = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(sys.executable, *command, stdout=quiet, stderr=quiet)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
