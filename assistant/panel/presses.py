"""What a button's device writes, read. Pure.

An input device of the kernel gives one `struct input_event` for each change (linux/input.h; 24 bytes where a long has
64 bits): a time, which nobody needs here, then type, code and value. A key's value is 1 when it goes down, 0 when it
comes up, 2 each time that it repeats. SYN_DROPPED says that the reader was too slow: what comes then is of no use up
to the next SYN_REPORT.
"""

from __future__ import annotations

import struct

EVENT = struct.Struct("qqHHi")
SYN, KEY = 0, 1
SYN_REPORT, SYN_DROPPED = 0, 3
_DOWN = 1


class PressReader:
    """One device's bytes -> codes of the keys that went down."""

    def __init__(self) -> None:
        self._rest = b""
        self._dropped = False

    def feed(self, data: bytes) -> list[int]:
        """The keys that went down with these bytes, in order; holding one down counts once."""
        data = self._rest + data
        whole = len(data) - len(data) % EVENT.size
        self._rest = data[whole:]
        pressed = []
        for _, _, kind, code, value in EVENT.iter_unpack(data[:whole]):
            if kind == SYN and code in {SYN_REPORT, SYN_DROPPED}:
                self._dropped = code == SYN_DROPPED
            elif kind == KEY and value == _DOWN and not self._dropped:
                pressed.append(code)
        return pressed
