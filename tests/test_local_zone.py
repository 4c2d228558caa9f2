"""Local time follows the machine, and everything that holds the zone follows with it."""

from __future__ import annotations

import asyncio
import os
import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from assistant.config import Config
from assistant.daemon import open_assistant
from assistant.daemon.local_zone import LocalZone, zone_finder
from assistant.models import Models
from tests.fakes import FakeEngines
from tests.virtual_time import START_WALL_S, VirtualClock

ZONEINFO = next((Path(path) for path in zoneinfo.TZPATH if (Path(path) / "Europe/Berlin").exists()), None)
NEEDS_ZONES = pytest.mark.skipif(ZONEINFO is None, reason="needs the system's zoneinfo files")
JULY_S = 1_751_371_200.0
"""2025-07-01T12:00:00Z."""


def hour(zone: tzinfo) -> int:
    return datetime.fromtimestamp(JULY_S, zone).hour


def moved(localtime: Path, name: str) -> None:
    """As `timedatectl set-timezone` does it."""
    assert ZONEINFO
    link = localtime.with_name("new")
    link.symlink_to(ZONEINFO / name)
    link.replace(localtime)


@NEEDS_ZONES
def test_the_machine_is_moved(tmp_path: Path) -> None:
    localtime = tmp_path / "localtime"
    moved(localtime, "Europe/Berlin")
    zone = LocalZone(zone_finder("", localtime))
    first = zone.look()
    assert hour(zone) == 14
    assert zone.look() is first, "the same zone is the same object"
    moved(localtime, "Asia/Tokyo")
    assert hour(zone) == 14, "until somebody looks"
    assert zone.look() is not first
    assert hour(zone) == 21


@NEEDS_ZONES
def test_new_rules_for_the_same_zone_are_heeded(tmp_path: Path) -> None:
    assert ZONEINFO
    localtime = tmp_path / "localtime"
    localtime.write_bytes((ZONEINFO / "Europe/Berlin").read_bytes())
    zone = LocalZone(zone_finder("", localtime))
    localtime.write_bytes((ZONEINFO / "Europe/Istanbul").read_bytes())
    os.utime(localtime, (JULY_S, JULY_S))
    zone.look()
    assert hour(zone) == 15


@NEEDS_ZONES
@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"TZif2")], ids=["missing", "half"])
def test_a_file_that_is_being_replaced_changes_nothing(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    localtime = tmp_path / "localtime"
    assert ZONEINFO
    localtime.write_bytes((ZONEINFO / "Europe/Berlin").read_bytes())
    zone = LocalZone(zone_finder("", localtime))
    first = zone.look()
    spoil(localtime)
    assert zone.look() is first
    moved(localtime, "Asia/Tokyo")
    zone.look()
    assert hour(zone) == 21


def test_a_machine_without_a_zone_is_in_utc(tmp_path: Path) -> None:
    assert LocalZone(zone_finder("", tmp_path / "none")).look() is UTC


def test_a_zone_that_was_configured_stays() -> None:
    zone = LocalZone(zone_finder("Asia/Tokyo"))
    assert zone.look() is zone.look()
    assert hour(zone) == 21


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"])
def test_its_times_are_those_of_the_zone_through_every_change_of_the_clocks(name: str) -> None:
    zone, plain = LocalZone(zone_finder(name)), ZoneInfo(name)
    for quarter in range(366 * 96):
        wall_s = START_WALL_S + quarter * 900.0
        found, right = datetime.fromtimestamp(wall_s, zone), datetime.fromtimestamp(wall_s, plain)
        assert (found.replace(tzinfo=None), found.fold) == (right.replace(tzinfo=None), right.fold)
        assert found.timestamp() == wall_s
    assert (found.tzname(), found.dst()) == (right.tzname(), right.dst())


async def test_the_assistant_tells_the_time_there_and_what_was_missed_by_it(config: Config) -> None:
    zone: list[tzinfo] = [ZoneInfo("Europe/Berlin")]
    engines = FakeEngines(config, Models(config.paths.models_dir))

    async with open_assistant(config, clock=VirtualClock(), engines=engines, zone=lambda: zone[0]) as assistant:

        async def reply(text: str) -> str:
            record = await assistant.ask(
                text=text, audio=None, source="text", speak=False, on_audio=None, on_event=None
            )
            return record.reply

        assert "5:06 PM" in await reply("what time is it")
        await reply("set an alarm for 8 pm")
        await reply("set an alarm for 9 am tomorrow")
        zone[0] = ZoneInfo("Asia/Tokyo")
        await asyncio.sleep(60)
        told = await reply("what time is it")
        assert "missed" in told
        assert "12:07 AM" in told
        assert "9 AM" in await reply("what alarms do i have")
        (waiting,) = assistant.due.active("alarm")
        assert waiting.due_wall_s == datetime(2025, 6, 16, 9, tzinfo=zone[0]).timestamp()
