"""The database behind the gateway's history: a file of its own, or PostgreSQL, which any number of gateways may share.

Every commit is on the disk when it returns. Opening brings the schema up to date; gateways that start together on one
PostgreSQL do that one after the other. What goes wrong is a StoreError:

    history-unreachable  no PostgreSQL there, or it refuses us       history-busy    it takes too long, or is locked
    history-unusable     a file that can't be opened or is damaged   history-newer   a later version of Edgewise made it
    history-failed       anything else                               disk-full
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine import URL
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

CONNECT_S = 5
BUSY_S = 5.0
TRANSACTION_S = 15.0
POOL = 5
"""Connections to PostgreSQL; who comes when all are taken waits for BUSY_S at most."""
MIGRATION_LOCK = 0x45646765
"""Key of the advisory lock under which a PostgreSQL is migrated: `Edge`."""
READS = {"edgewise_reads": True}


class HistoryDatabase:
    """Use `open_history`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @property
    def shared(self) -> bool:
        """Other gateways may use it too."""
        return self._engine.dialect.name == "postgresql"

    @contextlib.asynccontextmanager
    async def transaction(self, *, reads: bool = False) -> AsyncIterator[AsyncConnection]:
        """A transaction: all or nothing, on the disk at its end. `reads`: it writes nothing. Raises StoreError."""
        with _mapped():
            async with asyncio.timeout(TRANSACTION_S), self._engine.connect() as connection:
                if reads:
                    await connection.execution_options(**READS)
                async with connection.begin():
                    yield connection

    async def close(self) -> None:
        """Hang up. Idempotent."""
        await self._engine.dispose()


def read_url(text: str, password: str) -> URL:
    """Where PostgreSQL is.

    Raises:
        ConfigError: `gateway-database`.
    """
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - heavy
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    hint = 'For example "postgresql://edgewise@db.example.org/edgewise".'
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as exc:
        raise ConfigError("gateway-database", "gateway.database_url is no URL of a database", hint=hint) from exc
    if url.drivername not in {"postgresql", "postgres"} or not url.database:
        raise ConfigError("gateway-database", "gateway.database_url names no PostgreSQL database", hint=hint)
    if url.password is not None:
        hint = "Put it into a file that gateway.database_password_file names."
        raise ConfigError("gateway-database", "gateway.database_url holds a password", hint=hint)
    if "sslmode" in url.query:  # as libpq spells it; asyncpg calls it otherwise
        url = url.update_query_pairs([("ssl", str(url.query["sslmode"]))]).difference_update_query(["sslmode"])
    return url.set(drivername="postgresql+asyncpg", password=password or None)


async def open_history(file: Path, url: URL | None = None) -> HistoryDatabase:
    """Open the file, or what the URL names, and bring its schema up to date. Raises StoreError."""
    if not url:
        with _mapped():
            await asyncio.to_thread(_prepare_file, file)
    engine = _make_postgres(url) if url else _make_sqlite(file)
    database = HistoryDatabase(engine)
    try:
        async with database.transaction(reads=True) as connection:
            version = await connection.run_sync(_version)
        if version is None or await _is_old(version):
            async with database.transaction() as connection:
                if database.shared:
                    await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
                await connection.run_sync(_migrate)
    except BaseException:
        await database.close()
        raise
    return database


def _prepare_file(file: Path) -> None:
    """Make the file if need be, with a write-ahead log. Blocking: others may be opening it, and SQLite waits for nobody
    while it changes its journal."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    by_s = time.monotonic() + BUSY_S
    with contextlib.closing(sqlite3.connect(file, timeout=BUSY_S)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as exc:
                if "locked" not in str(exc) or time.monotonic() > by_s:
                    raise
                time.sleep(0.02)
            else:
                return


def _make_sqlite(file: Path) -> AsyncEngine:
    from sqlalchemy import event  # noqa: PLC0415 - heavy
    from sqlalchemy.engine import URL  # noqa: PLC0415
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    url = URL.create("sqlite+aiosqlite", database=str(file))
    # One connection: SQLite has one writer at a time anyway, and waiting in line for it is fairer than trying again.
    engine = create_async_engine(
        url, pool_size=1, max_overflow=0, pool_timeout=BUSY_S, hide_parameters=True, connect_args={"timeout": BUSY_S}
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: `begin` does
        cursor = connection.cursor()
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("edgewise_reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _make_postgres(url: URL) -> AsyncEngine:
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - heavy

    limits = {
        "lock_timeout": f"{BUSY_S * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{TRANSACTION_S * 1000:.0f}",
        "synchronous_commit": "on",
        "application_name": "edgewise-gateway",
    }
    return create_async_engine(
        url,
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=BUSY_S,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"timeout": CONNECT_S, "command_timeout": TRANSACTION_S, "server_settings": limits},
    )


def _version(connection: Connection) -> str | None:
    """The schema's version; None where there is none yet."""
    from sqlalchemy import inspect  # noqa: PLC0415 - heavy

    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


async def _is_old(version: str) -> bool:
    """Whether it must be migrated. Raises StoreError `history-newer`."""
    from assistant.gateway.schema.tables import HEAD  # noqa: PLC0415 - heavy

    if version > HEAD:
        raise StoreError(
            "history-newer",
            f"the gateway's history was written by a later Edgewise (schema {version}; this one knows {HEAD})",
            hint="Update Edgewise on this gateway.",
        )
    return version < HEAD


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - heavy, and rarely needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("schema")).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextlib.contextmanager
def _mapped() -> Iterator[None]:
    """Raise what goes wrong as StoreError. Names no values, and no more of the database than its own words do."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError  # noqa: PLC0415 - heavy
    from sqlalchemy.exc import TimeoutError as PoolTimeoutError  # noqa: PLC0415

    try:
        yield
    except (TimeoutError, PoolTimeoutError) as exc:
        raise _busy() from exc
    except DBAPIError as exc:
        raise _from_driver(exc.orig) from exc
    except sqlite3.Error as exc:
        raise _from_driver(exc) from exc
    except SQLAlchemyError as exc:
        raise StoreError("history-failed", f"the history's database failed ({type(exc).__name__})") from exc
    except OSError as exc:  # asyncpg's own, while connecting
        if exc.errno in {28, 122}:
            raise StoreError("disk-full", "no room left for the history", hint="Free some space.") from exc
        raise _unreachable(type(exc).__name__) from exc
    except Exception as exc:
        if type(exc).__module__.startswith("asyncpg"):
            raise _from_driver(exc) from exc
        raise


def _from_driver(error: BaseException | None) -> StoreError:
    """The StoreError for an error of SQLite or PostgreSQL, whose texts may hold values: only their kinds are told."""
    while error is not None and error.__cause__ is not None:  # SQLAlchemy wraps asyncpg's once more
        error = error.__cause__
    kind, state = type(error).__name__, getattr(error, "sqlstate", None) or ""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL or state == "53100":
        return StoreError("disk-full", "no room left for the history", hint="Free some space.", retryable=True)
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} or state in {"55P03", "57014", "40P01", "40001"}:
        return _busy()
    if primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
        hint = "Restore the gateway's history.db, or move it away to begin anew."
        return StoreError("history-unusable", f"the history's file can't be used ({kind})", hint=hint)
    if state.startswith(("08", "28", "3D", "57P", "53")) or isinstance(error, OSError) or not (state or primary):
        return _unreachable(f"{kind} {state}".strip())
    return StoreError("history-failed", f"the history's database refused ({kind} {state})".replace(" )", ")"))


def _busy() -> StoreError:
    return StoreError("history-busy", "the history's database is busy", hint="Try again in a moment.", retryable=True)


def _unreachable(why: str) -> StoreError:
    hint = "Check gateway.database_url, the password and that PostgreSQL runs."
    return StoreError("history-unreachable", f"the history's database can't be used ({why})", hint=hint, retryable=True)
