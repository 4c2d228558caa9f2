"""The virtual microphone: what is said while it runs, its room, its pace."""

from __future__ import annotations

import asyncio
import contextlib
import math

import numpy as np
import pytest

from assistant.audio.format import CHUNK_S, RATE_HZ, Chunk, rms_dbfs
from assistant.audio.virtual import VirtualMicrophone, file_source


async def everything(microphone: VirtualMicrophone) -> np.ndarray:
    return np.concatenate([chunk.samples async for chunk in microphone.chunks()] or [np.zeros(0, np.int16)])


def level(value: int, length_s: float, rate_hz: int = RATE_HZ) -> Chunk:
    return Chunk(np.full(round(length_s * rate_hz), value, np.int16), rate_hz)


@pytest.mark.parametrize("realtime", [True, False])
async def test_a_file_is_read_whole_then_silence_then_it_ends(realtime: bool) -> None:
    begun_s = asyncio.get_running_loop().time()
    heard = await everything(file_source(level(5000, 1.01), realtime=realtime, then_silence_s=0.5))
    took_s = asyncio.get_running_loop().time() - begun_s
    assert took_s == pytest.approx(len(heard) / RATE_HZ if realtime else 0.0, abs=CHUNK_S)
    assert np.count_nonzero(heard == 5000) == round(1.01 * RATE_HZ)
    assert len(heard) == pytest.approx(1.51 * RATE_HZ, abs=CHUNK_S * RATE_HZ), "in whole chunks"
    assert rms_dbfs(heard[-4000:]) < -60


async def test_words_can_be_put_in_while_it_runs() -> None:
    microphone = VirtualMicrophone(realtime=True)
    reading = asyncio.create_task(everything(microphone))
    await asyncio.sleep(2.0)
    microphone.say(level(1000, 0.5))
    microphone.say(level(2000, 0.5))
    await microphone.said()
    await asyncio.sleep(2.0)
    microphone.say(level(3000, 0.5))
    microphone.end()
    heard = await reading
    begins = [int(np.flatnonzero(heard == value)[0]) / RATE_HZ for value in (1000, 2000, 3000)]
    assert begins == pytest.approx([2.0, 2.5, 5.0], abs=0.1)
    assert microphone.given_s == pytest.approx(len(heard) / RATE_HZ)


async def test_in_a_hurry_it_waits_for_words_instead_of_making_silence() -> None:
    microphone = VirtualMicrophone(realtime=False)
    reading = asyncio.create_task(everything(microphone))
    await asyncio.sleep(100.0)
    assert microphone.given_s == 0
    microphone.say(level(1000, 10 * CHUNK_S, 48_000))
    await microphone.said()
    microphone.pause(5 * CHUNK_S)
    microphone.end()
    assert len(await reading) == round(15 * CHUNK_S * RATE_HZ)


async def test_the_room_has_a_tone_unless_it_is_dead() -> None:
    for dbfs, loudest in ((-60.0, -59.0), (None, -119.0)):
        microphone = VirtualMicrophone(realtime=False, room_tone_dbfs=dbfs)
        microphone.pause(5.0)
        microphone.end()
        heard = await everything(microphone)
        assert len(heard) == 5 * RATE_HZ
        assert rms_dbfs(heard) <= loudest
        assert heard.any() == (dbfs is not None)


@pytest.mark.real_time
async def test_real_time_is_real_time() -> None:
    microphone = VirtualMicrophone(realtime=True)
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    async with contextlib.aclosing(microphone.chunks()) as chunks:
        for _ in range(math.ceil(0.5 / CHUNK_S)):
            await anext(chunks)
    assert 0.5 <= loop.time() - begun_s < 1.5
