"""A board's buttons and LEDs in a temporary folder: FIFOs in place of devices, files in place of sysfs."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path

from assistant.panel.inputs import Places


class Board:
    def __init__(self, folder: Path) -> None:
        self.places = Places(known=folder / "class-input", opened=folder / "dev-input")
        self.leds = folder / "leds"
        for path in (self.places.known, self.places.opened, self.leds):
            path.mkdir()
        self._files: dict[str, int] = {}

    def plug(self, name: str, keys: Iterable[int], *, title: str = "gpio-keys") -> Path:
        """An input device comes."""
        about = self.places.known / name / "device"
        (about / "capabilities").mkdir(parents=True)
        (about / "name").write_text(f"{title}\n")
        bits = sum(1 << key for key in keys)
        words = [f"{bits >> (64 * at) & (2**64 - 1):x}" for at in range(12)]
        (about / "capabilities" / "key").write_text(" ".join(reversed(words)) + "\n")
        path = self.places.opened / name
        os.mkfifo(path)
        self._files[name] = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        return path

    def write(self, name: str, code: int, value: int) -> None:
        event = struct.pack("qqHHi", 0, 0, 1, code, value) + struct.pack("qqHHi", 0, 0, 0, 0, 0)
        os.write(self._files[name], event)

    def press(self, name: str, code: int) -> None:
        self.write(name, code, 1)
        self.write(name, code, 0)

    def unplug(self, name: str) -> None:
        """It goes: whoever reads it comes to its end."""
        os.close(self._files.pop(name))
        (self.places.opened / name).unlink()
        about = self.places.known / name / "device"
        for path in (about / "name", about / "capabilities" / "key"):
            path.unlink()
        for folder in (about / "capabilities", about, about.parent):
            folder.rmdir()

    def led(self, name: str, *, full: int = 255) -> Path:
        """The file that says how bright it is."""
        folder = self.leds / name
        folder.mkdir()
        (folder / "max_brightness").write_text(f"{full}\n")
        (folder / "brightness").write_text("1\n")
        return folder / "brightness"

    def close(self) -> None:
        for name in tuple(self._files):
            os.close(self._files.pop(name))
