"""BulletinService over gRPC: documents, the stream across restarts, and activation that waits for its notice."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from server_time import DAY_MS, Time

from fairpost.client import CallFailed
from fairpost.server.bulletin.notices import day_at
from fairpost.server.run import StartError
from fairpost.server.store import schema
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from pathlib import Path

WORDS = {"根治": 0.97, "特效": 0.65, "疗效": 0.4}
STRICTER = WORDS | {"痊愈": 0.9}
MILDER = WORDS | {"根治": 0.9}
NOTICE, RULE_CHANGE = bulletin_pb2.DOCUMENT_KIND_NOTICE, bulletin_pb2.DOCUMENT_KIND_RULE_CHANGE
PUBLIC, WITHDRAWN = bulletin_pb2.DOCUMENT_STATE_PUBLIC, bulletin_pb2.DOCUMENT_STATE_WITHDRAWN


def failure(call: Any, *arguments: Any, **options: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call(*arguments, **options)
    return caught.value


def content(title: str = "公告", body: str = "正文", **fields: Any) -> bulletin_pb2.DocumentContent:
    made = bulletin_pb2.DocumentContent(**fields)
    made.title.zh, made.body.zh = title, body
    return made


def test_a_notice_of_a_rule_set_that_is_kept(inside: Any, bundle: Any) -> None:
    running = inside().start()
    client = running.client
    client.activate(bundle(WORDS))
    kept = running.server.rule_sets.keep_candidate(bundle(STRICTER), source="test").revision
    drafted = client.draft_notice(revision=kept)
    assert drafted == client.draft_notice(bundle(STRICTER))
    published = client.publish(revision=kept, kind=RULE_CHANGE, actor="p").document
    assert published.rule_change.new_revision == kept
    assert published.content.body == drafted.content.body
    before = client.status().active.revision
    client.activate(bundle(STRICTER))
    assert client.draft_notice(revision=before).rule_change.new_revision == before
    missing = failure(client.draft_notice, revision="0123456789ab")
    assert (missing.code, missing.reason) == ("NOT_FOUND", "REASON_REVISION_NOT_FOUND")
    both = failure(client.publish, revision=kept, bundle=b"x", kind=RULE_CHANGE, actor="p")
    assert "revision: is given beside the bundle" in both.message
    none = failure(client.publish, kind=RULE_CHANGE, actor="p")
    assert "bundle: is required: the bytes that `fairpost rules compile` wrote, or the revision" in none.message
    odd = failure(client.publish, revision=kept, kind=NOTICE, content=content(), actor="p")
    assert "revision: is for DOCUMENT_KIND_RULE_CHANGE" in odd.message


def test_documents(inside: Any, registration: Any) -> None:
    client = inside().start().client
    answer = client.publish(document_id="opening", kind=NOTICE, content=content(categories=["news"]), actor="p")
    assert client.document("opening") == answer.document
    soon = datetime.now(UTC) + timedelta(seconds=4)
    client.schedule(soon, document_id="later", kind=NOTICE, content=content("稍后"), actor="p")
    assert [document.document_id for document in client.scheduled()] == ["later"]
    # The server's own job makes it public; a subscriber is told at once.
    parts = client.subscribe(answer.cursor)
    entries = next(part.entries for part in parts if part.entries)
    assert (entries[0].document.document_id, entries[0].document.state) == ("later", PUBLIC)
    parts.close()
    assert [document.document_id for document in client.documents()] == ["later", "opening"]
    client.withdraw("later", actor="p", reason="有误")
    assert client.document("later").state == WITHDRAWN
    assert [version.number for version in client.versions("opening")] == [1]
    client.register(registration("s1"))
    client.acknowledge("s1", "opening", 1)
    assert [found.seller_id for found in client.acknowledgements(document_id="opening")] == ["s1"]
    assert failure(client.document, "nothing").code == "NOT_FOUND"
    assert list(client.deliveries()) == []
    assert failure(client.retry_delivery, "x", 1, actor="p").reason == "REASON_DELIVERY_NOT_FOUND"


def test_a_stream_goes_on_after_restarts(server: Any) -> None:
    """The server is killed while it publishes; the subscriber comes back with its cursor each time."""
    running = server().start()
    found: list[tuple[str, int]] = []
    published: list[tuple[str, int]] = []
    cursor = ""
    for turn in range(3):
        client = running.client
        stop = threading.Event()

        def publish(client: Any = client, turn: int = turn, stop: threading.Event = stop) -> None:
            for number in range(200):
                if stop.is_set():
                    return
                name = f"doc-{turn}-{number % 5}"
                try:
                    made = client.publish(document_id=name, kind=NOTICE, content=content(), actor="p").document
                except (CallFailed, ValueError):  # the server is gone; the channel is closed
                    return
                published.append((name, made.number))

        writer = threading.Thread(target=publish)
        writer.start()
        parts = client.subscribe(cursor, from_beginning=not cursor)
        for part in parts:
            found += [(entry.document.document_id, entry.document.number) for entry in part.entries]
            cursor = part.cursor
            if len(found) >= 15 * (turn + 1):
                break
        running.kill()
        stop.set()
        writer.join()
        running.start()
    for part in running.client.subscribe(cursor):
        found += [(entry.document.document_id, entry.document.number) for entry in part.entries]
        if not part.entries:
            break
    assert len(set(found)) == len(found)
    # What was acknowledged is there; beyond it at most what was written when the server was killed.
    assert set(published) <= set(found)
    assert len(found) - len(published) <= 3
    assert [entry for entry in found if entry in set(published)] == published


# ---- activation waits for the notice -------------------------------------------------------------------------


def test_activation_waits_for_its_notice(inside: Any, bundle: Any) -> None:
    running = inside(require_notice=True).start()
    client, time = running.client, Time(running)
    first = client.activate(bundle(WORDS)).active  # nothing to compare with
    found = failure(client.activate, bundle(STRICTER))
    assert (found.code, found.reason, found.metadata) == ("FAILED_PRECONDITION", "REASON_NOTICE_REQUIRED", {})
    assert found.message.startswith(
        "the rule set may be stricter than the active one (medical.3, test.list3), and no notice of this change is "
        "public; publish it (fairpost bulletin publish --bundle) and wait 7 days, or activate it as an emergency"
    )
    assert client.status().last_failure.reason == "REASON_NOTICE_REQUIRED"
    # Milder rules need none, nor do other bytes that enforce the same.
    client.activate(bundle(MILDER))
    client.activate(bundle(MILDER, name="renamed"))
    found = failure(client.activate, bundle(WORDS))
    assert "(medical.0)" in found.message
    # So is going back to what was stricter.
    assert failure(client.roll_back, first.revision).reason == "REASON_NOTICE_REQUIRED"
    intro = content("", "请注意：")
    made = client.publish(kind=RULE_CHANGE, bundle=bundle(STRICTER), content=intro, actor="p").document
    assert made.rule_change.tightens
    assert made.content.effective_from == day_at(time.at + 7 * DAY_MS).isoformat()
    assert made.content.title.zh == f"规则变动公告（{made.content.effective_from} 起实施）"
    assert made.content.body.zh.startswith("请注意：\n\n自 ")
    assert "`medical.3`" in made.content.body.en
    assert (list(made.content.rules), list(made.content.categories)) == (["medical.0", "medical.3"], ["MEDICAL"])
    time.forward(days=6.99)
    found = failure(client.activate, bundle(STRICTER))
    assert f"its notice {made.document_id} has been public for less than 7 days; activate it from " in found.message
    ready = datetime.fromtimestamp((made.published_at.ToMilliseconds() + 7 * DAY_MS) / 1000, UTC)
    assert found.metadata == {"notice": made.document_id, "from": ready.isoformat(timespec="seconds")}
    # A better introduction keeps the time of the notice; a notice of something else is none.
    client.publish(kind=RULE_CHANGE, bundle=bundle(STRICTER), content=content("", "请各位注意："), actor="p")
    time.forward(days=0.01)
    assert failure(client.activate, bundle(STRICTER | {"神药": 0.9})).reason == "REASON_NOTICE_REQUIRED"
    assert client.activate(bundle(STRICTER)).active.active
    assert client.check("痊愈").action


def test_a_withdrawn_notice_is_none(inside: Any, bundle: Any) -> None:
    running = inside(require_notice=True, notice_days=3).start()
    client, time = running.client, Time(running)
    client.activate(bundle(WORDS))
    made = client.publish(kind=RULE_CHANGE, bundle=bundle(STRICTER), actor="p").document
    time.forward(days=4)
    client.withdraw(made.document_id, actor="p", reason="有误")
    assert failure(client.activate, bundle(STRICTER)).metadata == {}
    client.publish(kind=RULE_CHANGE, bundle=bundle(STRICTER), actor="p")
    assert "less than 3 days" in failure(client.activate, bundle(STRICTER)).message
    # Scheduled is not public.
    later = datetime.fromtimestamp(time.at / 1000, UTC) + timedelta(days=1)
    scheduled = client.schedule(later, kind=RULE_CHANGE, bundle=bundle(STRICTER | {"神药": 0.9}), actor="p").document
    assert scheduled.content.effective_from == day_at(time.at + 4 * DAY_MS).isoformat()
    assert failure(client.activate, bundle(STRICTER | {"神药": 0.9})).metadata == {}


def test_emergencies(inside: Any, bundle: Any, capsys: Any) -> None:
    running = inside(require_notice=True).start()
    client, time = running.client, Time(running)
    client.activate(bundle(WORDS), emergency_reason="不需要")
    assert list(client.documents()) == []
    active = client.activate(bundle(STRICTER), emergency_reason="假药正在传播", actor="ops-1").active
    (notice,) = client.documents()
    assert notice.document_id == f"rule-change-{active.revision}"
    assert notice.rule_change.emergency_reason == "假药正在传播"
    assert notice.content.title.zh == f"紧急规则变动公告（{day_at(time.at).isoformat()} 起实施）"
    assert "> **紧急变动**：本次变动未经提前公示即实施。原因：假药正在传播" in notice.content.body.zh
    assert "emergency activation without the notice's term" in capsys.readouterr().out
    with running.server.registry.core.store.read() as connection:
        audited = connection.execute(sa.select(schema.audit.c.actor, schema.audit.c.subject)).all()
    subject = next(row.subject for row in audited if "emergency" in row.subject)
    reason = "假药正在传播".encode("unicode_escape").decode()  # the chain's form is ASCII
    assert f"emergency activation of rule set {active.revision}: {reason}" in subject
    assert f"document {notice.document_id} version 1: published" in subject
    # A notice that is too young becomes the emergency's, as a new version.
    more = bundle(STRICTER | {"神药": 0.9})
    made = client.publish(document_id="more", kind=RULE_CHANGE, bundle=more, actor="p").document
    client.activate(more, emergency_reason="再次", actor="ops-1")
    assert (client.document(made.document_id).number, client.document("more").rule_change.emergency_reason) == (
        2,
        "再次",
    )
    # Rolling back to what is milder needs no reason; forth again it does.
    client.roll_back()
    assert failure(client.roll_back, client.revisions()[1].revision).reason == "REASON_NOTICE_REQUIRED"
    client.roll_back(client.revisions()[1].revision, emergency_reason="误退", actor="ops-1")
    found = failure(client.activate, more, emergency_reason="x" * 1001, actor="a\nb")
    assert {field for field, _ in found.violations} == {"emergency_reason", "actor"}


def test_an_emergency_that_does_not_come_to_pass(inside: Any, bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    running = inside(require_notice=True).start()
    client = running.client
    client.activate(bundle(WORDS))

    def full(arrived: Path, path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fairpost.server.kept.rename_durably", full)
    assert failure(client.activate, bundle(STRICTER), emergency_reason="急").code == "UNAVAILABLE"
    (notice,) = client.documents(withdrawn=True)
    assert (notice.state, notice.withdrawal_reason) == (WITHDRAWN, "the rule set was not activated after all")


def test_starting_with_stricter_rules(inside: Any, bundle: Any, tmp_path: Path) -> None:
    first, second = tmp_path / "first.fpb", tmp_path / "second.fpb"
    first.write_bytes(bundle(WORDS))
    second.write_bytes(bundle(STRICTER))
    inside(require_notice=True, rules=first).start().stop()
    running = inside(require_notice=True, rules=second)
    with pytest.raises(StartError, match=r"second.fpb: the rule set may be stricter than the active one"):
        running.start()
    inside(rules=second).start()  # without require_notice nothing is asked


def test_without_require_notice(inside: Any, bundle: Any) -> None:
    client = inside().start().client
    found = failure(client.draft_notice, bundle(STRICTER))
    assert found.reason == "REASON_NO_ACTIVE_RULE_SET"
    client.activate(bundle(WORDS))
    drafted = client.draft_notice(bundle(STRICTER))
    assert drafted.rule_change.tightens
    assert (drafted.rule_change.stricter, drafted.rule_change.milder) == (2, 0)
    assert list(client.documents()) == []
    backwards = client.draft_notice(bundle(WORDS), old_bundle=bundle(STRICTER), effective_from="2026-12-24")
    assert (backwards.rule_change.tightens, backwards.content.effective_from) == (False, "2026-12-24")
    urgent = client.draft_notice(bundle(STRICTER), emergency_reason="急")
    assert "**Emergency**" in urgent.content.body.en
    assert failure(client.draft_notice, b"x").message == "bundle: 1 bytes is shorter than a bundle's header (64 bytes)"
    found = failure(client.draft_notice, b"", effective_from="x")
    assert {field for field, _ in found.violations} == {"bundle", "effective_from"}
    client.activate(bundle(STRICTER))
    # A day on which stricter rules could not apply is refused where notices are required, and only there.
    early = content("", "", effective_from="2026-01-01")
    client.publish(kind=RULE_CHANGE, bundle=bundle(WORDS), content=early, actor="p")
    client.publish(document_id="x", kind=RULE_CHANGE, bundle=bundle(STRICTER | {"神药": 0.9}), content=early, actor="p")


def test_days_of_stricter_rules(inside: Any, bundle: Any) -> None:
    running = inside(require_notice=True).start()
    client, time = running.client, Time(running)
    client.activate(bundle(WORDS))
    early = content("", "", effective_from=day_at(time.at + 6 * DAY_MS).isoformat())
    found = failure(client.publish, kind=RULE_CHANGE, bundle=bundle(STRICTER), content=early, actor="p")
    first = day_at(time.at + 7 * DAY_MS).isoformat()
    fault = f"is {early.effective_from}; stricter rules apply from {first} on, 7 days after their notice"
    assert dict(found.violations) == {"content.effective_from": fault}
    client.publish(kind=RULE_CHANGE, bundle=bundle(MILDER), content=early, actor="p")


def test_settings(inside: Any, registration: Any) -> None:
    client = inside(registration_documents="seller-rules, price-rules").start().client
    assert list(client.register(registration("s1")).seller.requirements.currently_due) == [
        "acknowledgement: seller-rules",
        "acknowledgement: price-rules",
    ]
    with pytest.raises(ValueError, match=r"'Not An Id' is no id; write lower-case letters"):
        inside("other", registration_documents="Not An Id").start()


def test_the_client_goes_on_over_a_restart(inside: Any) -> None:
    """The same generator, while the server is stopped and started again: nothing twice, nothing missing."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    first = inside(port=port).start()
    parts = first.client.with_options(timeout=60).subscribe(from_beginning=True)
    found: list[tuple[str, int]] = []

    def read_to(count: int) -> None:
        while len(found) < count:
            found.extend((entry.document.document_id, entry.document.number) for entry in next(parts).entries)

    for number in range(3):
        first.client.publish(document_id=f"doc-{number}", kind=NOTICE, content=content(), actor="p")
    read_to(3)
    first.server.stop(0)
    second = inside(port=port).start()
    for number in range(3):
        second.client.publish(document_id=f"doc-{number}", kind=NOTICE, content=content(), actor="p")
    read_to(6)
    parts.close()
    assert found == [(f"doc-{number}", version) for version in (1, 2) for number in range(3)]
