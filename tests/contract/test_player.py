"""What every Player does: the fake, the mixer on a virtual speaker, on a sound card, and on no device at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import numpy as np
import pytest

from assistant.audio.format import Chunk
from assistant.audio.mixer import Mixer
from assistant.audio.playback import SpeakerSink
from assistant.audio.virtual import VirtualSpeaker
from assistant.dialog.ports import Player
from assistant.errors import AudioError, SpeechError
from tests.fakes import FakePlayer, FakeSoundCard

Make = Callable[[], AbstractAsyncContextManager[Player]]


@contextlib.asynccontextmanager
async def fake() -> AsyncIterator[Player]:
    yield FakePlayer()


@contextlib.asynccontextmanager
async def virtual() -> AsyncIterator[Player]:
    mixer = Mixer()
    running = asyncio.create_task(VirtualSpeaker(mixer, realtime=True).run())
    yield mixer
    await mixer.close()
    running.cancel()
    await asyncio.wait([running])


def sink(card: FakeSoundCard, device: str = "") -> Make:
    @contextlib.asynccontextmanager
    async def make() -> AsyncIterator[Player]:
        mixer = Mixer()
        speaker = SpeakerSink(card, device, mixer, lambda _: None)
        running = [asyncio.create_task(speaker.run()), asyncio.create_task(card.run())]
        yield mixer
        await mixer.close()
        for task in running:
            task.cancel()
        await asyncio.wait(running)

    return make


def broken_card() -> FakeSoundCard:
    card = FakeSoundCard()
    card.error = AudioError("no-output-device", "There is no speaker.")
    return card


PLAYERS: dict[str, Callable[[], Make]] = {
    "fake": lambda: fake,
    "virtual": lambda: virtual,
    "card-48k": lambda: sink(FakeSoundCard(48_000)),
    "card-44k1": lambda: sink(FakeSoundCard(44_100)),
    "card-lost": lambda: sink(broken_card()),
    "none": lambda: sink(FakeSoundCard(), "none"),
}


@pytest.fixture(params=PLAYERS)
def make(request: pytest.FixtureRequest) -> Make:
    return PLAYERS[request.param]()


class Speech:
    """An iterator of sound that tells how far it was read and whether it was closed."""

    def __init__(self, lengths_s: list[float], *, gap_s: float = 0.0, error: Exception | None = None) -> None:
        self._lengths_s = lengths_s
        self._gap_s = gap_s
        self._error = error
        self.read_s = 0.0
        self.closed = False

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        try:
            for length_s in self._lengths_s:
                await asyncio.sleep(self._gap_s)
                self.read_s += length_s
                yield Chunk(np.full(round(22_050 * length_s), 3000, np.int16), 22_050)
            if self._error:
                raise self._error
        finally:
            self.closed = True


async def test_plays_to_the_end_in_its_own_time(make: Make) -> None:
    async with make() as player:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        handle = player.play(Speech([1.0, 0.5]).chunks(), priority=1)
        await handle.started()
        assert handle.played_s < 0.2
        assert await handle.finished()
        assert handle.played_s == pytest.approx(1.5, abs=0.01)
        assert loop.time() - begun_s == pytest.approx(1.5, abs=0.2)
        assert await handle.finished(), "asking again gives the same"


async def test_stop_ends_it_at_once_and_closes_its_source(make: Make) -> None:
    async with make() as player:
        speech = Speech([0.5] * 20)
        handle = player.play(speech.chunks(), priority=1)
        await handle.started()
        await asyncio.sleep(0.8)
        handle.stop()
        handle.stop()
        asked_s = asyncio.get_running_loop().time()
        assert not await handle.finished()
        assert asyncio.get_running_loop().time() - asked_s <= 0.1
        assert handle.played_s == pytest.approx(0.8, abs=0.15)
        await asyncio.sleep(0)
        assert speech.closed


async def test_stop_before_the_first_sound(make: Make) -> None:
    async with make() as player:
        handle = player.play(Speech([1.0], gap_s=60.0).chunks(), priority=1)
        handle.stop()
        await handle.started()
        assert not await handle.finished()
        assert handle.played_s == 0


async def test_stop_after_the_end_changes_nothing(make: Make) -> None:
    async with make() as player:
        handle = player.play(Speech([0.1]).chunks(), priority=1)
        await handle.finished()
        handle.stop()
        assert await handle.finished()


async def test_nothing_to_play_is_played_to_the_end(make: Make) -> None:
    async with make() as player:
        handle = player.play(Speech([]).chunks(), priority=1)
        await handle.started()
        assert await handle.finished()
        assert handle.played_s == 0


async def test_an_error_of_the_source_is_raised_after_what_came_before_it(make: Make) -> None:
    async with make() as player:
        speech = Speech([0.4], error=SpeechError("voice-failed", "The voice failed."))
        handle = player.play(speech.chunks(), priority=1)
        with pytest.raises(SpeechError, match="voice-failed"):
            await handle.finished()
        assert handle.played_s == pytest.approx(0.4, abs=0.01)
        assert speech.closed


async def test_a_slow_source_is_waited_for(make: Make) -> None:
    async with make() as player:
        handle = player.play(Speech([0.2] * 4, gap_s=0.6).chunks(), priority=1)
        assert await handle.finished()
        assert handle.played_s == pytest.approx(0.8, abs=0.01)


async def test_a_fast_source_is_held_back(make: Make) -> None:
    async with make() as player:
        speech = Speech([0.25] * 400)
        handle = player.play(speech.chunks(), priority=1)
        await handle.started()
        await asyncio.sleep(2.0)
        assert speech.read_s <= handle.played_s + 2.0
        handle.stop()
        await handle.finished()


async def test_several_voices_play_at_once(make: Make) -> None:
    async with make() as player:
        begun_s = asyncio.get_running_loop().time()
        handles = [player.play(Speech([1.0]).chunks(), priority=priority) for priority in (1, 2, 2)]
        assert await asyncio.gather(*(handle.finished() for handle in handles)) == [True] * 3
        assert asyncio.get_running_loop().time() - begun_s == pytest.approx(1.0, abs=0.3)
