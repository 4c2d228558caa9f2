"""Homes, their turns, what was forgotten; devices that share a database.

A released version never changes; a new one is a new file.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "homes",
        sa.Column("home", sa.String(60), primary_key=True),
        sa.Column("epoch", sa.String(32), nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "turns",
        sa.Column("home", sa.String(60), sa.ForeignKey("homes.home"), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("turn_id", sa.String(36), nullable=False),
        sa.Column("device_id", sa.String(36), nullable=False),
        sa.Column("conversation_id", sa.String(36), nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.Column("utterance", sa.Text, nullable=False),
        sa.Column("reply", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("home", "seq"),
    )
    op.create_index("turns_by_id", "turns", ["home", "turn_id"], unique=True)
    op.create_index("turns_by_age", "turns", ["received_ms"])
    op.create_table(
        "forgotten",
        sa.Column("home", sa.String(60), sa.ForeignKey("homes.home"), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("turn_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("home", "seq"),
    )
    op.create_index("forgotten_by_id", "forgotten", ["home", "turn_id"], unique=True)
    op.create_table(
        "devices",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("folded", sa.String(240), nullable=False, unique=True),
        sa.Column("home", sa.String(60), nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger),
    )
    op.create_table(
        "usage",
        sa.Column("device_id", sa.String(36), sa.ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
        sa.Column("day", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("device_id", "day"),
    )
    changes = op.create_table(
        "changes",
        sa.Column("what", sa.String(20), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(changes, [{"what": "devices", "count": 0}])
