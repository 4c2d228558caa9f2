"""Which input devices the machine has, and which keys they have, as sysfs tells without any right."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import PanelError

_WORD_BITS = 64


@dataclass(frozen=True, slots=True)
class Places:
    """Where the kernel shows its input devices."""

    known: Path = Path("/sys/class/input")
    opened: Path = Path("/dev/input")


def find_inputs(device: str, keys: Collection[int], places: Places) -> list[Path]:
    """The files of those devices that have one of the keys and `device` in their name; or `device`, if that is a path.

    Reads a few small files.

    Raises:
        PanelError: `panel-no-device`, none is there; what was plugged in later is found by asking again.
    """
    if device.startswith("/"):
        found = [Path(device)] if Path(device).exists() else []
    else:
        entries = sorted(places.known.glob("event*"), key=lambda entry: (len(entry.name), entry.name))
        found = [places.opened / each.name for each in entries if device in _name(each) and _has_one(each, keys)]
    if not found:
        what = f"named {device!r} " if device else ""
        raise PanelError(
            "panel-no-device",
            f"there is no input device {what}with the keys of panel.buttons",
            hint="Plug it in, load its overlay, or mend panel.device; `cat /proc/bus/input/devices` lists them.",
            retryable=True,
        )
    return found


def _name(entry: Path) -> str:
    return _read(entry / "device" / "name")


def _has_one(entry: Path, keys: Collection[int]) -> bool:
    """The bitmap comes in words of hexadecimal digits, the highest first."""
    words = _read(entry / "device" / "capabilities" / "key").split()
    try:
        bits = sum(int(word, 16) << (_WORD_BITS * at) for at, word in enumerate(reversed(words)))
    except ValueError:
        return False
    return any(bits >> key & 1 for key in keys)


def _read(path: Path) -> str:
    """Empty for a device that goes just now."""
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""
