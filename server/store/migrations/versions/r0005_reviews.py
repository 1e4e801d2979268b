"""The review queue: posts for people to look at, and the rules in their evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SELLER_ID = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.String(32), primary_key=True),
        sa.Column("post_key", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("queued", sa.BigInteger, nullable=False, unique=True),
        sa.Column("urgency", sa.BigInteger, nullable=False, unique=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("seller_id", _SELLER_ID, nullable=False),
        sa.Column("post_id", sa.String(256), nullable=False),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("language", sa.String(64), nullable=False),
        sa.Column("action", sa.SmallInteger, nullable=False),
        sa.Column("risk", sa.Double, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("rules", sa.JSON, nullable=False),
        sa.Column("categories", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.String(64), nullable=False),
        sa.Column("decision_id", sa.String(64), nullable=False),
        sa.Column("queued_at", sa.BigInteger, nullable=False),
        sa.Column("claimed_by", sa.String(128), nullable=False),
        sa.Column("claimed_until", sa.BigInteger, nullable=False),
        sa.Column("decided", sa.BigInteger, unique=True),
        sa.Column("decided_at", sa.BigInteger),
        sa.Column("outcome", sa.SmallInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("violation", sa.BigInteger, nullable=False),
        sa.Column("post_cipher", sa.LargeBinary),
        sa.Index("ix_reviews_state_queued", "state", "queued"),
        sa.Index("ix_reviews_state_urgency", "state", "urgency"),
        sa.Index("ix_reviews_seller", "seller_id", "queued"),
        sa.Index("ix_reviews_decided_at", "decided_at"),
    )
    op.create_table(
        "review_rules",
        sa.Column("rule", sa.String(200), primary_key=True),
        sa.Column("queued", sa.BigInteger, sa.ForeignKey("reviews.queued", ondelete="CASCADE"), primary_key=True),
        sa.Column("shadow", sa.Boolean, nullable=False),
        sa.Index("ix_review_rules_queued", "queued"),
    )
