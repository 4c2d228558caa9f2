"""Capture and playback on real PulseAudio devices, which come and go while they are used."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from assistant.audio.capture import MicrophoneSource
from assistant.audio.devices import select
from assistant.audio.files import read_audio, write_wav
from assistant.audio.format import RATE_HZ, Chunk, Samples, rms_dbfs
from assistant.audio.mixer import Mixer
from assistant.audio.playback import SpeakerSink
from assistant.audio.portaudio import PortAudioBackend, list_devices
from assistant.errors import AudioError
from assistant.events import AudioDeviceLost, AudioDeviceRestored, Event

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.real_time,
    pytest.mark.skipif(not shutil.which("pulseaudio") or not shutil.which("paplay"), reason="needs PulseAudio"),
]


class Pulse:
    """A PulseAudio server of the test's own, with a speaker and a microphone that `paplay` speaks into."""

    def __init__(self, folder: Path, rate_hz: int) -> None:
        self._folder = folder
        self._rate_hz = rate_hz
        self._server: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        script = self._folder / "test.pa"
        script.write_text(
            "load-module module-native-protocol-unix\n"
            f"load-module module-null-sink sink_name=spk rate={self._rate_hz} channels=2\n"
            f"load-module module-null-sink sink_name=micsink rate={self._rate_hz} channels=2\n"
            "set-default-sink spk\nset-default-source micsink.monitor\n"
        )
        self._server = await asyncio.create_subprocess_exec(
            "pulseaudio", "-n", "-F", str(script), "--daemonize=no", "--exit-idle-time=-1", "--disable-shm",
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(10):
            while (await self.run("pactl", "info"))[0]:  # noqa: ASYNC110 - another process's doing, it can't tell us
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        if self._server and self._server.returncode is None:
            self._server.kill()
            await self._server.wait()

    async def run(self, *command: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        out, _ = await process.communicate()
        return process.returncode or 0, out.decode().strip()


@pytest.fixture
def pulse_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PulseAudio's server and clients, ours included, meet below this folder."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))
    monkeypatch.delenv("PULSE_SERVER", raising=False)
    return tmp_path


@contextlib.asynccontextmanager
async def pulse(home: Path, rate_hz: int = 48_000) -> AsyncIterator[tuple[Pulse, PortAudioBackend]]:
    server = Pulse(home, rate_hz)
    backend = PortAudioBackend()
    await server.start()
    try:
        await asyncio.to_thread(backend.refresh)
        yield server, backend
    finally:
        await server.stop()
        await asyncio.to_thread(backend.refresh)


def tone(rate_hz: int, length_s: float, pitch_hz: float = 600.0) -> Samples:
    t = np.arange(round(rate_hz * length_s)) / rate_hz
    samples: Samples = (8192 * np.sin(2 * np.pi * pitch_hz * t)).astype(np.int16)
    return samples


class Recorder:
    """Reads a microphone until told."""

    def __init__(self, source: MicrophoneSource) -> None:
        self._source = source
        self._chunks: list[Samples] = []
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for chunk in self._source.chunks():
            self._chunks.append(chunk.samples)

    @property
    def heard(self) -> Samples:
        return np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.int16)

    async def until(self, condition: Callable[[Samples], bool], timeout_s: float = 15.0) -> Samples:
        await _until(lambda: condition(self.heard), timeout_s)
        return self.heard

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


def check_tone(heard: Samples, rate_hz: int, length_s: float, pitch_hz: float = 600.0) -> None:
    """The tone is in it whole: length, pitch, level, and no gap or repetition anywhere."""
    loud = np.flatnonzero(np.abs(heard) > 1000)
    assert (loud[-1] - loud[0]) / rate_hz == pytest.approx(length_s, abs=0.03)
    middle = heard[loud[0] + rate_hz // 10 : loud[-1] - rate_hz // 10]
    assert rms_dbfs(middle) == pytest.approx(-15.05, abs=0.2)
    t = np.arange(len(middle)) / rate_hz
    wave = np.exp(-2j * np.pi * pitch_hz * t)
    block = rate_hz // 50
    phases = [
        np.angle(np.sum(middle[at : at + block] * wave[at : at + block])) for at in range(0, len(t) - block, block)
    ]
    drift = np.angle(np.exp(1j * np.diff(phases)))
    assert np.abs(drift).max() < 0.05, "a lost or repeated sample turns the phase by 0.08 at 48 kHz or more at 16 kHz"


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
async def test_what_is_said_into_the_microphone_arrives_whole(pulse_home: Path, rate_hz: int) -> None:
    async with pulse(pulse_home, rate_hz) as (server, backend):
        events: list[Event] = []
        recorder = Recorder(MicrophoneSource(backend, "pulse", events.append))
        await recorder.until(lambda heard: len(heard) > RATE_HZ // 2)
        stereo = pulse_home / "tone.wav"
        quiet = np.zeros(rate_hz // 4, np.int16)  # a sink that wakes up may swallow the first of what is played
        write_wav(stereo, [Chunk(np.concatenate([quiet, tone(rate_hz, 3.0), quiet]), rate_hz)])
        assert (await server.run("paplay", "--device=micsink", str(stereo)))[0] == 0
        heard = await recorder.until(
            lambda heard: np.abs(heard[:-8000]).max(initial=0) > 1000 and not heard[-4000:].any()
        )
        await recorder.stop()
        check_tone(heard, RATE_HZ, 3.0)
        assert events == []


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
async def test_what_is_played_leaves_the_speaker_whole(pulse_home: Path, rate_hz: int) -> None:
    async def sound() -> AsyncGenerator[Chunk, None]:
        yield Chunk(tone(22_050, 3.0), 22_050)

    async with pulse(pulse_home, rate_hz) as (_, backend):
        out = pulse_home / "out.wav"
        record = await asyncio.create_subprocess_exec(
            "parecord", "--device=spk.monitor", "--rate=48000", "--latency-msec=50", str(out)
        )
        await _until(lambda: out.exists() and out.stat().st_size > 20_000, 10.0)
        mixer = Mixer(volume=100)
        events: list[Event] = []
        speaker = asyncio.create_task(SpeakerSink(backend, "", mixer, events.append).run())
        assert await mixer.play(sound(), priority=1).finished()
        speaker.cancel()
        await asyncio.wait([speaker])
        size = out.stat().st_size
        await _until(lambda: out.stat().st_size > size + 150_000, 10.0)
        record.terminate()
        await record.wait()
        await mixer.close()
        check_tone(read_audio(out).samples, RATE_HZ, 3.0)
        assert events == []


async def test_microphone_and_speaker_survive_the_sound_server(pulse_home: Path) -> None:
    async def endless() -> AsyncGenerator[Chunk, None]:
        while True:
            yield Chunk(tone(48_000, 1.0), 48_000)

    async with pulse(pulse_home) as (server, backend):
        heard_events: list[Event] = []
        played_events: list[Event] = []
        mixer = Mixer()
        recorder = Recorder(MicrophoneSource(backend, "", heard_events.append))
        speaker = asyncio.create_task(SpeakerSink(backend, "", mixer, played_events.append).run())
        voice = mixer.play(endless(), priority=1)
        await recorder.until(lambda heard: len(heard) > RATE_HZ)
        await voice.started()
        await server.stop()
        await _until(lambda: bool(heard_events and played_events), 8.0)
        played_s = voice.played_s
        await asyncio.sleep(0.9)
        assert voice.played_s > played_s + 0.5, "a turn goes on without its speaker"
        await server.start()
        await _until(lambda: len(heard_events) >= 2 and len(played_events) >= 2, 30.0)
        assert [type(event) for event in heard_events] == [AudioDeviceLost, AudioDeviceRestored]
        assert [type(event) for event in played_events] == [AudioDeviceLost, AudioDeviceRestored]
        at = len(recorder.heard)
        await recorder.until(lambda heard: len(heard) > at + RATE_HZ)
        await mixer.close()
        speaker.cancel()
        await asyncio.wait([speaker])
        await recorder.stop()


async def test_a_microphone_that_is_unloaded_comes_back(pulse_home: Path) -> None:
    async with pulse(pulse_home) as (server, backend):
        events: list[Event] = []
        recorder = Recorder(MicrophoneSource(backend, "", events.append))
        await recorder.until(lambda heard: len(heard) > RATE_HZ)
        for module in ("micsink", "spk"):
            listing = (await server.run("pactl", "list", "short", "modules"))[1]
            (number,) = (line.split("\t")[0] for line in listing.splitlines() if f"sink_name={module}" in line)
            await server.run("pactl", "unload-module", number)
        await _until(lambda: len(events) >= 1, 10.0)
        await server.run("pactl", "load-module", "module-null-sink", "sink_name=micsink", "rate=44100")
        await server.run("pactl", "set-default-source", "micsink.monitor")
        await _until(lambda: len(events) >= 2, 30.0)
        assert [type(event) for event in events] == [AudioDeviceLost, AudioDeviceRestored]
        await recorder.stop()


async def test_devices_are_listed_and_gone_with_the_server(pulse_home: Path) -> None:
    async with pulse(pulse_home):
        found = await asyncio.to_thread(list_devices)
        assert select(found, "pulse", "input").rate_hz in {44_100, 48_000}
        assert select(found, "", "output").is_default("output")
        with pytest.raises(AudioError, match="Did you mean 'pulse'"):
            select(found, "pulsee", "input")
    with pytest.raises(AudioError, match="no-input-device"):
        select(await asyncio.to_thread(list_devices), "", "input")


async def _until(condition: Callable[[], bool], timeout_s: float) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what other processes do has no event
            await asyncio.sleep(0.05)
