"""The turns of each home, as its devices share them: what `Sync` keeps and gives.

Each turn or deletion that is new gets the home's next number. Whoever writes for a home locks the home's row first and
holds it until the commit, so numbers become visible in their order: a reader that has seen one will never find a
smaller one later, however many gateways write.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.gateway.database import HistoryDatabase
from assistant.values import SharedTurn, SyncBatch

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

DAY_MS = 86_400_000
PAGE = 100
"""Entries in one reply."""
PAGE_BYTES = 48_000
"""Texts in one reply; one turn alone has less."""
_CURSOR = re.compile(rb"1\.([0-9a-f]{32})\.([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who calls."""

    home: str
    device_id: str


@dataclass(frozen=True, slots=True)
class _Standing:
    """How far a home's history goes."""

    epoch: str
    """Told apart from other histories by this; empty for a home that nobody wrote for."""
    last: int
    """The newest entry's number."""


class History:
    """On SQLite or PostgreSQL. Every method raises StoreError, and has had no effect then."""

    def __init__(self, database: HistoryDatabase) -> None:
        self._database = database

    @property
    def shared(self) -> bool:
        """Other gateways may use it too."""
        return self._database.shared

    async def exchange(self, who: Asker, sent: SyncBatch, *, now_ms: int) -> tuple[SyncBatch, bool]:
        """Keep what a device sent and give it what it doesn't know: turns of others, and what was forgotten by anybody.

        All of `sent` is on the disk when this returns. Also whether more is waiting behind the cursor.
        """
        if sent.turns or sent.forgotten:
            async with self._database.transaction() as connection:
                standing = await _lock_home(connection, who.home)
                standing = await _keep(connection, who, sent, standing, now_ms)
                return await _read(connection, who, sent.cursor, standing)
        async with self._database.transaction(reads=True) as connection:
            return await _read(connection, who, sent.cursor, await _look_at_home(connection, who.home))

    async def expire(self, days: int, *, now_ms: int) -> int:
        """Delete turns that came more than so many days ago; how many there were."""
        from sqlalchemy import delete  # noqa: PLC0415 - heavy

        from assistant.gateway.schema.tables import turns  # noqa: PLC0415

        async with self._database.transaction() as connection:
            result = await connection.execute(delete(turns).where(turns.c.received_ms < now_ms - days * DAY_MS))
            return int(result.rowcount)

    async def close(self) -> None:
        await self._database.close()


async def _look_at_home(connection: AsyncConnection, home: str) -> _Standing:
    """As it stands now."""
    from sqlalchemy import select  # noqa: PLC0415 - heavy

    from assistant.gateway.schema.tables import homes  # noqa: PLC0415

    row = (await connection.execute(select(homes.c.epoch, homes.c.last_seq).where(homes.c.home == home))).first()
    return _Standing(str(row[0]), int(row[1])) if row else _Standing("", 0)


async def _lock_home(connection: AsyncConnection, home: str) -> _Standing:
    """The same, locked until the transaction's end, and made if there is none."""
    from sqlalchemy import select, text  # noqa: PLC0415 - heavy

    from assistant.gateway.schema.tables import homes  # noqa: PLC0415

    query = select(homes.c.epoch, homes.c.last_seq).where(homes.c.home == home).with_for_update()
    row = (await connection.execute(query)).first()
    if row is None:
        made = {"home": home, "epoch": secrets.token_hex(16), "last_seq": 0}
        insert = "INSERT INTO homes (home, epoch, last_seq) VALUES (:home, :epoch, :last_seq) ON CONFLICT DO NOTHING"
        await connection.execute(text(insert), made)  # another gateway may make it just now
        row = (await connection.execute(query)).one()
    return _Standing(str(row[0]), int(row[1]))


async def _keep(
    connection: AsyncConnection, who: Asker, sent: SyncBatch, standing: _Standing, now_ms: int
) -> _Standing:
    """Store what is new of it, numbered on from the last; how the home stands then."""
    from sqlalchemy import delete, insert, update  # noqa: PLC0415 - heavy

    from assistant.gateway.schema.tables import forgotten, homes, turns  # noqa: PLC0415

    gone = await _ids_in(connection, forgotten, who.home, [*sent.forgotten, *(turn.id for turn in sent.turns)])
    there = await _ids_in(connection, turns, who.home, [turn.id for turn in sent.turns])
    to_forget = [turn_id for turn_id in dict.fromkeys(sent.forgotten) if turn_id not in gone]
    new = {
        turn.id: turn
        for turn in sent.turns
        if turn.id not in there and turn.id not in gone and turn.id not in to_forget
    }
    last = standing.last
    rows = [
        {
            "home": who.home,
            "seq": seq,
            "turn_id": turn.id,
            "device_id": who.device_id,
            "conversation_id": turn.conversation_id,
            "started_ms": turn.started_ms,
            "received_ms": now_ms,
            "utterance": turn.text,
            "reply": turn.reply,
        }
        for seq, turn in enumerate(new.values(), last + 1)
    ]
    last += len(rows)
    if rows:
        await connection.execute(insert(turns), rows)
    if to_forget:
        marks = [{"home": who.home, "seq": seq, "turn_id": each} for seq, each in enumerate(to_forget, last + 1)]
        await connection.execute(insert(forgotten), marks)
        await connection.execute(delete(turns).where(turns.c.home == who.home, turns.c.turn_id.in_(to_forget)))
        last += len(to_forget)
    if rows or to_forget:
        await connection.execute(update(homes).where(homes.c.home == who.home).values(last_seq=last))
    return _Standing(standing.epoch, last)


async def _ids_in(connection: AsyncConnection, table: object, home: str, ids: Sequence[str]) -> set[str]:
    """Which of the ids are in the table."""
    from sqlalchemy import Table, select  # noqa: PLC0415 - heavy

    assert isinstance(table, Table)
    if not ids:
        return set()
    query = select(table.c.turn_id).where(table.c.home == home, table.c.turn_id.in_(ids))
    return set((await connection.execute(query)).scalars())


async def _read(connection: AsyncConnection, who: Asker, cursor: bytes, standing: _Standing) -> tuple[SyncBatch, bool]:
    """What is behind the cursor, at most a page of it, and whether there is more."""
    from sqlalchemy import select  # noqa: PLC0415 - heavy

    from assistant.gateway.schema.tables import forgotten, turns  # noqa: PLC0415

    since = _since(cursor, standing)
    if since == standing.last:
        return SyncBatch((), (), _make_cursor(standing.epoch, standing.last)), False
    columns = (turns.c.seq, turns.c.turn_id, turns.c.conversation_id, turns.c.device_id, turns.c.started_ms)
    query = (
        select(*columns, turns.c.utterance, turns.c.reply)
        .where(
            turns.c.home == who.home,
            turns.c.seq > since,
            turns.c.seq <= standing.last,
            turns.c.device_id != who.device_id,
        )
        .order_by(turns.c.seq)
        .limit(PAGE + 1)
    )
    entries: list[tuple[int, SharedTurn | str]] = [
        (row[0], SharedTurn(*row[1:])) for row in await connection.execute(query)
    ]
    marks = (
        select(forgotten.c.seq, forgotten.c.turn_id)
        .where(forgotten.c.home == who.home, forgotten.c.seq > since, forgotten.c.seq <= standing.last)
        .order_by(forgotten.c.seq)
        .limit(PAGE + 1)
    )
    entries += [(row[0], row[1]) for row in await connection.execute(marks)]
    page, more = _page_of(sorted(entries, key=lambda entry: entry[0]))
    found = [what for _, what in page]
    batch = SyncBatch(
        tuple(what for what in found if isinstance(what, SharedTurn)),
        tuple(what for what in found if isinstance(what, str)),
        _make_cursor(standing.epoch, page[-1][0] if more else standing.last),
    )
    return batch, more


def _page_of(entries: Sequence[tuple[int, SharedTurn | str]]) -> tuple[Sequence[tuple[int, SharedTurn | str]], bool]:
    """The first entries that fit into a reply, and whether any are left."""
    room = PAGE_BYTES
    for count, (_, what) in enumerate(entries):
        if isinstance(what, SharedTurn):
            room -= len(what.text.encode()) + len(what.reply.encode()) + 160
        if count == PAGE or (room < 0 and count):
            return entries[:count], True
    return entries, False


def _make_cursor(epoch: str, seq: int) -> bytes:
    return f"1.{epoch}.{seq}".encode() if epoch else b""


def _since(cursor: bytes, standing: _Standing) -> int:
    """The number that the cursor stands behind; 0 for one that isn't of this home's history as it is now."""
    found = _CURSOR.fullmatch(cursor)
    if found is None or found[1].decode() != standing.epoch:
        return 0
    seq = int(found[2])
    return seq if seq <= standing.last else 0  # the history was restored from a copy that is older than the cursor
