"""A whole assistant with buttons and LEDs, as the household uses them. In virtual time."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from assistant.config import Config, load_config
from assistant.control.ports import DeviceStatus
from assistant.daemon import Assistant
from assistant.dialog import phrases
from assistant.dialog.hearing import Hearing
from assistant.errors import StoreError
from assistant.events import (
    DataLeft,
    Interrupted,
    MuteChanged,
    PlaybackStarted,
    PrivateModeChanged,
    Reply,
    RingStarted,
    RingStopped,
    TurnStarted,
    VolumeChanged,
    WakeWordDetected,
)
from assistant.keys import key_code
from assistant.skills.loudness import Volume
from assistant.values import Outcome
from tests.panel.board import Board
from tests.script import Played, Script

BUTTONS = (
    'panel.buttons={KEY_PROG1="private",KEY_MICMUTE="mute",KEY_PLAYPAUSE="talk",KEY_STOP="stop",'
    'KEY_VOLUMEUP="volume-up",KEY_VOLUMEDOWN="volume-down"}'
)
SHOWN = ("private", "muted", "listening", "offline", "ringing")
OPEN_QUESTION = "why is the sky blue"


class Front:
    """The front of the device, and its assistant."""

    def __init__(self, config: Config, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
        self._board = board
        self._device = board.plug("event0", map(key_code, ("KEY_PROG1", "KEY_MICMUTE")))
        self._leds = {what: board.led(what) for what in SHOWN}
        monkeypatch.setattr("assistant.panel.lights.LEDS", board.leds)
        self._config = config
        self.lit: list[set[str]] = []
        """What was lit whenever somebody looked."""

    def presses(self, key: str) -> Callable[[Assistant], Awaitable[None]]:
        async def press(_: Assistant) -> None:
            self._board.press("event0", key_code(key))

        return press

    async def look(self, _: Assistant) -> None:
        self.lit.append({what for what, led in self._leds.items() if led.read_text().strip() == "255"})

    def config(self, *settings: str, lights: bool = True) -> Config:
        leds = "panel.leds={" + ",".join(f'{what}="{what}"' for what in SHOWN) + "}"
        panel = [BUTTONS, f'panel.device="{self._device}"', *([leds] if lights else [])]
        return load_config(self._config.paths, [*panel, *settings])

    def all_out(self) -> bool:
        return all(led.read_text() == "0" for led in self._leds.values())


@pytest.fixture
def front(config: Config, board: Board, monkeypatch: pytest.MonkeyPatch) -> Front:
    return Front(config, board, monkeypatch)


def private_modes(played: Played) -> list[bool]:
    return [event.on for event in played.of(PrivateModeChanged) if isinstance(event, PrivateModeChanged)]


async def test_a_button_turns_private_mode_on_and_off_and_its_light_follows(front: Front) -> None:
    script = Script()
    for at_s in (1.0, 11.0):
        script.does(at_s, front.presses("KEY_PROG1"))
        script.does(at_s + 0.5, front.look)
    script.says(2.0, OPEN_QUESTION)
    played = await script.play(front.config('cloud.address="127.0.0.1:1"'), until_s=13)
    assert private_modes(played) == [True, False]
    assert ["private" in lit for lit in front.lit] == [True, False]
    assert played.replies == [phrases.private(0, "127.0.0.1:1")], "nothing leaves, and it is said what would have"
    assert not played.of(DataLeft)
    assert "Private mode is off." not in played.spoken, "the light says it"
    assert front.all_out(), "nothing stays lit when it is switched off"


async def test_the_light_follows_what_is_said_too(front: Front) -> None:
    script = Script()
    script.says(1.0, "turn on private mode")
    script.does(8.0, front.look)
    script.says(9.0, "turn off private mode")
    script.does(16.0, front.look)
    await script.play(front.config(), until_s=17)
    assert ["private" in lit for lit in front.lit] == [True, False]


async def test_the_light_follows_the_schedule(front: Front) -> None:
    script = Script()  # it begins at 15:06:40
    script.does(19.0, front.look)
    script.does(26.0, front.look)
    await script.play(front.config('privacy.schedule=["15:07-16:00"]', 'locale.time_zone="UTC"'), until_s=27)
    assert ["private" in lit for lit in front.lit] == [False, True]


async def test_without_a_light_it_is_said(front: Front) -> None:
    script = Script()
    script.does(1.0, front.presses("KEY_PROG1"))
    script.does(6.0, front.presses("KEY_MICMUTE"))
    script.does(10.0, front.presses("KEY_PLAYPAUSE"))
    played = await script.play(front.config(lights=False), until_s=14)
    for text in ("Private mode is on.", phrases.MUTED):
        assert any(text in spoken for spoken in played.spoken), text
    assert played.spoken.count(phrases.MUTED) == 2, "who wants to talk to a microphone that is off is told"
    assert not played.of(TurnStarted)


async def test_a_muted_microphone_hears_nothing_until_its_button_is_pressed_again(front: Front) -> None:
    problems = []

    async def ask(assistant: Assistant) -> None:
        problems.append(assistant.status().problems)

    script = Script()
    script.does(1.0, front.presses("KEY_MICMUTE"))
    script.says(2.0, "what time is it")
    script.does(3.5, front.look)
    script.does(3.5, ask)
    script.does(6.0, front.presses("KEY_MICMUTE"))
    script.does(7.0, ask)
    script.says(8.0, "what time is it")
    played = await script.play(front.config(), until_s=16)
    assert [event.on for event in played.of(MuteChanged) if isinstance(event, MuteChanged)] == [True, False]
    assert len(played.of(TurnStarted)) == len(played.of(WakeWordDetected)) == 1
    assert front.lit == [{"muted"}]
    assert [phrases.MUTED in each for each in problems] == [True, False]


async def test_what_is_being_said_when_the_microphone_goes_off_is_dropped(front: Front) -> None:
    script = Script()
    script.says(1.0, "turn on private mode", length_s=3.0)
    script.does(2.5, front.presses("KEY_MICMUTE"))
    played = await script.play(front.config(), until_s=12)
    assert (played.outcomes, private_modes(played)) == ([Outcome.NOTHING_HEARD], [])


async def test_who_is_asked_back_and_has_turned_the_microphone_off_is_not_waited_for(front: Front) -> None:
    script = Script()
    script.says(1.0, "set a timer")
    script.does(4.4, front.presses("KEY_MICMUTE"))
    script.does(15.0, front.look)
    played = await script.play(front.config(), until_s=16)
    assert played.at_s(PlaybackStarted) < 4.4 < played.at_s(Reply)
    assert (played.outcomes, front.lit) == ([Outcome.ASKED_BACK, Outcome.NOTHING_HEARD], [{"muted"}])


async def test_mute_outlives_a_restart_but_not_its_button(front: Front) -> None:
    script = Script()
    script.does(1.0, front.presses("KEY_MICMUTE"))
    await script.play(front.config(), until_s=2)
    script = Script()
    script.says(1.0, "what time is it")
    assert not (await script.play(front.config(), until_s=9)).of(TurnStarted)
    assert (await script.play(front.config('panel.buttons={KEY_STOP="stop"}'), until_s=9)).of(TurnStarted)


async def test_talk_listens_without_the_wake_word_and_talks_over_a_reply(front: Front) -> None:
    script = Script()
    script.does(1.0, front.presses("KEY_PLAYPAUSE"))
    script.says(1.3, "tell me a joke", wake=False)
    script.does(2.0, front.look)
    script.does(4.2, front.presses("KEY_PLAYPAUSE"))
    script.says(4.6, "what time is it", wake=False)
    played = await script.play(front.config(), until_s=14)
    assert not played.of(WakeWordDetected)
    assert len(played.replies) == 2
    assert front.lit == [{"listening"}]
    [interrupted] = [event for event in played.of(Interrupted) if isinstance(event, Interrupted)]
    assert interrupted.by in {"button", "stop"}


async def test_a_call_that_no_microphone_heeds_is_not_heeded_later() -> None:
    async def save(_name: str, _value: object) -> None: ...

    hearing = Hearing(kept=None, save=save, publish=lambda _: None)
    hearing.call()
    assert [hearing.take_call(), hearing.take_call()] == [True, False]
    hearing.call()
    await asyncio.sleep(1.1)
    assert not hearing.take_call()


async def test_who_wants_to_talk_without_a_microphone_is_told(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    status = Assistant.status
    unplugged = DeviceStatus("", "unplugged")
    monkeypatch.setattr(Assistant, "status", lambda self: dataclasses.replace(status(self), microphone=unplugged))
    script = Script()
    script.does(1.0, front.presses("KEY_PLAYPAUSE"))
    played = await script.play(front.config(), until_s=4)
    assert phrases.NO_MICROPHONE in played.spoken
    assert not played.of(TurnStarted)


async def test_stop_silences_a_ring_and_a_light_shows_that_it_rings(front: Front) -> None:
    script = Script()
    script.says(1.0, "set a timer for five seconds")
    script.does(12.0, front.look)
    script.does(13.0, front.presses("KEY_STOP"))
    script.does(14.0, front.look)
    played = await script.play(front.config(), until_s=15)
    assert front.lit == [{"ringing"}, set()]
    assert played.at_s(RingStopped) == pytest.approx(13.0, abs=0.2)
    assert len(played.of(RingStarted)) == 1


async def test_louder_and_quieter(front: Front) -> None:
    script = Script()
    for at_s, key in ((1.0, "UP"), (2.0, "UP"), (3.0, "UP"), (4.0, "UP"), (5.0, "DOWN")):
        script.does(at_s, front.presses(f"KEY_VOLUME{key}"))
    played = await script.play(front.config(), until_s=7)
    assert [event.volume for event in played.of(VolumeChanged) if isinstance(event, VolumeChanged)] == [
        80, 90, 100, 100, 90,
    ]  # fmt: skip


async def test_a_light_shows_that_the_gateway_is_away(front: Front) -> None:
    script = Script()
    script.does(6.0, front.look)
    await script.play(front.config('cloud.address="127.0.0.1:1"'), until_s=7)
    assert front.lit == [{"offline"}]


async def test_a_press_that_fails_is_told_and_the_next_one_works(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = [StoreError("disk-full", "no room")]
    setting = Volume.set

    async def fails_once(volume: Volume, level: int) -> None:
        if failing:
            raise failing.pop()
        await setting(volume, level)

    monkeypatch.setattr(Volume, "set", fails_once)
    script = Script()
    script.does(1.0, front.presses("KEY_VOLUMEUP"))
    script.does(6.0, front.presses("KEY_VOLUMEUP"))
    played = await script.play(front.config(), until_s=8)
    assert phrases.FAILED in played.spoken
    assert len(played.of(VolumeChanged)) == 1


async def test_a_panel_that_is_not_there_stops_nothing(config: Config, tmp_path: Path) -> None:
    found: list[str] = []

    async def ask(assistant: Assistant) -> None:
        found.extend(assistant.status().problems)

    script = Script()
    script.says(1.0, "what time is it")
    script.does(8.0, ask)
    broken = [BUTTONS, f'panel.device="{tmp_path / "gone"}"', 'panel.leds={private="no-such-led"}']
    played = await script.play(load_config(config.paths, broken), until_s=9)
    assert len(played.of(Reply)) == 1
    assert [problem.split("[")[1].split("]")[0] for problem in found] == ["panel-no-device", "panel-no-led"]
