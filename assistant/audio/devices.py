"""Which sound devices there are, and which one a configured name means. Pure; `portaudio.list_devices` asks."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.errors import AudioError

Direction = Literal["input", "output"]
NONE = "none"
PORTAUDIO_HINT = "sudo apt-get install libportaudio2"


@dataclass(frozen=True, slots=True)
class Device:
    index: int
    """PortAudio's; changes when devices come and go, so a name is the better thing to configure."""
    name: str
    host_api: str
    input_channels: int
    output_channels: int
    rate_hz: int
    """Its own rate."""
    default_input: bool
    default_output: bool

    def channels(self, direction: Direction) -> int:
        return self.input_channels if direction == "input" else self.output_channels

    def is_default(self, direction: Direction) -> bool:
        return self.default_input if direction == "input" else self.default_output


def select(devices: Sequence[Device], wanted: str, direction: Direction) -> Device:
    """The device that `wanted` means: "" the default, digits an index, else a whole name or part of one, in any case.

    `wanted` must not be NONE: that means to open nothing.

    Raises:
        AudioError: `no-input-device`, `unknown-input-device`, `ambiguous-input-device` (or `-output-`).
    """
    usable = [device for device in devices if device.channels(direction) > 0]
    if not usable:
        noun = "microphone" if direction == "input" else "speaker"
        hint = f'Connect one, or set audio.{direction} = "none".'
        raise AudioError(f"no-{direction}-device", f"There is no {noun}.", hint=hint, retryable=True)
    if not wanted.strip():
        return next((device for device in usable if device.is_default(direction)), usable[0])
    found = _matches(usable, wanted.strip().casefold())
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{device.index} {device.name!r}" for device in found)
        message = f"{wanted!r} fits several {direction} devices: {names}."
        raise AudioError(f"ambiguous-{direction}-device", message, hint="Name more of it, or use its index.")
    raise _unknown(usable, wanted, direction)


def _matches(devices: Sequence[Device], wanted: str) -> list[Device]:
    """By index, else by whole name, else by part of the name."""
    if wanted.isascii() and wanted.isdigit():
        by_index = [device for device in devices if device.index == int(wanted)]
        if by_index:
            return by_index
    whole = [device for device in devices if device.name.casefold() == wanted]
    return whole or [device for device in devices if wanted in device.name.casefold()]


def _unknown(devices: Sequence[Device], wanted: str, direction: Direction) -> AudioError:
    names = {device.name.casefold(): device.name for device in devices}
    words = {
        word: name for folded, name in names.items() for word in folded.replace(",", " ").replace(":", " ").split()
    }
    candidates = words | names
    close = difflib.get_close_matches(wanted.casefold(), candidates, n=1)
    hint = f"Did you mean {candidates[close[0]]!r}? " if close else ""
    return AudioError(
        f"unknown-{direction}-device",
        f"There is no {direction} device {wanted!r}.",
        hint=hint + "`assistant devices` lists them.",
        retryable=True,
    )
