"""The bytes of input devices, and the names of keys."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.config import find_paths, load_config
from assistant.errors import ConfigError
from assistant.keys import key_code
from assistant.panel.presses import PressReader

HEADER = Path("/usr/include/linux/input-event-codes.h")
PRESSED = bytes.fromhex(  # KEY_MICMUTE goes down: its scan code, the key, the report
    "a3d01a6900000000" "39f4030000000000" "0400" "0400" "f8000000"
    "a3d01a6900000000" "39f4030000000000" "0100" "f800" "01000000"
    "a3d01a6900000000" "39f4030000000000" "0000" "0000" "00000000"
)  # fmt: skip


def key(code: int, value: int) -> bytes:
    return struct.pack("qqHHi", 0, 0, 1, code, value)


def syn(code: int) -> bytes:
    return struct.pack("qqHHi", 0, 0, 0, code, 0)


def test_a_press_as_the_kernel_writes_it() -> None:
    assert PressReader().feed(PRESSED) == [key_code("KEY_MICMUTE")]


def test_a_key_that_is_held_or_comes_up_is_no_press() -> None:
    assert PressReader().feed(key(30, 1) + key(30, 2) * 20 + key(30, 0) + key(31, 1)) == [30, 31]


@given(st.lists(st.integers(1, 40), max_size=6))
def test_bytes_may_come_in_any_pieces(sizes: list[int]) -> None:
    data, reader, found = PRESSED * 3, PressReader(), []
    for size in [*sizes, len(data)]:
        found += reader.feed(data[:size])
        data = data[size:]
    assert found == [248] * 3


def test_what_was_dropped_is_not_guessed() -> None:
    reader = PressReader()
    assert reader.feed(key(30, 1) + syn(3) + key(31, 1)) == [30]
    assert reader.feed(key(32, 1) + syn(0) + key(33, 1)) == [33]


@given(st.binary(max_size=200))
def test_rubbish_is_read_without_a_word(data: bytes) -> None:
    PressReader().feed(data)


@pytest.mark.skipif(not HEADER.exists(), reason="needs the kernel's headers")
def test_keys_have_the_codes_that_the_kernel_gives_them() -> None:
    known = dict(re.findall(r"^#define ((?:KEY|BTN)_\w+)\s+(0x[0-9a-f]+|\d+)\b", HEADER.read_text(), re.MULTILINE))
    checked = 0
    for name, number in known.items():
        try:
            code = key_code(name)
        except ValueError:
            continue
        assert code == int(number, 0), name
        checked += 1
    assert checked > 280


def test_a_key_by_its_number_and_one_that_is_unknown() -> None:
    assert key_code("248") == 248
    with pytest.raises(ValueError, match="did you mean 'KEY_MICMUTE'"):
        key_code("KEY_MIKEMUTE")
    for name in ("0", "768", "-1", "²", ""):
        with pytest.raises(ValueError, match="unknown key"):
            key_code(name)


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ('panel.buttons={KEY_MICMUT="mute"}', "KEY_MICMUTE"),
        ('panel.buttons={KEY_STOP="explode"}', "volume-up"),
        ('panel.leds={private="../../etc"}', "panel.leds"),
        ('panel.leds={happy="led0"}', "ringing"),
    ],
)
def test_a_panel_that_is_configured_wrong_is_told_with_a_way_out(setting: str, word: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config(find_paths(), [setting])
    assert word in str(raised.value)
