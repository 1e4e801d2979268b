"""The bulletin: documents, their versions and log, what sellers accepted, what is to be delivered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SELLER_ID = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")
_DOCUMENT_ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "bulletin_log",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("document_id", _DOCUMENT_ID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("public", sa.Boolean, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("reason", sa.String(1000), nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Index("ix_bulletin_log_document", "document_id", "sequence"),
    )
    op.create_table(
        "documents",
        sa.Column("document_id", _DOCUMENT_ID, primary_key=True),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("listed", sa.BigInteger, nullable=False, unique=True),
        sa.Column("told", sa.BigInteger, unique=True),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("public_number", sa.Integer, nullable=False),
        sa.Column("scheduled_number", sa.Integer, nullable=False),
        sa.Column("publish_at", sa.BigInteger, index=True),
        sa.Column("first_published_at", sa.BigInteger),
        sa.Column("published_at", sa.BigInteger, index=True),
        sa.Column("effective_from", sa.Date),
        sa.Column("effective_until", sa.Date),
        sa.Column("search", sa.Text, nullable=False),
    )
    op.create_table(
        "document_versions",
        sa.Column("document_id", _DOCUMENT_ID, sa.ForeignKey("documents.document_id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("note", sa.String(1000), nullable=False),
        sa.Column("rule_change", sa.JSON, nullable=False),
        sa.Column("old_rules", sa.String(64), nullable=False),
        sa.Column("new_rules", sa.String(64), nullable=False, index=True),
        sa.Column("publish_at", sa.BigInteger),
        sa.Column("published_at", sa.BigInteger),
        sa.Column("withdrawn_at", sa.BigInteger),
        sa.Column("withdrawal_reason", sa.String(1000), nullable=False),
    )
    op.create_table(
        "document_tags",
        sa.Column("document_id", _DOCUMENT_ID, sa.ForeignKey("documents.document_id"), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("tag", sa.String(200), primary_key=True),
        sa.Index("ix_document_tags_tag", "kind", "tag"),
    )
    op.create_table(
        "acknowledgements",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), nullable=False, index=True),
        sa.Column("document_id", _DOCUMENT_ID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Index("ix_acknowledgements_document", "document_id", "sequence"),
    )
    op.create_table(
        "receivers",
        sa.Column("receiver", sa.String(64), primary_key=True),
        sa.Column("queued_to", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("sequence", sa.BigInteger, sa.ForeignKey("bulletin_log.sequence"), primary_key=True),
        sa.Column("receiver", sa.String(64), primary_key=True),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger),
        sa.Column("tried_at", sa.BigInteger),
        sa.Column("last_error", sa.String(500), nullable=False),
        sa.Index("ix_deliveries_waiting", "state", "next_attempt_at"),
    )
    _append_only(op.get_context().dialect.name)


def _append_only(dialect: str) -> None:
    """What was published, and what it said, is never changed and never removed."""
    if dialect == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER bulletin_log_no_{verb.lower()} BEFORE {verb} ON bulletin_log "
                "BEGIN SELECT RAISE(ABORT, 'the bulletin''s log is append-only'); END"
            )
        op.execute(
            "CREATE TRIGGER document_versions_no_update BEFORE UPDATE OF content, body, note, rule_change "
            "ON document_versions BEGIN SELECT RAISE(ABORT, 'versions of documents are never changed'); END"
        )
        op.execute(
            "CREATE TRIGGER document_versions_no_delete BEFORE DELETE ON document_versions "
            "BEGIN SELECT RAISE(ABORT, 'versions of documents are never removed'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION bulletin_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'the bulletin is append-only'; END $$"
    )
    for table, verbs in (
        ("bulletin_log", "UPDATE OR DELETE"),
        ("document_versions", "UPDATE OF content, body, note, rule_change OR DELETE"),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE {verbs} ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION bulletin_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION bulletin_append_only()"
        )
