"""The first store: sellers, licences, events, answered requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "store",
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("store_id", sa.String(8), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "sellers",
        sa.Column("seller_id", sa.String(128), primary_key=True),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("identity_hash", sa.LargeBinary(32), index=True),
        sa.Column("identity_masked", sa.String(18)),
        sa.Column("credit_code", sa.String(18), index=True),
        sa.Column("categories", sa.JSON, nullable=False),
        sa.Column("exempt_reason", sa.String(500)),
        sa.Column("registered_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "licences",
        sa.Column("seller_id", sa.String(128), sa.ForeignKey("sellers.seller_id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_until", sa.Date),
        sa.Column("evidence", sa.String(500), nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("seller_id", sa.String(128), sa.ForeignKey("sellers.seller_id"), nullable=False, index=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("reason", sa.String(1000), nullable=False),
        sa.Column("evidence", sa.String(500), nullable=False),
        sa.Column("effective", sa.Date, nullable=False),
        sa.Column("expires", sa.Date),
        sa.Column("decision_id", sa.String(64), nullable=False),
        sa.Column("revision", sa.String(64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "requests",
        sa.Column("request_id", sa.String(128), primary_key=True),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("response", sa.LargeBinary, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
    )
    if op.get_context().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER events_no_{verb.lower()} BEFORE {verb} ON events "
                "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"
            )
