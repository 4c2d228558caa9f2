"""The ends where sound comes in and goes out, real or virtual."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from assistant.audio.mixer import Mixer
from assistant.control.ports import DeviceStatus
from assistant.dialog.ports import AudioSource
from assistant.events import Event


def _not_used() -> DeviceStatus:
    return DeviceStatus("", "not used")


@dataclass(frozen=True, slots=True)
class Sound:
    """The ends where sound comes in and goes out; what is None isn't there, and says why."""

    source: AudioSource | None = None
    mixer: Mixer | None = None
    pump: Callable[[], Awaitable[None]] | None = None
    """Runs while the assistant does, and carries the mixer's sound to a speaker."""
    microphone: Callable[[], DeviceStatus] = _not_used
    """How the microphone is now."""
    speaker: Callable[[], DeviceStatus] = _not_used
    """How the speaker is now."""
    echo_free: bool = False
    """The microphone doesn't hear the speaker."""


SoundMaker = Callable[[Callable[[Event], None]], Awaitable[Sound]]
"""Makes the ends of sound, given the bus's `publish`."""
