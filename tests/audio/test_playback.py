"""The speaker through losses, and when its device is open. In virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

import numpy as np
import pytest

from assistant.audio.format import Chunk
from assistant.audio.mixer import Mixer
from assistant.audio.playback import SpeakerSink
from assistant.errors import AudioError
from assistant.events import AudioDeviceLost, AudioDeviceRestored, Event
from tests.fakes import FakeSoundCard


async def tone(length_s: float) -> AsyncGenerator[Chunk, None]:
    t = np.arange(round(48_000 * length_s)) / 48_000
    yield Chunk((8192 * np.sin(2 * np.pi * 500 * t)).astype(np.int16), 48_000)


class Rig:
    def __init__(self, rate_hz: int, device: str = "") -> None:
        self.card = FakeSoundCard(rate_hz)
        self.mixer = Mixer(volume=100)
        self.events: list[Event] = []
        self.sink = SpeakerSink(self.card, device, self.mixer, self.events.append)

    async def say(self, length_s: float) -> bool:
        return await self.mixer.play(tone(length_s), priority=1).finished()


@contextlib.asynccontextmanager
async def playing(rate_hz: int = 48_000, device: str = "") -> AsyncIterator[Rig]:
    rig = Rig(rate_hz, device)
    tasks = [asyncio.create_task(rig.sink.run()), asyncio.create_task(rig.card.run())]
    yield rig
    await rig.mixer.close()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert not rig.card.open_streams


async def test_the_device_is_open_only_while_needed_and_a_while_longer() -> None:
    async with playing() as rig:
        await asyncio.sleep(100.0)
        assert not rig.card.streams
        assert await rig.say(1.0)
        await asyncio.sleep(29.0)
        assert await rig.say(1.0)
        await asyncio.sleep(29.0)
        assert len(rig.card.open_streams) == len(rig.card.streams) == 1
        await asyncio.sleep(2.0)
        assert not rig.card.open_streams
        assert await rig.say(1.0)
        assert len(rig.card.streams) == 2
        assert rig.events == []


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000, 96_000])
async def test_sound_is_whole_at_every_rate(rate_hz: int) -> None:
    async with playing(rate_hz) as rig:
        assert await rig.say(2.0)
        await asyncio.sleep(1.0)
        heard = np.concatenate(rig.card.played)
        loud = np.flatnonzero(np.abs(heard) > 400)
        assert (loud[-1] - loud[0]) / rate_hz == pytest.approx(2.0, abs=0.01)
        middle = heard[loud[0] + rate_hz // 10 :][:rate_hz]
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(rate_hz)))
        assert int(spectrum.argmax()) == 500
        assert np.concatenate([spectrum[:480], spectrum[520:]]).max() < spectrum[500] / 1000
        assert np.abs(middle).max() == pytest.approx(8192, rel=0.01)


async def test_between_voices_the_card_gets_silence() -> None:
    async with playing(44_100) as rig:
        await rig.say(0.5)
        await asyncio.sleep(1.0)
        rig.card.played.clear()
        await asyncio.sleep(1.0)
        assert len(rig.card.played) == 25
        assert not np.concatenate(rig.card.played).any()


async def test_a_vanished_speaker_delays_no_turn() -> None:
    async with playing() as rig:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        voice = rig.mixer.play(tone(20.0), priority=1)
        await asyncio.sleep(5.0)
        rig.card.unplug()
        assert await voice.finished()
        assert loop.time() - begun_s == pytest.approx(20.0, abs=0.7)
        assert [type(event) for event in rig.events] == [AudioDeviceLost]


async def test_a_speaker_that_comes_back_is_told_and_heard_even_if_nothing_plays() -> None:
    async with playing() as rig:
        await rig.say(1.0)
        rig.card.unplug()
        await asyncio.sleep(30.0)
        rig.card.plug()
        await asyncio.sleep(11.0)
        assert [type(event) for event in rig.events] == [AudioDeviceLost, AudioDeviceRestored]
        rig.card.played.clear()
        assert await rig.say(1.0)
        assert np.concatenate(rig.card.played).any()


async def test_a_stalled_speaker_is_lost_and_the_voice_still_ends() -> None:
    async with playing() as rig:
        voice = rig.mixer.play(tone(10.0), priority=1)
        await asyncio.sleep(7.0)
        rig.card.frozen = True
        assert await voice.finished()
        lost = rig.events[0]
        assert isinstance(lost, AudioDeviceLost)
        assert lost.reason == "stalled"


async def test_without_a_speaker_voices_take_their_time_unheard() -> None:
    async with playing() as rig:
        rig.card.error = AudioError("no-output-device", "There is no speaker.")
        begun_s = asyncio.get_running_loop().time()
        assert await rig.say(3.0)
        assert asyncio.get_running_loop().time() - begun_s == pytest.approx(3.0, abs=0.1)
        assert [getattr(event, "reason", "") for event in rig.events] == ["no-output-device"]


async def test_a_missing_library_is_told_once_and_never_retried() -> None:
    async with playing() as rig:
        rig.card.error = AudioError("portaudio-missing", "no")
        assert await rig.say(1.0)
        await asyncio.sleep(100.0)
        assert await rig.say(1.0)
        assert rig.card.looks == 0
        assert len(rig.events) == 1


async def test_none_opens_nothing() -> None:
    async with playing(device="none") as rig:
        assert await rig.say(1.0)
        assert not rig.card.streams
        assert rig.events == []


async def test_a_withdrawn_speaker_is_reopened_untold() -> None:
    async with playing() as rig:
        voice = rig.mixer.play(tone(3.0), priority=1)
        await asyncio.sleep(1.0)
        rig.card.withdraw()
        assert await voice.finished()
        assert rig.events == []
        assert len(rig.card.streams) == 2
