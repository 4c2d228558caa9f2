"""What every MusicPort does: the fake, and the device's own player with real files."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from assistant.audio.mixer import Mixer
from assistant.audio.music import MusicPlayer
from assistant.audio.virtual import VirtualSpeaker
from assistant.errors import AudioError
from assistant.media import MusicPort, Playing, Track
from tests.fakes import FakeMusic
from tests.music import tune

Make = Callable[[Path], AbstractAsyncContextManager[MusicPort]]

pytestmark = pytest.mark.real_time


@contextlib.asynccontextmanager
async def fake(folder: Path) -> AsyncIterator[MusicPort]:
    blue, broken = folder / "Coltrane" / "01 Blue Train.mp3", folder / "Coltrane" / "02 Broken.mp3"
    yield FakeMusic(
        Track("Blue Train", str(blue), words=frozenset({"coltrane", "01", "blue", "train"})),
        Track("Broken", FakeMusic.BROKEN, words=frozenset({"coltrane", "02", broken.stem.casefold(), "broken"})),
        Track("Jazz FM", "http://127.0.0.1:9/", live=True, words=frozenset({"jazz", "fm"})),
    )


@contextlib.asynccontextmanager
async def real(folder: Path) -> AsyncIterator[MusicPort]:
    tune(folder / "Coltrane" / "01 Blue Train.mp3", seconds=30)
    (folder / "Coltrane" / "02 Broken.mp3").write_bytes(b"not music")
    mixer = Mixer(48_000, volume=100)
    speaker = VirtualSpeaker(mixer, realtime=False)
    running = asyncio.create_task(speaker.run())
    stations = [Track("Jazz FM", "http://127.0.0.1:9/", live=True, words=frozenset({"jazz", "fm"}))]
    player = MusicPlayer(mixer, stations, [folder, folder / "missing"], lambda _state, _title: None)
    try:
        yield player
    finally:
        await player.close()
        await mixer.close()
        running.cancel()
        await asyncio.wait([running])


@pytest.fixture(params=[fake, real])
def make(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


async def test_what_is_found(make: Make, tmp_path: Path) -> None:
    async with make(tmp_path) as music:
        titles = {query: [track.title for track in await music.find(query)] for query in
                  ("", "blue train", "Coltrane", "jazz fm", "jazz", "blu trane", "mozart")}  # fmt: skip
        assert titles == {
            "": ["Blue Train", "Broken", "Jazz FM"],
            "blue train": ["Blue Train"],
            "Coltrane": ["Blue Train", "Broken"],
            "jazz fm": ["Jazz FM"],
            "jazz": ["Jazz FM"],
            "blu trane": ["Blue Train"],
            "mozart": [],
        }


async def test_played_paused_and_stopped(make: Make, tmp_path: Path) -> None:
    async with make(tmp_path) as music:
        assert music.playing is None
        tracks = await music.find("coltrane")
        await music.put(Playing(tracks))
        assert music.playing is not None
        assert (music.playing.track.title, music.playing.paused) == ("Blue Train", False)
        await music.put(Playing(tracks, at_s=12.0, paused=True))
        assert music.playing == Playing(tracks, at_s=12.0, paused=True)
        await music.put(Playing(tracks, at_s=12.0))
        assert music.playing.at_s >= 12.0
        await music.put(None)
        assert music.playing is None


async def test_what_cant_be_played(make: Make, tmp_path: Path) -> None:
    """It is left out where there is more, else it is said; afterwards nothing is played."""
    async with make(tmp_path) as music:
        blue, broken = await music.find("coltrane")
        await music.put(Playing((broken, blue)))
        assert music.playing is not None
        assert music.playing.index == 1
        with pytest.raises(AudioError) as caught:
            await music.put(Playing((broken,)))
        assert caught.value.code == "media-unreadable"
        assert music.playing is None
