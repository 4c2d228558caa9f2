"""How loud it rings: what comes out of the speaker while alarms, timers and reminders are due."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from assistant.audio import tones
from assistant.audio.fade import QUIET_DB
from assistant.audio.format import rms_dbfs
from assistant.audio.mixer import Mixer
from assistant.audio.virtual import VirtualSpeaker
from assistant.config import find_paths, load_config
from assistant.daemon import Sound, open_assistant
from assistant.daemon.ringer import RING_VOLUME, ring_on_events
from assistant.events import Event, EventBus, RingStarted, RingStopped
from assistant.models import Models
from tests.fakes import FakeEngines
from tests.house import VIRTUAL
from tests.virtual_time import VirtualClock

RATE_HZ = 16_000
FADE_IN_S = 20.0
FULL_DB = rms_dbfs(tones.ring(RATE_HZ).samples)
ROUND_S = 2.0


@dataclass(slots=True)
class Room:
    bus: EventBus
    mixer: Mixer
    speaker: VirtualSpeaker

    def starts(self, due_id: str, kind: str) -> None:
        self.bus.publish(RingStarted(due_id=due_id, kind=kind, name=""))

    def stops(self, due_id: str) -> None:
        self.bus.publish(RingStopped(due_id=due_id, by="user"))

    def level_db(self, from_s: float) -> float:
        """Of the round of the ring that began then, counted from the first sound."""
        samples = self.speaker.recorded().samples
        begin = int(np.flatnonzero(samples)[0]) + round(from_s * RATE_HZ)
        return rms_dbfs(samples[begin : begin + round(ROUND_S * RATE_HZ)])


@contextlib.asynccontextmanager
async def room(*, volume: int = 100, fade_in_s: float = FADE_IN_S) -> AsyncIterator[Room]:
    bus, mixer = EventBus(), Mixer(RATE_HZ, volume=volume)
    speaker = VirtualSpeaker(mixer, realtime=True)
    with bus.subscribe(64) as events:
        ringer = ring_on_events(events, mixer, tones.ring(RATE_HZ), alarm_fade_in_s=fade_in_s)
        tasks = [asyncio.create_task(ringer), asyncio.create_task(speaker.run())]
        await asyncio.sleep(0)
        yield Room(bus, mixer, speaker)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await mixer.close()


async def test_an_alarm_begins_quietly_and_gets_as_loud_as_a_timer() -> None:
    async with room() as alarm:
        alarm.starts("a", "alarm")
        await asyncio.sleep(FADE_IN_S + 3 * ROUND_S)
    levels = [alarm.level_db(at_s) for at_s in np.arange(0, FADE_IN_S + 2 * ROUND_S, ROUND_S)]
    assert levels[0] == pytest.approx(FULL_DB + QUIET_DB + 1, abs=2)
    assert levels[:11] == sorted(levels[:11])
    assert levels[11] == pytest.approx(FULL_DB, abs=0.2)


@pytest.mark.parametrize(("kind", "fade_in_s"), [("timer", FADE_IN_S), ("alarm", 0.0)])
async def test_a_timer_and_an_alarm_without_fade_in_are_loud_at_once(kind: str, fade_in_s: float) -> None:
    async with room(fade_in_s=fade_in_s) as loud:
        loud.starts("a", kind)
        await asyncio.sleep(2 * ROUND_S)
    assert loud.level_db(0.0) == pytest.approx(FULL_DB, abs=0.2)


async def test_a_timer_that_joins_is_loud_at_once_and_a_second_alarm_begins_nothing_anew() -> None:
    async with room() as both:
        both.starts("a", "alarm")
        await asyncio.sleep(3 * ROUND_S)
        both.starts("b", "alarm")
        await asyncio.sleep(3 * ROUND_S)
        both.starts("t", "timer")
        await asyncio.sleep(3 * ROUND_S)
    assert both.level_db(4 * ROUND_S) > both.level_db(2 * ROUND_S) + 3, "the second alarm did not begin it anew"
    assert both.level_db(4 * ROUND_S) < FULL_DB - 10
    assert both.level_db(7 * ROUND_S) == pytest.approx(FULL_DB, abs=0.5)


async def test_after_a_snooze_it_begins_quietly_again() -> None:
    async with room() as snoozed:
        snoozed.starts("a", "alarm")
        await asyncio.sleep(FADE_IN_S + ROUND_S)
        snoozed.stops("a")
        await asyncio.sleep(60.0)
        before = len(snoozed.speaker.recorded().samples)
        snoozed.starts("a", "alarm")
        await asyncio.sleep(2 * ROUND_S)
    again = snoozed.speaker.recorded().samples[before:]
    again = again[np.flatnonzero(again)[0] :]
    assert rms_dbfs(again[: round(ROUND_S * RATE_HZ)]) < FULL_DB + QUIET_DB + 4


async def test_the_volume_stays_what_the_user_set_and_a_muted_one_still_gets_loud() -> None:
    async with room(volume=0) as muted:
        muted.starts("a", "alarm")
        await asyncio.sleep(FADE_IN_S + 3 * ROUND_S)
        assert muted.mixer.volume == 0
    least_db = 20 * np.log10((RING_VOLUME / 100) ** 2)
    assert muted.level_db(FADE_IN_S + ROUND_S) == pytest.approx(FULL_DB + least_db, abs=0.3)


async def test_a_reminder_does_not_ring() -> None:
    async with room() as quiet:
        quiet.starts("r", "reminder")
        await asyncio.sleep(3.0)
        assert not quiet.mixer.playing


@pytest.mark.parametrize(
    ("override", "quieter_db"), [("alarm_fade_in_s=20.0", -QUIET_DB), ("alarm_fade_in_s=0.0", 0.0)]
)
async def test_the_whole_assistant_wakes_as_configured(own_home: Path, override: str, quieter_db: float) -> None:
    config = load_config(find_paths(), [f"skills.{override}"])
    mixer = Mixer(RATE_HZ, volume=100)
    speaker = VirtualSpeaker(mixer, realtime=True)

    async def sound(_: Callable[[Event], None]) -> Sound:
        return Sound(None, mixer, speaker.run, lambda: VIRTUAL, lambda: VIRTUAL)

    engines, clock = FakeEngines(config, Models(config.paths.models_dir)), VirtualClock()
    async with open_assistant(config, sound, clock=clock, engines=engines, zone=lambda: UTC) as assistant:
        local = datetime.fromtimestamp(clock.wall_s() + 60, UTC).replace(tzinfo=None)
        await assistant.due.add_at("alarm", local)
        await asyncio.sleep(60 + FADE_IN_S + 3 * ROUND_S)
        woken = Room(assistant.bus, mixer, speaker)
        begins_db, later_db = woken.level_db(0.0), woken.level_db(FADE_IN_S + ROUND_S)
    assert later_db - begins_db == pytest.approx(quieter_db, abs=2)
