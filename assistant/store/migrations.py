"""The database's shape, as an ordered list of steps. A released step never changes; a new one is added at the end.

`PRAGMA user_version` holds how many were applied, the table `migrations` when and by which version of Edgewise.
"""

from __future__ import annotations

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE migrations (
            version INTEGER PRIMARY KEY,
            applied_ms INTEGER NOT NULL,
            edgewise TEXT NOT NULL
        ) STRICT
        """,
        # seq, not started_ms, is the order of turns: a board without a battery may start with its clock decades behind
        """
        CREATE TABLE turns (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            conversation_id TEXT NOT NULL,
            started_ms INTEGER NOT NULL,
            source TEXT NOT NULL,
            text TEXT NOT NULL,
            reply TEXT NOT NULL,
            intent TEXT NOT NULL,
            slots TEXT NOT NULL,
            layer TEXT NOT NULL,
            reason TEXT NOT NULL,
            confidence REAL NOT NULL,
            outcome TEXT NOT NULL,
            stages TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE due (
            id TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            state TEXT NOT NULL,
            duration_ms INTEGER NOT NULL,
            due_ms INTEGER NOT NULL,
            due_steady_ms INTEGER NOT NULL,
            boot_id TEXT NOT NULL,
            remaining_ms INTEGER NOT NULL,
            created_ms INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX due_open ON due (due_ms) WHERE state NOT IN ('done', 'cancelled')",
    ),
    (
        """
        CREATE TABLE home_devices (
            id TEXT PRIMARY KEY,
            state TEXT NOT NULL,
            attributes TEXT NOT NULL
        ) STRICT
        """,
        "CREATE TABLE lists (seq INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
        """
        CREATE TABLE list_items (
            list TEXT NOT NULL REFERENCES lists (name),
            place INTEGER NOT NULL,
            text TEXT NOT NULL,
            done INTEGER NOT NULL,
            PRIMARY KEY (list, place)
        ) STRICT
        """,
        "ALTER TABLE due ADD COLUMN local TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE due ADD COLUMN recurrence TEXT NOT NULL DEFAULT ''",
        "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    ),
    (
        """
        CREATE TABLE deferred (
            id TEXT PRIMARY KEY,
            text TEXT NOT NULL,
            asked_ms INTEGER NOT NULL,
            state TEXT NOT NULL,
            answer TEXT NOT NULL
        ) STRICT
        """,
    ),
)
"""Each step's statements, run in one transaction."""
