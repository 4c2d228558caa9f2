"""The microphone through losses, silence and backlog, on a sound card that can be unplugged. In virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.audio.capture import Handoff, MicrophoneSource, SilenceWatch
from assistant.audio.format import CHUNK_S, Chunk
from assistant.backoff import Backoff
from assistant.errors import AudioError
from assistant.events import AudioDeviceLost, AudioDeviceRestored, Event, Failed
from tests.fakes import FakeSoundCard


class Rig:
    """A microphone being read, and what it published when."""

    def __init__(self) -> None:
        self.card = FakeSoundCard()
        self.events: list[tuple[float, Event]] = []
        self.source = MicrophoneSource(self.card, "", self._publish)
        self.chunks = 0
        self._begun_s = asyncio.get_running_loop().time()

    def now_s(self) -> float:
        return asyncio.get_running_loop().time() - self._begun_s

    def _publish(self, event: Event) -> None:
        self.events.append((self.now_s(), event))

    async def read(self) -> None:
        async for _ in self.source.chunks():
            self.chunks += 1

    @property
    def told(self) -> list[str]:
        return [type(event).__name__ for _, event in self.events]


@contextlib.asynccontextmanager
async def reading() -> AsyncIterator[Rig]:
    rig = Rig()
    tasks = [asyncio.create_task(rig.card.run()), asyncio.create_task(rig.read())]
    yield rig
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert not rig.card.open_streams, "a reader that leaves closes the device"


async def test_a_healthy_microphone_has_nothing_to_tell() -> None:
    async with reading() as rig:
        await asyncio.sleep(60.0)
        assert rig.told == []
        assert rig.chunks * CHUNK_S == pytest.approx(60.0, abs=0.15)
        assert len(rig.card.streams) == 1
        assert rig.source.dropped_s == 0


async def test_a_vanished_device_is_told_once_looked_for_and_told_back() -> None:
    async with reading() as rig:
        await asyncio.sleep(10.0)
        rig.card.unplug()
        await asyncio.sleep(60.0)
        assert rig.told == ["AudioDeviceLost"]
        before = rig.chunks
        rig.card.plug()
        await asyncio.sleep(11.0)
        (lost_s, lost), (_, restored) = rig.events
        assert isinstance(lost, AudioDeviceLost)
        assert isinstance(restored, AudioDeviceRestored)
        assert (lost.reason, lost.device) == ("stopped", "Fake Card")
        assert lost_s == pytest.approx(10.0, abs=0.1)
        assert 60.0 <= restored.lost_s <= 70.5
        assert rig.chunks > before


async def test_attempts_become_rarer_down_to_one_in_ten_seconds() -> None:
    async with reading() as rig:
        await asyncio.sleep(1.0)
        rig.card.unplug()
        looks = []
        for _ in range(5):
            await asyncio.sleep(20.0)
            looks.append(rig.card.looks)
        assert looks[0] == 5, "after 0.5, 1.5, 3.5, 7.5 and 15.5 s"
        assert looks[4] - looks[3] == 2


async def test_a_stalled_stream_is_lost_after_a_second() -> None:
    async with reading() as rig:
        await asyncio.sleep(10.0)
        rig.card.frozen = True
        await asyncio.sleep(1.2)
        assert [(type(e).__name__, getattr(e, "reason", "")) for _, e in rig.events] == [("AudioDeviceLost", "stalled")]
        await asyncio.sleep(0.5)
        rig.card.frozen = False
        await asyncio.sleep(2.0)
        assert rig.told == ["AudioDeviceLost", "AudioDeviceRestored"]


async def test_a_device_may_take_seconds_to_its_first_sound() -> None:
    rig = Rig()
    rig.card.frozen = True
    reader = asyncio.create_task(rig.read())
    await asyncio.sleep(4.5)
    assert rig.told == []
    await asyncio.sleep(1.0)
    assert rig.told == ["AudioDeviceLost"]
    reader.cancel()
    await asyncio.wait([reader])


async def test_without_a_device_at_the_start_it_waits_for_one() -> None:
    rig = Rig()
    rig.card.unplug()
    tasks = [asyncio.create_task(rig.card.run()), asyncio.create_task(rig.read())]
    await asyncio.sleep(30.0)
    assert [getattr(event, "reason", "") for _, event in rig.events] == ["no-input-device"]
    rig.card.plug()
    await asyncio.sleep(11.0)
    assert rig.told == ["AudioDeviceLost", "AudioDeviceRestored"]
    assert rig.chunks > 0
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_a_withdrawn_stream_is_reopened_at_once_and_untold() -> None:
    async with reading() as rig:
        await asyncio.sleep(5.0)
        rig.card.withdraw()
        await asyncio.sleep(5.0)
        assert rig.told == []
        assert len(rig.card.streams) == 2
        assert rig.chunks * CHUNK_S == pytest.approx(10.0, abs=0.2)


async def test_a_missing_library_is_raised_for_nothing_can_cure_it() -> None:
    rig = Rig()
    rig.card.error = AudioError("portaudio-missing", "no")
    with pytest.raises(AudioError, match="portaudio-missing"):
        await rig.read()


async def test_a_dead_microphone_is_told_once_and_again_after_it_lived() -> None:
    async with reading() as rig:
        alive = rig.card.signal
        for _ in range(2):
            rig.card.signal = np.zeros(4800, np.int16)
            await asyncio.sleep(9.5)
            told_before = len(rig.events)
            await asyncio.sleep(1.0)
            assert len(rig.events) == told_before + 1
            await asyncio.sleep(60.0)
            assert len(rig.events) == told_before + 1
            rig.card.signal = alive
            await asyncio.sleep(1.0)
        assert {event.code for _, event in rig.events if isinstance(event, Failed)} == {"microphone-silent"}
        assert rig.told == ["Failed", "Failed"]


@given(st.lists(st.tuples(st.integers(1, 4000), st.booleans()), max_size=60))
def test_silence_watch_counts_samples(blocks: list[tuple[int, bool]]) -> None:
    watch = SilenceWatch(limit_s=1.0)
    zeros, told = 0, False
    for length, alive in blocks:
        samples = np.zeros(length, np.int16)
        if alive:
            samples[-1] = 1
            zeros, told = 0, False
        else:
            zeros += length
        expected = zeros >= 16_000 and not told
        told = told or expected
        assert watch.feed(Chunk(samples, 16_000)) == expected


def test_backoff_doubles_from_half_a_second_to_ten() -> None:
    backoff = Backoff()
    assert [backoff.next_s() for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert backoff.next_s() == 0.5


@pytest.mark.real_time
async def test_blocks_cross_threads_in_order() -> None:
    handoff = Handoff(asyncio.get_running_loop())

    def card() -> None:
        for number in range(2000):
            handoff.push(Chunk(np.full(16, number, np.int16), 16_000))
        handoff.end()

    thread = threading.Thread(target=card, daemon=True)
    thread.start()
    numbers = []
    while (block := await handoff.next(5.0)) is not None:
        numbers.append(int(block.samples[0]))
    thread.join()
    assert numbers == list(range(2000))


async def test_a_closed_loop_is_no_trouble_for_the_card() -> None:
    loop = asyncio.new_event_loop()
    handoff = Handoff(loop)
    loop.close()
    handoff.push(Chunk(np.zeros(16, np.int16), 16_000))
    handoff.end()
