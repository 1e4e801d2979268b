"""The tables of the review queue, beside those of `schema`, at the newest revision of `migrations/`.

Times are milliseconds since 1970 (UTC).
"""

from __future__ import annotations

import sqlalchemy as sa

from fairpost.server.store.schema import metadata

__all__ = ["review_rules", "reviews"]

_SELLER_ID = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")

# Posts for people to look at, each once: `post_key`, a keyed hash of its seller, id and texts, is what makes it once.
# queued: the order in which they came. urgency: riskiest first, the oldest first among equals, as one number.
# decided: sequence of the decision in the store's log; sequences are those of `events`: one log, in three tables.
# The seller may be one whom the registry does not know.
reviews = sa.Table(
    "reviews",
    metadata,
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
    # Labels as [[category, score, severity]], the highest score first; rules as [[enforced], [shadow]]; categories: bit
    # k is that of the k-th in the vocabulary.
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
    # Sequence of the violation in the seller's log; 0: there is none.
    sa.Column("violation", sa.BigInteger, nullable=False),
    # Post and verdict (messages of fairpost.v1), and how it was judged: encrypted, and gone after its term.
    sa.Column("post_cipher", sa.LargeBinary),
    sa.Index("ix_reviews_state_queued", "state", "queued"),
    sa.Index("ix_reviews_state_urgency", "state", "urgency"),
    sa.Index("ix_reviews_seller", "seller_id", "queued"),
    sa.Index("ix_reviews_decided_at", "decided_at"),
)

# The rules in a review's evidence, for lists by rule.
review_rules = sa.Table(
    "review_rules",
    metadata,
    sa.Column("rule", sa.String(200), primary_key=True),
    sa.Column("queued", sa.BigInteger, sa.ForeignKey("reviews.queued", ondelete="CASCADE"), primary_key=True),
    sa.Column("shadow", sa.Boolean, nullable=False),
    sa.Index("ix_review_rules_queued", "queued"),
)
