"""Real files under a real event loop's readers: FIFOs stand for the kernel's devices. In virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from assistant.errors import PanelError
from assistant.panel import buttons as module
from assistant.panel.buttons import Buttons, open_input
from tests.panel.board import Board

MUTE, STOP, LETTER = 248, 128, 30


@contextlib.asynccontextmanager
async def pressed_on(board: Board, device: str = "") -> AsyncIterator[tuple[Buttons, list[int]]]:
    found: list[int] = []
    buttons = Buttons(device, {MUTE, STOP}, found.append, board.places)
    running = asyncio.create_task(buttons.run())
    await asyncio.sleep(0.1)
    try:
        yield buttons, found
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_every_device_that_has_one_of_the_keys_is_read(board: Board) -> None:
    for name, key in (("event0", MUTE), ("event1", LETTER), ("event10", STOP)):
        board.plug(name, [key])
    async with pressed_on(board) as (buttons, found):
        board.press("event10", STOP)
        board.press("event0", MUTE)
        board.press("event1", MUTE)  # it never said that it has that key
        board.press("event0", LETTER)
        await asyncio.sleep(0.1)
        assert sorted(found) == [STOP, MUTE]
        assert buttons.problem == ""


async def test_a_key_held_down_counts_once(board: Board) -> None:
    board.plug("event0", [MUTE])
    async with pressed_on(board) as (_, found):
        for value in (1, 2, 2, 2, 0, 1, 0):
            board.write("event0", MUTE, value)
        await asyncio.sleep(0.1)
        assert found == [MUTE, MUTE]


async def test_a_device_by_part_of_its_name_or_by_its_path(board: Board) -> None:
    board.plug("event0", [MUTE], title="Some Keyboard")
    path = board.plug("event1", [MUTE], title="Foot Switch")
    for device in ("Foot", str(path)):
        async with pressed_on(board, device) as (_, found):
            board.press("event0", MUTE)
            board.press("event1", MUTE)
            await asyncio.sleep(0.1)
            assert found == [MUTE], device


async def test_a_device_that_goes_and_comes_back_is_found_again(board: Board) -> None:
    board.plug("event0", [MUTE])
    async with pressed_on(board) as (buttons, found):
        board.unplug("event0")
        await asyncio.sleep(2.0)
        assert "panel-no-device" in buttons.problem
        board.plug("event3", [MUTE])
        await asyncio.sleep(10.1)
        assert buttons.problem == ""
        board.press("event3", MUTE)
        await asyncio.sleep(0.1)
        assert found == [MUTE]


async def test_a_second_device_is_found_while_the_first_is_read(board: Board) -> None:
    board.plug("event0", [MUTE])
    async with pressed_on(board) as (_, found):
        board.plug("event1", [STOP])
        await asyncio.sleep(20.0)
        board.press("event1", STOP)
        board.press("event0", MUTE)
        await asyncio.sleep(0.1)
        assert sorted(found) == [STOP, MUTE]


async def test_a_device_that_ends_over_and_over_is_not_opened_in_a_hurry(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = board.plug("event0", [MUTE])
    opened: list[Path] = []

    def at_its_end(path: Path) -> int:
        opened.append(path)
        end, other_end = os.pipe()
        os.close(other_end)
        return end

    monkeypatch.setattr(module, "open_input", at_its_end)
    async with pressed_on(board, str(path)):
        await asyncio.sleep(10.0)
    assert 2 <= len(opened) <= 21


async def test_a_file_that_is_no_device_is_told(board: Board, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no device")
    async with pressed_on(board, str(tmp_path / "notes.txt")) as (buttons, _):
        assert "panel-no-device" in buttons.problem


async def test_without_the_right_to_read_it_the_way_out_is_told(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    board.plug("event0", [MUTE])
    allowed = False

    def guarded(path: Path, *args: int) -> int:
        if not allowed:
            raise PermissionError(13, "Permission denied", str(path))
        return opening(path, *args)

    opening = os.open
    monkeypatch.setattr(os, "open", guarded)
    with pytest.raises(PanelError) as raised:
        open_input(Path("/dev/input/event0"))
    assert raised.value.code == "panel-no-access"
    async with pressed_on(board) as (buttons, found):
        assert "group `input`" in buttons.problem
        allowed = True
        await asyncio.sleep(2.0)
        board.press("event0", MUTE)
        await asyncio.sleep(0.1)
        assert (found, buttons.problem) == ([MUTE], "")
