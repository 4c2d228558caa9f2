"""The time zone that the machine is in, also when that changes while the assistant runs."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

LOCALTIME = Path("/etc/localtime")
_log = structlog.get_logger(__name__)


class LocalZone(tzinfo):
    """Local time as the machine's clock shows it, by the zone that `look` found last.

    It is one object for as long as the assistant runs: whoever holds it is taken along to another zone.
    """

    def __init__(self, look: Callable[[], tzinfo]) -> None:
        self._look = look
        self._zone = look()

    def look(self) -> tzinfo:
        """The zone in force, found anew: the same object unless it is another zone."""
        self._zone = self._look()
        return self._zone

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        return self._zone.utcoffset(dt)

    def dst(self, dt: datetime | None) -> timedelta | None:
        return self._zone.dst(dt)

    def tzname(self, dt: datetime | None) -> str | None:
        return self._zone.tzname(dt)

    def fromutc(self, dt: datetime) -> datetime:
        return self._zone.fromutc(dt.replace(tzinfo=self._zone)).replace(tzinfo=self)


def zone_finder(name: str, localtime: Path = LOCALTIME) -> Callable[[], tzinfo]:
    """How to find the zone: the one of that name; without a name the machine's own, which may change."""
    if not name:
        return _SystemZone(localtime).find
    zone = ZoneInfo(name)
    return lambda: zone


class _SystemZone:
    """What /etc/localtime holds, read again when it is another file (a few microseconds to see)."""

    def __init__(self, localtime: Path) -> None:
        self._localtime = localtime
        self._read: tuple[int, int, int] | None = None
        self._zone: tzinfo = UTC

    def find(self) -> tzinfo:
        """The zone; the last one while the file is missing or half written, and UTC before there was any."""
        try:
            found = self._localtime.stat()
            version = found.st_dev, found.st_ino, found.st_mtime_ns
            if version != self._read:
                with self._localtime.open("rb") as file:
                    self._zone = ZoneInfo.from_file(file)
                self._read = version
        except (OSError, ValueError, struct.error) as exc:
            _log.debug("time zone unknown", error=type(exc).__name__)
        return self._zone
