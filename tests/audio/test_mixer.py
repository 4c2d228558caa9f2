"""The mixer's sound, sample by sample: levels, ducking, fades, volume, threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.audio.format import Chunk, Samples
from assistant.audio.mixer import Mixer
from assistant.audio.virtual import VirtualSpeaker

RATE_HZ = 48_000


async def constant(level: int, length_s: float = 5.0, rate_hz: int = RATE_HZ) -> AsyncGenerator[Chunk, None]:
    yield Chunk(np.full(round(length_s * rate_hz), level, np.int16), rate_hz)


async def nothing_yet() -> AsyncGenerator[Chunk, None]:
    await asyncio.Event().wait()
    yield Chunk(np.zeros(1, np.int16), RATE_HZ)


async def settle() -> None:
    """Let feeders fill their voices."""
    for _ in range(20):
        await asyncio.sleep(0)


def largest_step(samples: Samples) -> int:
    return int(np.abs(np.diff(samples.astype(np.int32))).max(initial=0))


async def test_silence_costs_nothing_and_is_shared() -> None:
    mixer = Mixer()
    first = mixer.render(960)
    assert not first.any()
    assert mixer.render(960) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


async def test_volume_is_a_square_law_and_changes_smoothly() -> None:
    mixer = Mixer(volume=50)
    mixer.play(constant(8000), priority=1)
    await settle()
    assert set(mixer.render(960)) == {2000}
    mixer.volume = 100
    changing = np.concatenate([mixer.render(960) for _ in range(5)])
    assert changing[-1] == 8000
    assert largest_step(changing) < 20
    mixer.volume = 0
    assert [mixer.render(960) for _ in range(5)][-1][-1] == 0
    await mixer.close()


@pytest.mark.parametrize("percent", [-1, 101, 1000])
def test_volume_outside_0_to_100_is_refused(percent: int) -> None:
    mixer = Mixer()
    with pytest.raises(ValueError, match="0 to 100"):
        mixer.volume = percent
    assert mixer.volume == 70


async def test_lower_priorities_are_ducked_smoothly_and_come_back() -> None:
    mixer = Mixer(volume=100, duck_db=20)
    mixer.play(constant(10_000, 60.0), priority=1)
    await settle()
    assert set(mixer.render(4800)) == {10_000}
    reply = mixer.play(constant(0, 0.5), priority=2)
    await settle()
    ducking = []
    for _ in range(25):
        ducking.append(mixer.render(960))
        await settle()
    assert ducking[-1][-1] == 1000
    assert largest_step(np.concatenate(ducking)) <= 5
    assert await reply.finished()
    after = []
    for _ in range(20):
        after.append(mixer.render(960))
        await settle()
    assert after[-1][-1] == 10_000
    assert largest_step(np.concatenate(after)) <= 5
    await mixer.close()


async def test_a_voice_that_waits_for_its_sound_ducks_nobody() -> None:
    mixer = Mixer(volume=100)
    mixer.play(constant(10_000), priority=1)
    mixer.play(nothing_yet(), priority=9)
    await settle()
    assert set(mixer.render(9600)) == {10_000}
    await mixer.close()


async def test_equal_priorities_share() -> None:
    mixer = Mixer(volume=100)
    mixer.play(constant(1000), priority=1)
    mixer.play(constant(2000), priority=1)
    await settle()
    assert set(mixer.render(960)) == {3000}
    await mixer.close()


async def test_stop_fades_within_20_ms() -> None:
    mixer = Mixer(volume=100)
    voice = mixer.play(constant(10_000), priority=1)
    await settle()
    mixer.render(960)
    voice.stop()
    end = mixer.render(4800)
    assert end[0] > 9_900
    assert largest_step(end) <= 12
    assert not end[960:].any()
    assert not await voice.finished()
    assert not mixer.playing
    assert voice.played_s == pytest.approx(0.04)


async def test_an_underrun_is_silence_and_the_voice_goes_on() -> None:
    mixer = Mixer(volume=100)
    more = asyncio.Event()

    async def halting() -> AsyncGenerator[Chunk, None]:
        yield Chunk(np.full(480, 5000, np.int16), RATE_HZ)
        await more.wait()
        yield Chunk(np.full(480, 6000, np.int16), RATE_HZ)

    voice = mixer.play(halting(), priority=1)
    await settle()
    assert np.count_nonzero(mixer.render(960)) == 480
    assert not mixer.render(960).any()
    assert mixer.playing
    more.set()
    await settle()
    assert mixer.render(960)[0] == 6000
    assert await voice.finished()
    assert voice.played_s == pytest.approx(0.02)


async def test_rates_may_change_within_a_voice_and_nothing_is_lost() -> None:
    mixer = Mixer(volume=100)

    async def mixed() -> AsyncGenerator[Chunk, None]:
        for rate_hz in (16_000, 22_050, 48_000, 22_050):
            yield Chunk(np.full(rate_hz // 10, 4000, np.int16), rate_hz)

    voice = mixer.play(mixed(), priority=1)
    speaker = VirtualSpeaker(mixer, realtime=False)
    running = asyncio.create_task(speaker.run())
    assert await voice.finished()
    running.cancel()
    assert voice.played_s == pytest.approx(0.4, abs=0.001)
    await asyncio.wait([running])


@pytest.mark.parametrize("rate_hz", [0, -1])
async def test_a_chunk_with_an_impossible_rate_ends_the_voice(rate_hz: int) -> None:
    mixer = Mixer()

    async def impossible() -> AsyncGenerator[Chunk, None]:
        yield Chunk(np.ones(100, np.int16), rate_hz)

    with pytest.raises(ValueError, match="rate"):
        await mixer.play(impossible(), priority=1).finished()


async def test_close_ends_every_voice_and_closes_its_source() -> None:
    mixer = Mixer()
    closed = []

    async def endless(name: str) -> AsyncGenerator[Chunk, None]:
        try:
            while True:
                yield Chunk(np.ones(4800, np.int16), RATE_HZ)
        finally:
            closed.append(name)

    voices = [mixer.play(endless(name), priority=1) for name in ("a", "b")]
    await settle()
    mixer.render(960)
    await mixer.close()
    assert [await voice.finished() for voice in voices] == [False, False]
    assert sorted(closed) == ["a", "b"]
    late = mixer.play(endless("c"), priority=1)
    assert not await late.finished()
    assert not mixer.playing


async def test_close_waits_for_the_source_of_a_voice_that_faded_out_already() -> None:
    mixer = Mixer()
    let_go, closed = asyncio.Event(), []

    async def slow_to_close() -> AsyncGenerator[Chunk, None]:
        try:
            while True:
                yield Chunk(np.ones(4800, np.int16), RATE_HZ)
        finally:
            await let_go.wait()
            closed.append(True)

    voice = mixer.play(slow_to_close(), priority=1)
    await settle()
    mixer.render(960)
    voice.stop()
    mixer.render(RATE_HZ)
    assert not mixer.playing
    closing = asyncio.create_task(mixer.close())
    await settle()
    assert not closing.done()
    let_go.set()
    await closing
    assert closed


async def test_a_source_that_fails_to_close_is_no_trouble() -> None:
    mixer = Mixer()

    async def clumsy() -> AsyncGenerator[Chunk, None]:
        try:
            while True:
                yield Chunk(np.ones(4800, np.int16), RATE_HZ)
        finally:
            raise OSError("no")

    voice = mixer.play(clumsy(), priority=1)
    await settle()
    mixer.render(960)
    voice.stop()
    mixer.render(960)
    assert not await voice.finished()
    await mixer.close()


@settings(max_examples=60)
@given(
    levels=st.lists(st.integers(-32768, 32767), min_size=1, max_size=6),
    volume=st.integers(0, 100),
    blocks=st.lists(st.integers(1, 3000), min_size=1, max_size=12),
)
def test_sums_are_clipped_and_never_wrap(levels: list[int], volume: int, blocks: list[int]) -> None:
    async def run() -> None:
        mixer = Mixer(volume=volume)
        for level in levels:
            mixer.play(constant(level, 1.0), priority=1)
        await settle()
        heard = np.concatenate([mixer.render(frames) for frames in blocks]).astype(np.int32)
        wanted = min(max(sum(levels) * (volume / 100) ** 2, -32768), 32767)
        assert np.abs(heard - wanted).max() <= 2 + abs(wanted) * 1e-5
        await mixer.close()

    asyncio.run(run())


@settings(max_examples=40)
@given(
    blocks=st.lists(st.integers(1, 4000), min_size=1, max_size=20), lengths=st.lists(st.integers(0, 5000), max_size=8)
)
def test_every_sample_is_rendered_once_in_order(blocks: list[int], lengths: list[int]) -> None:
    async def run() -> None:
        ramp = np.arange(1, sum(lengths) + 1).astype(np.int16)

        async def pieces() -> AsyncGenerator[Chunk, None]:
            at = 0
            for length in lengths:
                yield Chunk(ramp[at : at + length], RATE_HZ)
                at += length

        mixer = Mixer(volume=100)
        voice = mixer.play(pieces(), priority=1)
        heard = []
        for frames in [*blocks, *[4000] * 12]:
            await settle()
            heard.append(mixer.render(frames))
        assert await voice.finished()
        played = np.concatenate(heard)
        assert np.array_equal(played[: len(ramp)], ramp)
        assert not played[len(ramp) :].any()
        assert voice.played_s == len(ramp) / RATE_HZ

    asyncio.run(run())


@pytest.mark.real_time
async def test_rendering_in_another_thread_loses_and_leaks_nothing() -> None:
    mixer = Mixer(volume=100)
    go_on = True
    heard = 0

    def card() -> None:
        nonlocal heard
        while go_on:
            heard += int(np.count_nonzero(mixer.render(441)))

    thread = threading.Thread(target=card, daemon=True)
    thread.start()
    voices = [mixer.play(constant(100 + n, 0.5), priority=n) for n in range(4)]
    stopped = mixer.play(constant(50, 60.0), priority=1)
    await stopped.started()
    stopped.stop()
    async with asyncio.timeout(10):
        assert await asyncio.gather(*(voice.finished() for voice in voices)) == [True] * 4
        assert not await stopped.finished()
    assert [voice.played_s for voice in voices] == [0.5] * 4
    go_on = False
    thread.join()
    assert heard >= 24_000
    await mixer.close()


async def test_a_hurried_speaker_records_the_sound_without_gaps() -> None:
    mixer = Mixer(volume=100)

    async def slow() -> AsyncGenerator[Chunk, None]:
        for level in (1000, 2000, 3000):
            await asyncio.sleep(3.0)
            yield Chunk(np.full(48_000, level, np.int16), RATE_HZ)

    speaker = VirtualSpeaker(mixer, realtime=False)
    running = asyncio.create_task(speaker.run())
    assert await mixer.play(slow(), priority=1).finished()
    recorded = speaker.recorded()
    assert recorded.rate_hz == RATE_HZ
    assert recorded.samples.tolist() == [1000] * 48_000 + [2000] * 48_000 + [3000] * 48_000
    speaker.forget()
    assert not len(speaker.recorded().samples)
    running.cancel()
    await asyncio.wait([running])


async def test_the_recording_is_bounded() -> None:
    mixer = Mixer(volume=100)
    speaker = VirtualSpeaker(mixer, realtime=True, longest_s=1.0)
    running = asyncio.create_task(speaker.run())
    assert await mixer.play(constant(1000, 3.0), priority=1).finished()
    assert speaker.recorded().duration_s == pytest.approx(1.0)
    running.cancel()
    await asyncio.wait([running])


async def test_what_must_be_heard_is_not_muted() -> None:
    mixer = Mixer(16_000, volume=0)

    async def tone() -> AsyncGenerator[Chunk]:
        yield Chunk(np.full(1600, 10_000, np.int16), 16_000)

    quiet, loud = mixer.play(tone(), priority=20), mixer.play(tone(), priority=10, at_least=50)
    await asyncio.sleep(0.01)
    heard = mixer.render(1600)
    assert quiet.priority > loud.priority
    assert 0 < int(np.abs(heard).max()) <= 2500
    await mixer.close()
