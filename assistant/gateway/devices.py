"""Which devices may use the gateway, and what they used: a small database beside the gateway's other state.

The gateway reads it all into memory and looks for changes; `assistant gateway device` writes to it meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from assistant.errors import GatewayError
from assistant.store.database import Database

MAX_NAME_CHARS = 60
KEPT_DAYS = 92
HOME = "home"
"""Where a device belongs unless it is said otherwise."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE migrations (
            version INTEGER PRIMARY KEY,
            applied_ms INTEGER NOT NULL,
            edgewise TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE devices (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL UNIQUE COLLATE NOCASE,
            digest BLOB NOT NULL,
            created_ms INTEGER NOT NULL,
            expires_ms INTEGER
        ) STRICT
        """,
        """
        CREATE TABLE usage (
            device_id TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
            day INTEGER NOT NULL,
            tokens INTEGER NOT NULL,
            PRIMARY KEY (device_id, day)
        ) STRICT
        """,
    ),
    ("ALTER TABLE devices ADD COLUMN home TEXT NOT NULL DEFAULT 'home'",),
)
"""A released step never changes; a new one is added at the end."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device that may use the gateway."""

    id: str
    """UUIDv7."""
    name: str
    digest: bytes
    """SHA-256 of its token's secret."""
    created_ms: int
    expires_ms: int | None
    """UTC milliseconds from which its token no longer counts; None for never."""
    home: str = HOME
    """Devices of one home share their history."""

    def expired(self, now_ms: float) -> bool:
        return self.expires_ms is not None and now_ms >= self.expires_ms


class DeviceStore(Protocol):
    """Where devices are kept. Every method raises StoreError when the storage fails."""

    async def add(self, device: Device) -> None:
        """Durable when it returns. Raises GatewayError `device-exists`, `device-name`, `home-name`."""

    async def remove(self, name: str) -> bool:
        """Forget the device and what it used; False when there is none of this name. Case doesn't matter."""

    async def devices(self) -> Sequence[Device]:
        """All of them, oldest first."""

    async def version(self) -> int:
        """Another number after anybody else changed something."""

    async def add_usage(self, day: int, tokens: Mapping[str, int]) -> None:
        """Add tokens to what devices (by id) used on a day (see quota.day_of). Devices that are gone don't count, and
        days more than `KEPT_DAYS` before this one are forgotten."""

    async def usage(self, day: int) -> Mapping[str, int]:
        """Tokens used on that day, by device id."""

    async def close(self) -> None: ...


class SqliteDevices:
    """DeviceStore in a file that only its owner can read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> SqliteDevices:
        """Open the file, or make it. Raises StoreError."""
        return cls(await Database.open(path, migrations=MIGRATIONS))

    async def add(self, device: Device) -> None:
        check_names(device)

        def insert(connection: sqlite3.Connection) -> bool:
            row = (device.id, device.name, device.digest, device.created_ms, device.expires_ms, device.home)
            statement = "INSERT INTO devices VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING"
            return connection.execute(statement, row).rowcount == 1

        if not await self._database.write(insert):
            raise exists(device.name)

    async def remove(self, name: str) -> bool:
        statement = "DELETE FROM devices WHERE name = ?"
        return await self._database.write(lambda connection: connection.execute(statement, (name,)).rowcount == 1)

    async def devices(self) -> Sequence[Device]:
        query = "SELECT id, name, digest, created_ms, expires_ms, home FROM devices ORDER BY created_ms, id"
        return await self._database.read(lambda connection: [Device(*row) for row in connection.execute(query)])

    async def version(self) -> int:
        return await self._database.read(
            lambda connection: int(connection.execute("PRAGMA data_version").fetchone()[0])
        )

    async def add_usage(self, day: int, tokens: Mapping[str, int]) -> None:
        statement = """
            INSERT INTO usage SELECT id, :day, :tokens FROM devices WHERE id = :id
            ON CONFLICT (device_id, day) DO UPDATE SET tokens = tokens + excluded.tokens
        """
        rows = [{"id": device_id, "day": day, "tokens": count} for device_id, count in tokens.items()]

        def add(connection: sqlite3.Connection) -> None:
            connection.executemany(statement, rows)
            connection.execute("DELETE FROM usage WHERE day < ?", (day - KEPT_DAYS,))

        await self._database.write(add)

    async def usage(self, day: int) -> Mapping[str, int]:
        query = "SELECT device_id, tokens FROM usage WHERE day = ?"
        return await self._database.read(lambda connection: dict(connection.execute(query, (day,)).fetchall()))

    async def close(self) -> None:
        await self._database.close()


def check_names(device: Device) -> None:
    """Raises GatewayError `device-name`, `home-name`."""
    hint = f"Give it 1 to {MAX_NAME_CHARS} characters that can be printed, without space at either end."
    if not is_name(device.name):
        raise GatewayError("device-name", "that is no name for a device", hint=hint)
    if not is_name(device.home):
        raise GatewayError("home-name", "that is no name for a home", hint=hint)


def exists(name: str) -> GatewayError:
    return GatewayError(
        "device-exists", f"there is a device named {name} already", hint="Revoke it first, or choose another name."
    )


def is_name(name: str) -> bool:
    """Whether a device or a home may be named so."""
    return 0 < len(name) <= MAX_NAME_CHARS and name.isprintable() and name == name.strip()
