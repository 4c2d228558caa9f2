"""When to look again for a device that vanished, and what to tell about it. Pure: time is handed in."""

from __future__ import annotations

from collections.abc import Callable

from assistant.events import AudioDeviceLost, AudioDeviceRestored, Event

Publish = Callable[[Event], None]

FIRST_BLOCK_S = 5.0
"""A device may take this long from opening to its first block (PulseAudio takes 1 to 2 s)."""

STALL_S = 1.0
"""Afterwards, no block for this long means that the device is gone."""


class DeviceWatch:
    """Tells once that a device is lost and once that it is back, however many attempts lie between."""

    def __init__(self, device: str, publish: Publish) -> None:
        self._publish = publish
        self._lost_at_s: float | None = None
        self.device = device
        """Name of the device last seen; until then what was asked for."""
        self.seen = False
        """Whether it was ever there."""

    @property
    def lost(self) -> bool:
        return self._lost_at_s is not None

    def gone(self, reason: str, now_s: float) -> None:
        if self._lost_at_s is None:
            self._lost_at_s = now_s
            self._publish(AudioDeviceLost(device=self.device, reason=reason))

    def here(self, device: str, now_s: float) -> None:
        self.device = device
        self.seen = True
        if self._lost_at_s is not None:
            lost_s, self._lost_at_s = now_s - self._lost_at_s, None
            self._publish(AudioDeviceRestored(device=device, lost_s=lost_s))
