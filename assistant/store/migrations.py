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
        # A ledger's row goes with its turn, whoever deletes that.
        """
        CREATE TABLE ledger (
            turn_id TEXT PRIMARY KEY REFERENCES turns (id) ON DELETE CASCADE,
            candidates TEXT NOT NULL,
            task TEXT NOT NULL,
            open_question INTEGER NOT NULL,
            missing TEXT NOT NULL,
            asked TEXT NOT NULL,
            link_up INTEGER NOT NULL,
            private INTEGER NOT NULL,
            threshold REAL NOT NULL,
            reject_threshold REAL NOT NULL,
            deadline_ms REAL NOT NULL,
            bytes_out INTEGER NOT NULL,
            first_token_ms REAL NOT NULL,
            first_audio_ms REAL NOT NULL,
            amended INTEGER NOT NULL,
            aftermath TEXT NOT NULL,
            verdict TEXT NOT NULL,
            cloud_answer TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE egress (
            number INTEGER PRIMARY KEY,
            at_ms INTEGER NOT NULL,
            turn_id TEXT NOT NULL,
            recipient TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            why TEXT NOT NULL,
            text TEXT NOT NULL,
            context INTEGER NOT NULL,
            replaced TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX egress_turn ON egress (turn_id) WHERE turn_id <> ''",
        # That something left stays known; what it said is forgotten with the turn.
        """
        CREATE TRIGGER egress_forgets AFTER DELETE ON turns BEGIN
            UPDATE egress SET text = '', replaced = '[]' WHERE turn_id = old.id AND turn_id <> '';
        END
        """,
        """
        CREATE TRIGGER ledger_blanked AFTER UPDATE OF text ON turns WHEN new.text = '' BEGIN
            UPDATE egress SET text = '', replaced = '[]' WHERE turn_id = old.id AND turn_id <> '';
            DELETE FROM ledger WHERE turn_id = old.id;
        END
        """,
    ),
    (
        "ALTER TABLE turns ADD COLUMN private INTEGER NOT NULL DEFAULT 0",
        # whether it ever was in the outbox: then it may be elsewhere, and forgetting it has to follow it there
        "ALTER TABLE turns ADD COLUMN shared INTEGER NOT NULL DEFAULT 0",
        """
        CREATE TABLE outbox (
            seq INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            turn_id TEXT NOT NULL,
            refused INTEGER NOT NULL DEFAULT 0,
            UNIQUE (turn_id, kind)
        ) STRICT
        """,
        "CREATE INDEX outbox_open ON outbox (seq) WHERE refused = 0",
        """
        CREATE TABLE home_turns (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            conversation_id TEXT NOT NULL,
            device_id TEXT NOT NULL,
            started_ms INTEGER NOT NULL,
            received_ms INTEGER NOT NULL,
            text TEXT NOT NULL,
            reply TEXT NOT NULL
        ) STRICT
        """,
        "CREATE TABLE forgotten (id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE sync_cursor (id INTEGER PRIMARY KEY CHECK (id = 1), cursor BLOB NOT NULL) STRICT",
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
    (
        "ALTER TABLE deferred ADD COLUMN turn_id TEXT NOT NULL DEFAULT ''",
        """
        CREATE TABLE deferred_context (
            question_id TEXT NOT NULL REFERENCES deferred (id) ON DELETE CASCADE,
            place INTEGER NOT NULL,
            turn_id TEXT NOT NULL,
            text TEXT NOT NULL,
            reply TEXT NOT NULL,
            PRIMARY KEY (question_id, place)
        ) STRICT
        """,
        # What a turn said is nowhere once it is forgotten.
        """
        CREATE TRIGGER deferred_forgets AFTER DELETE ON turns BEGIN
            DELETE FROM deferred WHERE turn_id = old.id;
            DELETE FROM deferred_context WHERE turn_id = old.id;
        END
        """,
    ),
)
"""Each step's statements, run in one transaction."""
