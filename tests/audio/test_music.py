"""The device's own music: real files and streams through the mixer, and everything that may be wrong with them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from assistant.audio import music as music_module
from assistant.audio.decode import RATE_HZ, Reader
from assistant.audio.format import Chunk, rms_dbfs
from assistant.audio.mixer import Mixer
from assistant.audio.music import MusicPlayer, files_in
from assistant.audio.virtual import VirtualSpeaker
from assistant.config import Config, load_config
from assistant.errors import AudioError, BusyError
from assistant.events import MusicChanged
from assistant.media import Playing, Track
from tests.house import open_house
from tests.music import tune
from tests.until import until

pytestmark = pytest.mark.real_time


def sound_of(reader: Reader) -> Chunk:
    parts = []
    while chunk := reader.read():
        parts.append(chunk.samples)
    reader.close()
    return Chunk(np.concatenate(parts), RATE_HZ)


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "ogg", "opus"])
def test_a_file_is_read_whole_and_at_its_own_loudness(kind: str, tmp_path: Path) -> None:
    rate_hz = 48_000 if kind == "opus" else 44_100
    sound = sound_of(Reader(str(tune(tmp_path / f"a.{kind}", seconds=2.0, rate_hz=rate_hz))))
    assert len(sound.samples) / sound.rate_hz == pytest.approx(2.0, abs=0.08)
    assert rms_dbfs(sound.samples[RATE_HZ // 2 : RATE_HZ]) == pytest.approx(-15.05, abs=0.5)


def test_a_file_is_read_from_the_middle(tmp_path: Path) -> None:
    sound = sound_of(Reader(str(tune(tmp_path / "a.flac", seconds=5.0)), 4.0))
    assert len(sound.samples) / sound.rate_hz == pytest.approx(1.0, abs=0.15)


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b"", b"not music", b"ID3\x04" + b"\xff" * 400, b"RIFF\x00\x00\x00\x00WAVE"])
def test_files_that_are_no_music(content: bytes, tmp_path: Path) -> None:
    path = _written(tmp_path / "a.mp3", content)
    with pytest.raises(AudioError) as caught:
        Reader(str(path)).read()
    assert (caught.value.code, caught.value.retryable) == ("media-unreadable", False)


def test_a_file_that_is_gone_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.mp3", tmp_path):
        with pytest.raises(AudioError) as caught:
            Reader(str(path))
        assert caught.value.code == "media-unreadable"


def test_titles_and_folders(tmp_path: Path) -> None:
    for name in ("Miles Davis/Kind of Blue/03 - Blue in Green.flac", "loose_track.ogg", "cover.jpg", ".hidden.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = list(files_in([tmp_path, tmp_path / "missing"]))
    assert [track.title for track in found] == ["loose track", "Blue in Green"]
    assert found[1].words == {"miles", "davis", "kind", "of", "blue", "03", "in", "green"}


class Station:
    """A radio station on loopback: a tone for as long as it is told to."""

    def __init__(self, sound: bytes) -> None:
        self._sound = sound
        self.listeners = 0
        self.breaks = 0
        """So many listeners are cut off in the middle."""
        self.silent = False
        self.url = ""

    async def listen(self, request: web.Request) -> web.StreamResponse:
        self.listeners += 1
        response = web.StreamResponse(headers={"Content-Type": "audio/mpeg"})
        await response.prepare(request)
        if self.silent:
            await asyncio.sleep(3600)
        await response.write(self._sound)
        if self.listeners > self.breaks:
            await asyncio.sleep(3600)
        return response


@contextlib.asynccontextmanager
async def on_air(folder: Path) -> AsyncIterator[Station]:
    station = Station(tune(folder / "radio.mp3", seconds=6.0).read_bytes())
    app = web.Application()
    app.router.add_get("/radio", station.listen)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    station.url = f"http://127.0.0.1:{runner.addresses[0][1]}/radio"
    try:
        yield station
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def player(*stations: Track) -> AsyncIterator[tuple[MusicPlayer, list[tuple[str, str]]]]:
    told: list[tuple[str, str]] = []
    mixer = Mixer(48_000, volume=100)
    running = asyncio.create_task(VirtualSpeaker(mixer, realtime=False).run())
    music = MusicPlayer(mixer, stations, [], lambda state, title: told.append((state, title)))
    try:
        yield music, told
    finally:
        await music.close()
        await mixer.close()
        running.cancel()
        await asyncio.wait([running])


async def test_a_station_that_breaks_off_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(music_module, "RETRY_S", 0.01)
    async with on_air(tmp_path) as station:
        station.breaks = 2
        radio = Track("Radio", station.url, live=True)
        async with player(radio) as (music, told):
            await music.put(Playing((radio,)))
            await until(lambda: station.listeners == 3)
            assert told == [("playing", "Radio")]
            await music.put(None)
            assert told[-1] == ("idle", "")


async def test_a_station_that_is_gone_or_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(music_module, "START_TIMEOUT_S", 0.3)
    async with on_air(tmp_path) as station:
        station.silent = True
        for url in (station.url, "http://127.0.0.1:9/radio", station.url.replace("radio", "nothing")):
            async with player() as (music, told):
                with pytest.raises(AudioError) as caught:
                    await music.put(Playing((Track("Radio", url, live=True),)))
                assert (caught.value.code, caught.value.retryable) == ("media-offline", True)
                assert music.playing is None
                assert told == []


async def test_a_stream_leads_to_no_file_of_the_device(tmp_path: Path) -> None:
    tune(tmp_path / "secret.wav")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{tmp_path}/secret.wav\n#EXT-X-ENDLIST\n"

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=playlist, content_type="application/vnd.apple.mpegurl")

    app = web.Application()
    app.router.add_get("/list.m3u8", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with player() as (music, _):
            with pytest.raises(AudioError):
                await music.put(
                    Playing((Track("Radio", f"http://127.0.0.1:{runner.addresses[0][1]}/list.m3u8", live=True),))
                )
    finally:
        await runner.cleanup()


async def test_a_player_that_is_too_busy_says_so_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not left in a state of playing something that nobody hears."""

    def busy(*_: object) -> Reader:
        raise BusyError("music")

    monkeypatch.setattr(music_module, "Reader", busy)
    async with player() as (music, told):
        with pytest.raises(AudioError) as caught:
            await music.put(Playing((Track("one", str(tune(tmp_path / "one.flac"))),)))
        assert caught.value.code == "media-unreadable", "not that it took too long"
        assert music.playing is None
        assert told == []


async def test_one_after_the_other(tmp_path: Path) -> None:
    tracks = tuple(Track(name, str(tune(tmp_path / f"{name}.flac", seconds=0.5))) for name in ("one", "two"))
    async with player() as (music, told):
        await music.put(Playing(tracks))
        await until(lambda: music.playing is None)
        assert told == [("playing", "one"), ("playing", "two"), ("idle", "")]


async def test_a_whole_assistant(tmp_path: Path, config: Config) -> None:
    """Asked by text, heard from the speaker; it is turned down while somebody is listened to, and stops when told."""
    tune(tmp_path / "Holst" / "Jupiter.flac", seconds=60)
    settings = [f'media.folders=["{tmp_path}"]', "audio.volume=100", "wake.chime=false"]
    async with open_house(load_config(config.paths, settings)) as house:

        async def ask(text: str) -> str:
            record = await house.assistant.ask(
                text=text, audio=None, source="text", speak=False, on_audio=None, on_event=None
            )
            return record.reply

        assert await ask("play jupiter") == "Playing Jupiter."
        await house.until(lambda event: isinstance(event, MusicChanged) and event.title == "Jupiter")
        assert await ask("pause the music") == "Paused."
        held = house.assistant.household.music.playing
        assert held is not None
        assert held.paused
        assert await ask("keep playing") == "Going on."
        playing = house.assistant.household.music.playing
        assert playing is not None
        assert playing.at_s >= held.at_s
        assert await ask("next song") == "That was the last one."
        await ask("stop")
        await until(lambda: house.assistant.household.music.playing is None)
        assert await ask("pause the music") == "Nothing is playing."
