"""The registry's tables, at the newest revision of `migrations/`.

`events` is the truth: append-only, and with the licences, categories and kinds in its bodies enough to derive how
every seller stands. Personal data are in no event, so that they can be erased: they are in `sellers`, `persons`,
`complaints`, `appeals` and `violations`. The columns of `sellers` from `standing` on, and the states of `complaints`
and `appeals`, are derived; `fairpost registry verify` derives them again and compares.

Beside the registry: `api_keys`, who may call the servers, and `audit`, who has changed what, in a chain.

Times are milliseconds since 1970 (UTC); days are dates in China.
"""

from __future__ import annotations

import sqlalchemy as sa

__all__ = [
    "acknowledgements",
    "api_keys",
    "appeals",
    "archives",
    "audit",
    "bulletin_log",
    "complaints",
    "deliveries",
    "document_tags",
    "document_versions",
    "documents",
    "events",
    "head",
    "jobs",
    "ladders",
    "licences",
    "metadata",
    "persons",
    "receivers",
    "requests",
    "sellers",
    "store",
    "violations",
]

metadata = sa.MetaData()

# Lists go by seller id: in the order of its bytes on every store, whatever the database's collation.
_SELLER_ID = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")

# One row. `store_id` is part of consistency tokens: a token of another store is recognised.
store = sa.Table(
    "store",
    metadata,
    sa.Column("store_id", sa.String(8), primary_key=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)

# One row, locked by every write for as long as it lasts: so events are committed in the order of their sequence, and
# whoever has read up to a sequence has missed nothing. `checksum` is that of all mirror entries (see mirror.py);
# `key_id` is the encryption key that everybody writes with, empty before the first write (see rotation.py);
# `audit_sequence` and `audit_hash` are those of the last entry of `audit` (0 and
# nothing before the first).
head = sa.Table(
    "head",
    metadata,
    sa.Column("one", sa.SmallInteger, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("checksum", sa.LargeBinary(16), nullable=False),
    sa.Column("key_id", sa.String(8), nullable=False),
    sa.Column("audit_sequence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("audit_hash", sa.LargeBinary(32)),
)

sellers = sa.Table(
    "sellers",
    metadata,
    sa.Column("seller_id", _SELLER_ID, primary_key=True),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("credit_code", sa.String(18), index=True),
    sa.Column("categories", sa.JSON, nullable=False),
    sa.Column("exempt_reason", sa.String(500)),
    sa.Column("registered_at", sa.BigInteger, nullable=False),
    # Days on which the registration was closed (derived: the term for keeping the record runs from it), the person's
    # data were erased or blocked, and the rest of the record, its log included, was erased.
    sa.Column("closed_on", sa.Date, index=True),
    sa.Column("erased_on", sa.Date, index=True),
    sa.Column("purged_on", sa.Date),
    # Sequence of the seller's last event.
    sa.Column("version", sa.BigInteger, nullable=False, index=True, unique=True),
    # Derived, as of `standing_day`: a record of the engine's SELLER_RECORD_DTYPE, its axes once more for searching, the
    # next day on which it changes by itself, and 16 bytes of the mirror's checksum.
    sa.Column("standing", sa.LargeBinary, nullable=False),
    sa.Column("standing_day", sa.Date, nullable=False),
    sa.Column("registration", sa.SmallInteger, nullable=False, index=True),
    sa.Column("enforcement", sa.SmallInteger, nullable=False, index=True),
    sa.Column("listing", sa.SmallInteger, nullable=False, index=True),
    sa.Column("next_change", sa.Date, index=True),
    sa.Column("digest", sa.LargeBinary(16), nullable=False),
)

# Who a natural person is. Ciphers are AES-GCM (see people.py); `number_hash` finds a person again.
persons = sa.Table(
    "persons",
    metadata,
    sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), primary_key=True),
    sa.Column("number_hash", sa.LargeBinary(32), index=True),
    sa.Column("number_masked", sa.String(18), nullable=False),
    sa.Column("number_cipher", sa.LargeBinary),
    sa.Column("contacts_cipher", sa.LargeBinary),
)

# What the law orders to keep of persons whose data were erased: blocked from use, shown by nothing but ExportPerson.
archives = sa.Table(
    "archives",
    metadata,
    sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), primary_key=True),
    sa.Column("kept_until", sa.Date, nullable=False, index=True),
    sa.Column("content_cipher", sa.LargeBinary, nullable=False),
)

licences = sa.Table(
    "licences",
    metadata,
    sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), primary_key=True),
    sa.Column("scope", sa.String(64), primary_key=True),
    sa.Column("number", sa.String(64), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("valid_until", sa.Date),
    sa.Column("evidence", sa.String(500), nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("reason", sa.String(1000), nullable=False),
    sa.Column("evidence", sa.String(500), nullable=False),
    sa.Column("effective", sa.Date, nullable=False),
    sa.Column("expires", sa.Date),
    sa.Column("appeal_until", sa.Date),
    sa.Column("decision_id", sa.String(64), nullable=False),
    sa.Column("revision", sa.String(64), nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    sa.Index("ix_events_seller", "seller_id", "sequence"),
)

# Posts on which a verdict was SHIELD or BLOCK, each once: the primary key is what makes it once.
violations = sa.Table(
    "violations",
    metadata,
    sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), primary_key=True),
    # "id:" and the caller's id of the post, or "text:" and a keyed hash of its texts.
    sa.Column("post_key", sa.String(260), primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False, index=True),
    # The post's texts and how it was judged (JSON, encrypted), for an appeal's regression case.
    sa.Column("post_cipher", sa.LargeBinary),
    sa.Column("recorded_at", sa.BigInteger, nullable=False, index=True),
)

complaints = sa.Table(
    "complaints",
    metadata,
    sa.Column("complaint_id", sa.String(32), primary_key=True),
    sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), nullable=False, index=True),
    # Sequence of the filing's event: the order of lists.
    sa.Column("filed", sa.BigInteger, nullable=False, unique=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False, index=True),
    sa.Column("outcome", sa.SmallInteger, nullable=False),
    sa.Column("post_id", sa.String(256), nullable=False),
    sa.Column("order_id", sa.String(128), nullable=False),
    sa.Column("consumer_id", sa.String(128), nullable=False, index=True),
    sa.Column("statement_cipher", sa.LargeBinary),
    sa.Column("contact_cipher", sa.LargeBinary),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("handler", sa.String(128), nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("resolution", sa.Text, nullable=False),
    sa.Column("filed_at", sa.BigInteger, nullable=False),
    sa.Column("filed_on", sa.Date, nullable=False),
    sa.Column("received_on", sa.Date),
    sa.Column("answer_due", sa.Date, nullable=False),
    sa.Column("handling_due", sa.Date, nullable=False),
    sa.Column("answered_on", sa.Date),
    sa.Column("ended_on", sa.Date, index=True),
    # The first overdue day of the earliest clock that still runs: what the job for overdue ones looks for. Whether one
    # of seller or handler has run out before.
    sa.Column("next_due", sa.Date, index=True),
    sa.Column("overdue", sa.Boolean, nullable=False),
)

appeals = sa.Table(
    "appeals",
    metadata,
    sa.Column("appeal_id", sa.String(32), primary_key=True),
    sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), nullable=False, index=True),
    sa.Column("against", sa.BigInteger, nullable=False, unique=True),
    sa.Column("filed", sa.BigInteger, nullable=False, unique=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False, index=True),
    sa.Column("statement_cipher", sa.LargeBinary),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("filed_at", sa.BigInteger, nullable=False),
    sa.Column("decided_at", sa.BigInteger),
)

# Penalty ladders by the digest of their content: a strike names the one that was in force when it was recorded.
ladders = sa.Table(
    "ladders",
    metadata,
    sa.Column("revision", sa.String(16), primary_key=True),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
)

# Answered writes by their idempotency key. `digest` is keyed: requests hold personal data.
requests = sa.Table(
    "requests",
    metadata,
    sa.Column("request_id", sa.String(128), primary_key=True),
    # Whom it is about: with the seller's data the answer is erased, too.
    sa.Column("seller_id", _SELLER_ID, nullable=False, index=True),
    sa.Column("method", sa.String(64), nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.Column("response_cipher", sa.LargeBinary, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False, index=True),
)

# Jobs that run on one node at a time: who holds each until when, and when it last ended well.
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("holder", sa.String(64), nullable=False),
    sa.Column("held_until", sa.BigInteger, nullable=False),
    sa.Column("last_run", sa.BigInteger, nullable=False),
    sa.Column("last_error", sa.String(500), nullable=False),
)

# Who may call the servers (see access/keys.py). `secret_hash` is the SHA-256 of the secret, which is kept nowhere;
# `changed` is the sequence of the audit entry that last changed the row: by it servers see that they must read again.
api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("key_id", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("roles", sa.String(128), nullable=False),
    sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("last_used_at", sa.BigInteger),
    sa.Column("changed", sa.BigInteger, nullable=False),
)

# Every change of state, in a chain of hashes (see audit/chain.py). Append-only, by triggers. No personal data: sellers
# are named by the sequences of their events.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("method", sa.String(100), nullable=False),
    sa.Column("peer", sa.String(100), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(300), nullable=False),
    sa.Column("outcome", sa.String(64), nullable=False),
    # Of the entry before; empty in the first.
    sa.Column("previous", sa.LargeBinary(32), nullable=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
)

# ---- the bulletin ---------------------------------------------------------------------------------------

_DOCUMENT_ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")

# Every step of every document, append-only. Sequences are those of `events`: one log of the store, in two tables.
# step: "published", "scheduled", "cancelled" or "withdrawn"; public: whether readers are told.
bulletin_log = sa.Table(
    "bulletin_log",
    metadata,
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

# Derived from the log: where each document stands. public_number: the version that is or was public last; 0: none was.
# scheduled_number: the version that waits for publish_at; 0: none does. listed: the order of lists: sequence of the
# first publication, or of the first step while there was none. told: sequence of the last step that readers are told
# of. search: what queries look in, folded.
documents = sa.Table(
    "documents",
    metadata,
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

# What each version says, never changed; `state` and the times follow from the log. content: all but the body, which
# lists leave out.
document_versions = sa.Table(
    "document_versions",
    metadata,
    sa.Column("document_id", _DOCUMENT_ID, sa.ForeignKey("documents.document_id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("note", sa.String(1000), nullable=False),
    sa.Column("rule_change", sa.JSON, nullable=False),
    # Fingerprints of what is enforced before and after, where it announces a rule change.
    sa.Column("old_rules", sa.String(64), nullable=False),
    sa.Column("new_rules", sa.String(64), nullable=False, index=True),
    sa.Column("publish_at", sa.BigInteger),
    sa.Column("published_at", sa.BigInteger),
    sa.Column("withdrawn_at", sa.BigInteger),
    sa.Column("withdrawal_reason", sa.String(1000), nullable=False),
)

# Of the version that is or was public last: kind "category", "rule", "law" (the law, and the article).
document_tags = sa.Table(
    "document_tags",
    metadata,
    sa.Column("document_id", _DOCUMENT_ID, sa.ForeignKey("documents.document_id"), primary_key=True),
    sa.Column("kind", sa.String(8), primary_key=True),
    sa.Column("tag", sa.String(200), primary_key=True),
    sa.Index("ix_document_tags_tag", "kind", "tag"),
)

# What sellers have accepted. Each row is an event of the seller's log, too.
acknowledgements = sa.Table(
    "acknowledgements",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), nullable=False, index=True),
    sa.Column("document_id", _DOCUMENT_ID, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    sa.Index("ix_acknowledgements_document", "document_id", "sequence"),
)

# Who is told of what is published: up to which sequence their deliveries were written down.
receivers = sa.Table(
    "receivers",
    metadata,
    sa.Column("receiver", sa.String(64), primary_key=True),
    sa.Column("queued_to", sa.BigInteger, nullable=False),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("sequence", sa.BigInteger, sa.ForeignKey("bulletin_log.sequence"), primary_key=True),
    sa.Column("receiver", sa.String(64), primary_key=True),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", sa.BigInteger),
    sa.Column("tried_at", sa.BigInteger),
    sa.Column("last_error", sa.String(500), nullable=False),
    sa.Index("ix_deliveries_waiting", "state", "next_attempt_at"),
)
