"""The devices of gateways that share a PostgreSQL: added or revoked once, known to all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.gateway.database import HistoryDatabase
from assistant.gateway.devices import KEPT_DAYS, Device, check_names, exists

_CHANGED = "UPDATE changes SET count = count + 1 WHERE what = 'devices'"
_ADD = """
    INSERT INTO devices (id, name, folded, home, digest, created_ms, expires_ms)
    VALUES (:id, :name, :folded, :home, :digest, :created_ms, :expires_ms) ON CONFLICT DO NOTHING
"""
_ADD_USAGE = """
    INSERT INTO usage (device_id, day, tokens) SELECT id, :day, :tokens FROM devices WHERE id = :id
    ON CONFLICT (device_id, day) DO UPDATE SET tokens = usage.tokens + excluded.tokens
"""


class SharedDevices:
    """gateway.devices.DeviceStore in the history's database."""

    def __init__(self, database: HistoryDatabase) -> None:
        self._database = database

    async def add(self, device: Device) -> None:
        check_names(device)
        values = {
            "id": device.id,
            "name": device.name,
            "folded": device.name.casefold(),
            "home": device.home,
            "digest": device.digest,
            "created_ms": device.created_ms,
            "expires_ms": device.expires_ms,
        }
        if not await self._change(_ADD, values):
            raise exists(device.name)

    async def remove(self, name: str) -> bool:
        return await self._change("DELETE FROM devices WHERE folded = :folded", {"folded": name.casefold()})

    async def devices(self) -> Sequence[Device]:
        query = "SELECT id, name, digest, created_ms, expires_ms, home FROM devices ORDER BY created_ms, id"
        return [Device(row[0], row[1], bytes(row[2]), *row[3:]) for row in await self._read(query, {})]

    async def version(self) -> int:
        ((count,),) = await self._read("SELECT count FROM changes WHERE what = 'devices'", {})
        return int(count)

    async def add_usage(self, day: int, tokens: Mapping[str, int]) -> None:
        from sqlalchemy import text  # noqa: PLC0415 - heavy

        # In one order everywhere: two gateways that count at the same time wait for each other, and never both.
        rows = [{"id": each, "day": day, "tokens": count} for each, count in sorted(tokens.items())]
        async with self._database.transaction() as connection:
            if rows:
                await connection.execute(text(_ADD_USAGE), rows)
            await connection.execute(text("DELETE FROM usage WHERE day < :day"), {"day": day - KEPT_DAYS})

    async def usage(self, day: int) -> Mapping[str, int]:
        rows = await self._read("SELECT device_id, tokens FROM usage WHERE day = :day", {"day": day})
        return {row[0]: row[1] for row in rows}

    async def close(self) -> None:
        await self._database.close()

    async def _change(self, statement: str, values: Mapping[str, object]) -> bool:
        """Whether it changed a row; then everybody is told."""
        from sqlalchemy import text  # noqa: PLC0415 - heavy

        async with self._database.transaction() as connection:
            changed = (await connection.execute(text(statement), dict(values))).rowcount == 1
            if changed:
                await connection.execute(text(_CHANGED))
            return changed

    async def _read(self, query: str, values: Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
        from sqlalchemy import text  # noqa: PLC0415 - heavy

        async with self._database.transaction(reads=True) as connection:
            return [tuple(row) for row in await connection.execute(text(query), dict(values))]
