"""LEDs as files in a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.panel.lights import Lights
from tests.panel.board import Board


async def test_each_led_shows_its_thing_and_is_out_at_the_end(board: Board) -> None:
    private, muted = board.led("red", full=255), board.led("green", full=1)
    lights = Lights({"private": "red", "muted": "green"}, board.leds)
    await lights.show({"private"})
    assert (private.read_text(), muted.read_text()) == ("255", "0")
    await lights.show({"muted", "offline"})
    assert (private.read_text(), muted.read_text()) == ("0", "1")
    await lights.close()
    assert (private.read_text(), muted.read_text()) == ("0", "0")
    assert lights.problems == {}


async def test_what_else_drives_an_led_is_told_to_let_it_go_first(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.led("act")
    written: list[str] = []
    monkeypatch.setattr(Path, "write_text", lambda _, text, *__: written.append(text))
    lights = Lights({"private": "act"}, board.leds)
    await lights.show({"private"})
    await lights.show({"private"})
    assert written == ["0", "255", "255"]


async def test_an_led_that_is_not_there_is_told_and_tried_again(board: Board) -> None:
    muted = board.led("green")
    lights = Lights({"private": "red", "muted": "green"}, board.leds)
    await lights.show({"private", "muted"})
    assert muted.read_text() == "255", "the other one shines all the same"
    assert "panel-no-led" in lights.problems["private"]
    assert "mend panel.leds" in lights.problems["private"]
    red = board.led("red")
    await lights.show({"private", "muted"})
    assert (red.read_text(), lights.problems) == ("255", {})
    await lights.close()


async def test_without_the_right_to_set_it_the_way_out_is_told(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    board.led("red")

    def refused(path: Path, *_: str) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_text", refused)
    lights = Lights({"private": "red"}, board.leds)
    await lights.show({"private"})
    assert "panel-no-access" in lights.problems["private"]
    assert "70-edgewise-leds.rules" in lights.problems["private"]
