"""The gateway's history as tables. They change through `versions` only, where a test holds the two together."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, MetaData, PrimaryKeyConstraint, String, Table, Text

HEAD = "0001"
"""The newest version of the schema."""

metadata = MetaData()

homes = Table(
    "homes",
    metadata,
    Column("home", String(60), primary_key=True),
    Column("epoch", String(32), nullable=False),
    Column("last_seq", BigInteger, nullable=False),
)
"""`last_seq`: the newest entry. Whoever writes for a home locks its row first, so entries appear in their order."""

turns = Table(
    "turns",
    metadata,
    Column("home", String(60), ForeignKey("homes.home"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("turn_id", String(36), nullable=False),
    Column("device_id", String(36), nullable=False),
    Column("conversation_id", String(36), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("utterance", Text, nullable=False),
    Column("reply", Text, nullable=False),
    PrimaryKeyConstraint("home", "seq"),
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("home", String(60), ForeignKey("homes.home"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("turn_id", String(36), nullable=False),
    PrimaryKeyConstraint("home", "seq"),
)
"""What was forgotten stays listed for good: a copy may come back at any time."""

devices = Table(
    "devices",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(60), nullable=False),
    Column("folded", String(240), nullable=False, unique=True),
    Column("home", String(60), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
)
"""`folded`: the name without case, which tells names apart."""

usage = Table(
    "usage",
    metadata,
    Column("device_id", String(36), ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("day", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    PrimaryKeyConstraint("device_id", "day"),
)

changes = Table(
    "changes", metadata, Column("what", String(20), primary_key=True), Column("count", BigInteger, nullable=False)
)
"""How often something changed, for whoever keeps a copy of it."""
