"""Choosing devices, opening them through PortAudio (played by a stand-in), and what `assistant devices` prints."""

from __future__ import annotations

import asyncio
import builtins
import json
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from assistant.audio import portaudio
from assistant.audio.backend import StreamOpener
from assistant.audio.capture import MicrophoneSource
from assistant.audio.devices import Device, select
from assistant.audio.format import Chunk
from assistant.audio.portaudio import PortAudioBackend, list_devices
from assistant.cli.app import app
from assistant.errors import AudioError
from tests.fakes import FakeSoundCard, FakeStream


def device(index: int, name: str, *, ins: int = 0, outs: int = 0, default: bool = False) -> Device:
    return Device(index, name, "ALSA", ins, outs, 48_000, default and ins > 0, default and outs > 0)


FOUND = [
    device(0, "HDA Intel PCH: ALC257 Analog (hw:0,0)", ins=2, outs=2),
    device(1, "HDA Intel PCH: HDMI 0 (hw:0,3)", outs=8),
    device(2, "Jabra SPEAK 410 USB: Audio (hw:1,0)", ins=1, outs=2),
    device(3, "pulse", ins=32, outs=32),
    device(4, "default", ins=32, outs=32, default=True),
    device(5, "pulse monitor", ins=2),
]


@pytest.mark.parametrize(
    ("wanted", "direction", "index"),
    [
        ("", "input", 4),
        ("", "output", 4),
        ("  ", "input", 4),
        ("jabra", "input", 2),
        ("JABRA", "output", 2),
        ("speak 410", "input", 2),
        ("hdmi", "output", 1),
        ("pulse", "input", 3),  # a whole name wins over a part of another
        ("2", "input", 2),
        ("410", "input", 2),  # no such index, but part of a name
        ("ALC257", "input", 0),
    ],
)
def test_a_device_is_chosen_by_default_index_or_part_of_its_name(wanted: str, direction: Any, index: int) -> None:
    assert select(FOUND, wanted, direction).index == index


def test_without_a_default_the_first_that_can_is_chosen() -> None:
    assert select([device(7, "Speaker", outs=2), device(8, "Mic", ins=1)], "", "input").index == 8


# --- PortAudio, played by a stand-in ---


class PortAudioError(Exception):
    pass


class RawStream:
    """sounddevice.RawInputStream and RawOutputStream."""

    def __init__(self, module: FakeSounddevice, options: dict[str, Any]) -> None:
        self.module = module
        self.options = options
        self.active = False
        self.latency = 0.0
        self.closed = False

    def start(self) -> None:
        if self.module.start_error:
            raise self.module.start_error
        self.active = True

    def stop(self) -> None:
        self.active = False
        if self.module.stop_error:
            raise self.module.stop_error

    def close(self) -> None:
        self.closed = True


class FakeSounddevice:
    """The part of the sounddevice module that is used."""

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.streams: list[RawStream] = []
        self.make_error: Exception | None = None
        self.start_error: Exception | None = None
        self.stop_error: Exception | None = None
        self.query_error: Exception | None = None
        self.initialize_error: Exception | None = None
        self.default = SimpleNamespace(device=(1, 0))
        self.devices = [
            self.entry(0, "Speaker", 0, 2, 44_100.0),
            self.entry(1, "Stereo mic", 2, 0, 48_000.0),
            self.entry(2, "Mono mic", 1, 0, 16_000.0),
            self.entry(3, "Array", 8, 0, 16_000.0),
        ]

    @staticmethod
    def entry(index: int, name: str, ins: int, outs: int, rate_hz: float) -> dict[str, Any]:
        return {
            "index": index,
            "name": name,
            "hostapi": 0,
            "max_input_channels": ins,
            "max_output_channels": outs,
            "default_samplerate": rate_hz,
        }

    def query_hostapis(self) -> list[dict[str, str]]:
        if self.query_error:
            raise self.query_error
        return [{"name": "ALSA"}]

    def query_devices(self) -> list[dict[str, Any]]:
        return self.devices

    def _terminate(self) -> None:
        self.calls.append("terminate")

    def _initialize(self) -> None:
        self.calls.append("initialize")
        if self.initialize_error:
            raise self.initialize_error

    def RawInputStream(self, **options: Any) -> RawStream:  # noqa: N802 - sounddevice's name
        if self.make_error:
            raise self.make_error
        self.streams.append(RawStream(self, options))
        return self.streams[-1]

    RawOutputStream = RawInputStream


@pytest.fixture
def sd(monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    fake = FakeSounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def nothing() -> None:
    pass


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("stereo", [100, 300, -5, 5, 32767, 32767, -32768, -32768], [200, 0, 32767, -32768]),
        ("mono", [1, 2, 3], [1, 2, 3]),
    ],
)
def test_blocks_come_mono_at_the_devices_own_rate(
    sd: FakeSounddevice, name: str, data: list[int], expected: list[int]
) -> None:
    blocks: list[Chunk] = []
    stream = PortAudioBackend().open_input(name, blocks.append, nothing)
    buffer = bytearray(np.array(data, np.int16).tobytes())
    sd.streams[0].options["callback"](buffer, len(expected), None, None)
    buffer[:] = bytes(len(buffer))  # PortAudio uses its buffer again
    assert blocks[0].samples.tolist() == expected
    assert blocks[0].rate_hz == stream.rate_hz == sd.streams[0].options["samplerate"]
    assert sd.streams[0].options["blocksize"] == stream.rate_hz // 25
    assert stream.active


def test_an_array_is_opened_with_two_channels(sd: FakeSounddevice) -> None:
    PortAudioBackend().open_input("array", lambda _: None, nothing)
    assert sd.streams[0].options["channels"] == 2


def test_output_is_given_to_every_channel(sd: FakeSounddevice) -> None:
    rates = []

    def source(rate_hz: int) -> Callable[[int], Any]:
        rates.append(rate_hz)
        return lambda frames: np.arange(1, frames + 1).astype(np.int16)

    PortAudioBackend().open_output("", source, nothing)
    buffer = bytearray(12)
    sd.streams[0].options["callback"](buffer, 3, None, None)
    assert np.frombuffer(buffer, np.int16).tolist() == [1, 1, 2, 2, 3, 3]
    assert rates == [44_100]


def test_a_look_for_devices_happens_freely_only_while_nothing_is_open(
    sd: FakeSounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = "one card"
    monkeypatch.setattr(portaudio, "_cards", lambda: cards)
    backend = PortAudioBackend()
    backend.refresh()
    assert sd.calls == ["terminate", "initialize"]
    stream = backend.open_input("", lambda _: None, nothing)
    backend.refresh()
    assert sd.calls == ["terminate", "initialize"]
    assert stream.active
    cards = "two cards"
    backend.refresh()
    assert sd.calls == ["terminate", "initialize"] * 2
    assert stream.withdrawn
    assert not stream.active
    assert sd.streams[0].closed


def test_a_stream_that_does_not_start_is_closed(sd: FakeSounddevice) -> None:
    sd.start_error = PortAudioError("Device unavailable")
    backend = PortAudioBackend()
    with pytest.raises(AudioError, match="'Stereo mic' can't be opened"):
        backend.open_input("", lambda _: None, nothing)
    assert sd.streams[0].closed
    sd.start_error = None
    assert backend.open_input("", lambda _: None, nothing).active


def test_closing_a_device_that_is_gone_is_no_trouble(sd: FakeSounddevice) -> None:
    sd.stop_error = PortAudioError("Unanticipated host error")
    stream = PortAudioBackend().open_input("", lambda _: None, nothing)
    stream.close()
    stream.close()
    assert sd.streams[0].closed
    assert not stream.active


def test_a_failed_look_is_mended_by_the_next(sd: FakeSounddevice) -> None:
    backend = PortAudioBackend()
    sd.initialize_error = PortAudioError("Internal PortAudio error")
    with pytest.raises(AudioError, match="portaudio-failed"):
        backend.refresh()
    sd.initialize_error = None
    backend.refresh()
    assert backend.open_input("", lambda _: None, nothing).active


# --- opening off the loop ---


@pytest.mark.real_time
async def test_a_driver_that_hangs_is_given_up_and_its_late_stream_closed() -> None:
    card = FakeSoundCard()
    hang, late = threading.Event(), FakeStream(48_000, nothing, on_block=None, pull=None)
    opener = StreamOpener("test", timeout_s=0.05)

    def opening() -> FakeStream:
        hang.wait(10)
        return late

    with pytest.raises(AudioError, match="device-timeout"):
        await opener.open(card, opening, look_again=False)
    hang.set()
    async with asyncio.timeout(5):
        while not late.closed:  # noqa: ASYNC110 - closed by a thread
            await asyncio.sleep(0.01)
    opener.shutdown()


@pytest.mark.real_time
async def test_a_reader_that_leaves_while_the_device_opens_leaves_nothing_open() -> None:
    card = FakeSoundCard()
    opening, go_on = threading.Event(), threading.Event()
    really_open = card.open_input

    def slow(*args: Any) -> FakeStream:
        opening.set()
        go_on.wait(10)
        return really_open(*args)

    card.open_input = slow  # type: ignore[assignment,method-assign]

    async def read() -> None:
        async for _ in MicrophoneSource(card, "", lambda _: None).chunks():
            pass

    reader = asyncio.create_task(read())
    await asyncio.to_thread(opening.wait, 10)
    reader.cancel()
    await asyncio.wait([reader])
    go_on.set()
    async with asyncio.timeout(5):
        while not card.streams or card.open_streams:  # noqa: ASYNC110 - closed by a thread
            await asyncio.sleep(0.01)


# --- assistant devices ---


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["devices", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_the_command_marks_the_default_and_the_chosen(sd: FakeSounddevice) -> None:
    code, out, _ = run("--set", 'audio.input="mono"')
    lines = {line.split("  ")[0].strip(): line for line in out.splitlines()}
    assert code == 0
    assert "2 ch *" in lines["1"]
    assert ">" not in lines["1"]
    assert "1 ch >" in lines["2"]
    assert "2 ch * >" in lines["0"]
    assert "Microphone: Mono mic" in out
    assert "Speaker: Speaker" in out


def test_the_command_says_what_is_wrong_with_a_choice(sd: FakeSounddevice) -> None:
    code, out, _ = run("--set", 'audio.input="mono mik"', "--set", 'audio.output="none"')
    assert code == 0
    assert "Microphone: none. There is no input device 'mono mik'. Did you mean 'Mono mic'?" in out
    assert 'Speaker: none, as configured (audio.output = "none").' in out


def test_without_devices_it_says_what_still_works(sd: FakeSounddevice) -> None:
    sd.devices = []
    code, out, _ = run()
    assert code == 0
    assert "There is no sound device on this machine." in out
    assert "assistant ask" in out


def test_json_has_devices_choice_and_problems(sd: FakeSounddevice) -> None:
    code, out, _ = run("--json", "--set", 'audio.output="nope"')
    found = json.loads(out)
    assert code == 0
    assert [entry["name"] for entry in found["devices"]] == ["Speaker", "Stereo mic", "Mono mic", "Array"]
    assert found["input"]["device"]["index"] == 1
    assert found["output"]["problem"]["code"] == "unknown-output-device"
    assert found["problem"] is None


@pytest.fixture
def no_portaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def failing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real_import(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", failing)


def test_a_missing_library_is_one_line_to_type(no_portaudio: None) -> None:
    with pytest.raises(AudioError) as caught:
        list_devices()
    assert caught.value.code == "portaudio-missing"
    assert caught.value.hint == "sudo apt-get install libportaudio2"
    code, out, err = run()
    assert (code, out) == (1, "")
    assert "hint: sudo apt-get install libportaudio2\n" in err
    assert "assistant ask" in err
    code, out, _ = run("--json")
    assert code == 1
    assert json.loads(out)["problem"]["code"] == "portaudio-missing"
