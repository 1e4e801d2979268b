"""The registry whole: derived standing, encrypted persons, complaints, appeals, violations, ladders, jobs.

How each seller stands is derived at the first start after this: their `next_change` lies in the past. What the first
store had in columns only (kind, categories, licences) becomes an event of each seller, since the log alone must
tell how they stand. Answers kept for idempotency are dropped: they held names in clear.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LONG_AGO = date(1970, 1, 1)
_CHINA_MS = 8 * 3_600_000
_SELLER_ID = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")
_OLD = ("store", "sellers", "licences", "events")


def upgrade() -> None:
    connection = op.get_bind()
    kept = {name: _rows(connection, name) for name in _OLD}
    if connection.dialect.name == "sqlite":
        op.execute("DROP TRIGGER events_no_update")
        op.execute("DROP TRIGGER events_no_delete")
    for name in ("requests", "events", "licences", "sellers", "store"):
        op.drop_table(name)
    _create()
    _fill(connection, kept)
    _append_only(connection.dialect.name)


def _rows(connection: sa.Connection, name: str) -> list[dict[str, Any]]:
    table = sa.Table(name, sa.MetaData(), autoload_with=connection, resolve_fks=False)
    order = [table.c.position] if name == "licences" else []
    return [dict(row) for row in connection.execute(sa.select(table).order_by(*order)).mappings()]


def _fill(connection: sa.Connection, kept: dict[str, list[dict[str, Any]]]) -> None:
    last = max((row["sequence"] for row in kept["events"]), default=0)
    held: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for row in kept["licences"]:
        held.setdefault(row["seller_id"], {})[row["scope"], row["number"]] = row
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("store", "sellers", "persons", "licences")}
    rows["store"] = [{name: row[name] for name in ("store_id", "created_at")} for row in kept["store"]]
    rows["events"] = [row | {"appeal_until": None} for row in kept["events"]]
    rows["head"] = [
        {"one": 1, "sequence": last + len(kept["sellers"]), "checksum": bytes(16), "key_id": ""},
    ]
    for version, row in enumerate(kept["sellers"], last + 1):
        seller_id = row["seller_id"]
        identity = {"number_hash": row.pop("identity_hash"), "number_masked": row.pop("identity_masked")}
        derived = {"standing": b"", "standing_day": _LONG_AGO, "next_change": _LONG_AGO, "digest": bytes(16)}
        derived |= {"registration": 0, "enforcement": 0, "listing": 0, "version": version}
        rows["sellers"].append(row | derived)
        if identity["number_hash"]:
            rows["persons"].append(identity | {"seller_id": seller_id})
        licences = list(held.get(seller_id, {}).values())
        rows["licences"] += [licence | {"position": position} for position, licence in enumerate(licences)]
        body = {"fields": [], "kind": row["kind"], "categories": row["categories"]}
        body["licences"] = [_licence_body(licence) for licence in licences]
        rows["events"].append(
            {
                "sequence": version,
                "seller_id": seller_id,
                "kind": "record",
                "body": body,
                "actor": "migration",
                "reason": "the record as the first store had it",
                "evidence": "",
                "effective": date.fromordinal(719163 + (row["registered_at"] + _CHINA_MS) // 86_400_000),
                "expires": None,
                "appeal_until": None,
                "decision_id": "",
                "revision": "",
                "recorded_at": row["registered_at"],
            }
        )
    for name, found in rows.items():
        if found:
            table = sa.Table(name, sa.MetaData(), autoload_with=connection, resolve_fks=False)
            connection.execute(table.insert(), found)


def _licence_body(licence: dict[str, Any]) -> dict[str, str]:
    until = licence["valid_until"]
    return {
        "scope": licence["scope"],
        "number": licence["number"],
        "valid_from": licence["valid_from"].isoformat(),
        "valid_until": until.isoformat() if until else "",
        "evidence": licence["evidence"],
    }


def _append_only(dialect: str) -> None:
    """Events are never changed, and removed only with all of a seller whose data are erased."""
    if dialect == "sqlite":
        op.execute(
            "CREATE TRIGGER events_no_update BEFORE UPDATE ON events "
            "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"
        )
        op.execute(
            "CREATE TRIGGER events_no_delete BEFORE DELETE ON events "
            "WHEN (SELECT erased_on FROM sellers WHERE seller_id = OLD.seller_id) IS NULL "
            "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP = 'DELETE' AND (SELECT erased_on FROM sellers WHERE seller_id = OLD.seller_id) IS NOT NULL THEN "
        "RETURN OLD; END IF; RAISE EXCEPTION 'events are append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events "
        "FOR EACH ROW EXECUTE FUNCTION events_append_only()"
    )
    op.execute("CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events EXECUTE FUNCTION events_append_only()")


def _create() -> None:
    op.create_table(
        "store",
        sa.Column("store_id", sa.String(8), primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "head",
        sa.Column("one", sa.SmallInteger, primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("checksum", sa.LargeBinary(16), nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
    )
    op.create_table(
        "sellers",
        sa.Column("seller_id", _SELLER_ID, primary_key=True),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("credit_code", sa.String(18), index=True),
        sa.Column("categories", sa.JSON, nullable=False),
        sa.Column("exempt_reason", sa.String(500)),
        sa.Column("registered_at", sa.BigInteger, nullable=False),
        sa.Column("closed_on", sa.Date, index=True),
        sa.Column("erased_on", sa.Date, index=True),
        sa.Column("purged_on", sa.Date),
        sa.Column("version", sa.BigInteger, nullable=False, index=True, unique=True),
        sa.Column("standing", sa.LargeBinary, nullable=False),
        sa.Column("standing_day", sa.Date, nullable=False),
        sa.Column("registration", sa.SmallInteger, nullable=False, index=True),
        sa.Column("enforcement", sa.SmallInteger, nullable=False, index=True),
        sa.Column("listing", sa.SmallInteger, nullable=False, index=True),
        sa.Column("next_change", sa.Date, index=True),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
    )
    op.create_table(
        "persons",
        sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), primary_key=True),
        sa.Column("number_hash", sa.LargeBinary(32), index=True),
        sa.Column("number_masked", sa.String(18), nullable=False),
        sa.Column("number_cipher", sa.LargeBinary),
        sa.Column("contacts_cipher", sa.LargeBinary),
    )
    op.create_table(
        "archives",
        sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), primary_key=True),
        sa.Column("kept_until", sa.Date, nullable=False, index=True),
        sa.Column("content_cipher", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "licences",
        sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), primary_key=True),
        sa.Column("scope", sa.String(64), primary_key=True),
        sa.Column("number", sa.String(64), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_until", sa.Date),
        sa.Column("evidence", sa.String(500), nullable=False),
    )
    op.create_table(
        "events",
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
    op.create_table(
        "violations",
        sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), primary_key=True),
        sa.Column("post_key", sa.String(260), primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False, index=True),
        sa.Column("post_cipher", sa.LargeBinary),
        sa.Column("recorded_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "complaints",
        sa.Column("complaint_id", sa.String(32), primary_key=True),
        sa.Column("seller_id", _SELLER_ID, sa.ForeignKey("sellers.seller_id"), nullable=False, index=True),
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
        sa.Column("next_due", sa.Date, index=True),
        sa.Column("overdue", sa.Boolean, nullable=False),
    )
    op.create_table(
        "appeals",
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
    op.create_table(
        "ladders",
        sa.Column("revision", sa.String(16), primary_key=True),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("request_id", sa.String(128), primary_key=True),
        sa.Column("seller_id", _SELLER_ID, nullable=False, index=True),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("response_cipher", sa.LargeBinary, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "jobs",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("held_until", sa.BigInteger, nullable=False),
        sa.Column("last_run", sa.BigInteger, nullable=False),
        sa.Column("last_error", sa.String(500), nullable=False),
    )
