"""The sound card through PortAudio (sounddevice). The only module that imports sounddevice, and only when used.

PortAudio looks at the hardware once, when it is initialised; to see a device that came later it must be terminated
and initialised again, and that closes every open stream. So `refresh` does it freely while nothing is open; with a
stream open, only when the kernel's list of cards changed, and the closed streams say `withdrawn`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from assistant.audio.backend import OnBlock, OnEnd, Pull
from assistant.audio.devices import PORTAUDIO_HINT, Device, select
from assistant.audio.format import CHUNK_S, Chunk
from assistant.errors import AudioError

BLOCK_S = CHUNK_S
"""One wakeup of Python for this much sound, in and out."""
_INPUT_BUFFER_S = 0.12
_OUTPUT_BUFFER_S = 0.16
"""PortAudio's own choice (35 ms on PulseAudio) is less than a block, and underruns all the time. Larger ones save a
little CPU, but sound then arrives in bursts."""
_MOST_CHANNELS: Final = 2
"""PulseAudio and PipeWire claim 32 channels; more than two would only be converted to be mixed down again."""
_CARDS = Path("/proc/asound/cards")

_lock = threading.RLock()
"""PortAudio is one per process and not thread-safe: opening, closing and looking are one at a time."""


def _load() -> Any:
    """The sounddevice module. Importing it finds, loads and initialises PortAudio."""
    try:
        import sounddevice  # noqa: PLC0415 - needs libportaudio2, which text and files do without
    except OSError as exc:
        message = "Microphone and speaker need the PortAudio library."
        raise AudioError("portaudio-missing", message, hint=PORTAUDIO_HINT) from exc
    except Exception as exc:  # PortAudioError can't be named before the import succeeded
        raise AudioError("portaudio-failed", f"PortAudio does not start: {exc}") from exc
    return sounddevice


def list_devices() -> list[Device]:
    """Every device PortAudio knows. Raises AudioError."""
    with _lock:
        return _query(_load())


def _query(sd: Any) -> list[Device]:
    try:
        host_apis = sd.query_hostapis()
        found = sd.query_devices()
        default_input, default_output = sd.default.device
    except sd.PortAudioError as exc:
        raise AudioError("portaudio-failed", f"PortAudio can't list devices: {exc}", retryable=True) from exc
    return [
        Device(
            index=device["index"],
            name=device["name"],
            host_api=host_apis[device["hostapi"]]["name"],
            input_channels=device["max_input_channels"],
            output_channels=device["max_output_channels"],
            rate_hz=round(device["default_samplerate"]),
            default_input=device["index"] == default_input,
            default_output=device["index"] == default_output,
        )
        for device in found
    ]


def _cards() -> str:
    """The kernel's list of sound cards; it changes when one is plugged in."""
    try:
        return _CARDS.read_text("utf-8", "replace")
    except OSError:
        return ""


class PortAudioStream:
    """An open PortAudio stream; see `backend.Stream`."""

    def __init__(self, device: Device, raw: Any, forget: Callable[[PortAudioStream], None], *, drain_s: float) -> None:
        self.device = device.name
        self.rate_hz = device.rate_hz
        self._raw = raw
        self._forget = forget
        self._drain_s = drain_s
        self._closed = False
        self._withdrawn = False

    @property
    def active(self) -> bool:
        with contextlib.suppress(Exception):
            return not self._closed and bool(self._raw.active)
        return False

    @property
    def withdrawn(self) -> bool:
        return self._withdrawn

    def withdraw(self) -> None:
        self._withdrawn = True
        self._drain_s = 0.0
        self.close()

    def close(self) -> None:
        if self._drain_s and self.active:
            time.sleep(self._drain_s)  # PortAudio's own draining ends early on PulseAudio
        with _lock:
            if self._closed:
                return
            self._closed = True
            self._forget(self)
            for step in (self._raw.stop, self._raw.close):
                with contextlib.suppress(Exception):  # a device that is gone refuses; nothing is left to do about it
                    step()


class PortAudioBackend:
    """The process's sound card. Make one and hand it to both capture and playback; see `backend.Backend`."""

    def __init__(self) -> None:
        self._open: set[PortAudioStream] = set()
        self._seen_cards = _cards()

    def refresh(self) -> None:
        with _lock:
            sd = _load()
            cards = _cards()
            if self._open and cards == self._seen_cards:
                return
            for stream in list(self._open):
                stream.withdraw()
            self._seen_cards = cards
            with contextlib.suppress(sd.PortAudioError):  # it is not running when the last look failed
                sd._terminate()  # noqa: SLF001 - there is no other way to look again
            try:
                sd._initialize()  # noqa: SLF001
            except sd.PortAudioError as exc:
                raise AudioError("portaudio-failed", f"PortAudio does not start: {exc}", retryable=True) from exc

    def open_input(self, device: str, on_block: OnBlock, on_end: OnEnd) -> PortAudioStream:
        with _lock:
            sd = _load()
            chosen = select(_query(sd), device, "input")
            channels = min(_MOST_CHANNELS, chosen.input_channels)

            def callback(data: Any, _frames: int, _time: Any, _status: Any) -> None:
                samples = np.frombuffer(data, np.int16)
                if channels == 2:
                    samples = (np.add(samples[::2], samples[1::2], dtype=np.int32) >> 1).astype(np.int16)
                else:
                    samples = samples.copy()  # the buffer is PortAudio's
                on_block(Chunk(samples, chosen.rate_hz))

            options = {"callback": callback, "finished_callback": on_end}
            raw = self._make(sd.RawInputStream, chosen, channels, _INPUT_BUFFER_S, **options)
            return self._start(chosen, raw, drain_s=0.0)

    def open_output(self, device: str, source: Callable[[int], Pull], on_end: OnEnd) -> PortAudioStream:
        with _lock:
            sd = _load()
            chosen = select(_query(sd), device, "output")
            channels = min(_MOST_CHANNELS, chosen.output_channels)
            pull = source(chosen.rate_hz)

            def callback(data: Any, frames: int, _time: Any, _status: Any) -> None:
                out = np.frombuffer(data, np.int16).reshape(-1, channels)
                out[:] = pull(frames)[:, np.newaxis]

            options = {"callback": callback, "finished_callback": on_end}
            raw = self._make(sd.RawOutputStream, chosen, channels, _OUTPUT_BUFFER_S, **options)
            return self._start(chosen, raw, drain_s=raw.latency + BLOCK_S)

    def _make(self, kind: Callable[..., Any], device: Device, channels: int, latency: float, **options: Any) -> Any:
        """A sounddevice stream at the device's own rate, not started yet."""
        try:
            return kind(
                device=device.index,
                samplerate=device.rate_hz,
                channels=channels,
                dtype="int16",
                latency=latency,
                blocksize=round(device.rate_hz * BLOCK_S),
                **options,
            )
        except Exception as exc:  # PortAudioError, or a ValueError for a device that vanished meanwhile
            raise _cannot_open(device.name, exc) from exc

    def _start(self, device: Device, raw: Any, *, drain_s: float) -> PortAudioStream:
        """A stream that opens but does not start is closed again."""
        stream = PortAudioStream(device, raw, self._open.discard, drain_s=drain_s)
        self._open.add(stream)
        try:
            raw.start()
        except Exception as exc:
            stream.close()
            raise _cannot_open(device.name, exc) from exc
        return stream


def _cannot_open(device: str, exc: Exception) -> AudioError:
    return AudioError(
        "device-failed",
        f"The sound device {device!r} can't be opened: {exc}",
        hint="Another program may hold it.",
        retryable=True,
    )
