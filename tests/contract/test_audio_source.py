"""What every AudioSource does: the fake, the virtual microphone in all its ways, and a microphone on a sound card."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import numpy as np
import pytest

from assistant.audio.capture import MicrophoneSource
from assistant.audio.format import CHUNK_S, CHUNK_SAMPLES, RATE_HZ, Chunk, Samples, rms_dbfs
from assistant.audio.virtual import VirtualMicrophone, file_source
from assistant.dialog.ports import AudioSource
from tests.fakes import FakeAudioSource, FakeSoundCard

Make = Callable[[], AbstractAsyncContextManager[AudioSource]]


def tone(rate_hz: int = RATE_HZ, *, length_s: float = 1.0) -> Samples:
    """500 Hz at -12 dBFS peak; whole periods in a second."""
    t = np.arange(round(rate_hz * length_s)) / rate_hz
    samples: Samples = (8192 * np.sin(2 * np.pi * 500 * t)).astype(np.int16)
    return samples


@contextlib.asynccontextmanager
async def fake() -> AsyncIterator[AudioSource]:
    yield FakeAudioSource(tone(length_s=3.0))


@contextlib.asynccontextmanager
async def hurried() -> AsyncIterator[AudioSource]:
    yield file_source(Chunk(tone(length_s=3.0), RATE_HZ), realtime=False)


@contextlib.asynccontextmanager
async def paced() -> AsyncIterator[AudioSource]:
    microphone = VirtualMicrophone(realtime=True)
    microphone.say(Chunk(tone(44_100, length_s=3.0), 44_100))
    yield microphone


def card(rate_hz: int) -> Make:
    @contextlib.asynccontextmanager
    async def make() -> AsyncIterator[AudioSource]:
        sound_card = FakeSoundCard(rate_hz)
        sound_card.signal = tone(rate_hz)
        running = asyncio.create_task(sound_card.run())
        yield MicrophoneSource(sound_card, "", lambda _: None)
        running.cancel()
        await asyncio.wait([running])

    return make


SOURCES: dict[str, Make] = {
    "fake": fake,
    "virtual-hurried": hurried,
    "virtual-paced": paced,
    "card-16k": card(16_000),
    "card-44k1": card(44_100),
    "card-48k": card(48_000),
    "card-8k": card(8_000),
}


@pytest.fixture(params=SOURCES)
def make(request: pytest.FixtureRequest) -> Make:
    return SOURCES[request.param]


TWO_SECONDS = round(2.0 / CHUNK_S)


async def read(source: AudioSource, count: int) -> list[Chunk]:
    """The first `count` chunks; the source is closed as a reader that stops does it."""
    chunks: list[Chunk] = []
    async with contextlib.aclosing(source.chunks()) as sound:  # type: ignore[type-var]
        async for chunk in sound:
            chunks.append(chunk)
            if len(chunks) == count:
                break
    return chunks


async def test_chunks_have_the_one_size_and_rate(make: Make) -> None:
    async with make() as source:
        chunks = await read(source, TWO_SECONDS)
    assert len(chunks) == TWO_SECONDS
    assert {(len(chunk.samples), chunk.rate_hz, chunk.samples.dtype.str) for chunk in chunks} == {
        (CHUNK_SAMPLES, RATE_HZ, "<i2")
    }


async def test_sound_arrives_whole_in_order_and_at_its_level(make: Make) -> None:
    async with make() as source:
        chunks = await read(source, TWO_SECONDS)
    heard = np.concatenate([chunk.samples for chunk in chunks])[3200:]
    assert rms_dbfs(heard) == pytest.approx(-15.05, abs=0.1)
    spectrum = np.abs(np.fft.rfft(heard[:28_800] * np.hanning(28_800)))
    peak = int(spectrum.argmax())
    assert peak * RATE_HZ / 28_800 == pytest.approx(500, abs=1)
    outside = np.concatenate([spectrum[: peak - 20], spectrum[peak + 20 :]])
    assert outside.max() < spectrum[peak] / 1000, "a gap or a repetition would splatter"


async def test_a_reader_may_stop_and_another_begin(make: Make) -> None:
    async with make() as source:
        assert len(await read(source, 10)) == 10
        assert len(await read(source, 10)) == 10


async def test_a_cancelled_reader_leaves_nothing_behind(make: Make) -> None:
    async with make() as source:
        reader = asyncio.create_task(read(source, 1_000_000))
        await asyncio.sleep(0.1)
        reader.cancel()
        await asyncio.wait([reader])
        assert reader.cancelled() or reader.exception() is None


@pytest.mark.parametrize("name", ["virtual-paced", "card-16k", "card-48k"])
async def test_a_reader_that_falls_behind_loses_the_oldest_and_it_is_counted(name: str) -> None:
    async with SOURCES[name]() as source:
        assert isinstance(source, VirtualMicrophone | MicrophoneSource)
        loop = asyncio.get_running_loop()
        async with contextlib.aclosing(source.chunks()) as sound:
            await anext(sound)
            await asyncio.sleep(12.0)
            begun_s = loop.time()
            late = 0
            while loop.time() - begun_s < 0.001:
                await anext(sound)
                late += 1
            assert late * CHUNK_S == pytest.approx(5.0, abs=0.1)
            assert source.dropped_s == pytest.approx(7.0, abs=0.1)
