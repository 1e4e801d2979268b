# ruff: noqa: E501 - tables read better in long lines
"""Deliveries: queue, retries and dead letters; webhooks against the scheme's own verifier; the account in files."""

from __future__ import annotations

import base64
import http.server
import json
import socket
import threading
import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from fairpost.client import CallFailed
from fairpost.server.bulletin import network
from fairpost.server.bulletin.account import Account, Article, FileAccount
from fairpost.server.bulletin.deliveries import PAUSES, Deliveries
from fairpost.server.bulletin.network import NotReached, Target, is_public, post, target_of
from fairpost.server.bulletin.receiver_file import ReceiverFileError, read_receivers
from fairpost.server.bulletin.receivers import DeliveryFailed, Interests, Told
from fairpost.server.bulletin.service import Bulletin
from fairpost.server.bulletin.webhooks import Webhook, payload, secret_key, signature
from fairpost.server.registry import Keys, Registry
from fairpost.server.registry.jobs import Jobs
from fairpost.server.run import StartError
from fairpost.server.store import Store
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
WAITING, DELIVERED = bulletin_pb2.DELIVERY_STATE_WAITING, bulletin_pb2.DELIVERY_STATE_DELIVERED
DEAD = bulletin_pb2.DELIVERY_STATE_DEAD
PUBLIC, WITHDRAWN = bulletin_pb2.DOCUMENT_STATE_PUBLIC, bulletin_pb2.DOCUMENT_STATE_WITHDRAWN
REGULATION = bulletin_pb2.DOCUMENT_KIND_REGULATION


class Hook:
    """An HTTP server that answers with the statuses of a script, then 204, and keeps what it was sent."""

    def __init__(self, *script: int | tuple[int, dict[str, str]] | str) -> None:
        self.script = list(script)
        self.got: list[tuple[dict[str, str], bytes]] = []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                step = hook.script.pop(0) if hook.script else 204
                if step == "drip":
                    for _ in range(50):
                        self.wfile.write(b"H")
                        clock.sleep(0.1)
                    return
                status, headers = step if isinstance(step, tuple) else (int(step), {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        class Quiet(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None: ...

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks?a=1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def hooks() -> Iterator[Any]:
    made: list[Hook] = []

    def make(*script: Any) -> Hook:
        made.append(Hook(*script))
        return made[-1]

    yield make
    for hook in made:
        hook.close()


def entry(
    number: int = 1, state: bulletin_pb2.DocumentState.ValueType = PUBLIC, sequence: int = 7
) -> bulletin_pb2.BulletinEntry:
    message = bulletin_pb2.BulletinEntry(sequence=sequence)
    document = message.document
    document.document_id, document.number, document.state, document.kind = "rules", number, state, REGULATION
    document.content.title.zh, document.content.body.zh = "守则", "# 守则\n\n不得<b>虚假</b>宣传"
    document.content.categories.append("food")
    document.published_at.FromMilliseconds(1_800_000_000_000)
    document.first_published_at.FromMilliseconds(1_800_000_000_000)
    if state == WITHDRAWN:
        document.withdrawn_at.FromMilliseconds(1_800_000_100_000)
        document.withdrawal_reason = "有误"
    return message


# ---- webhooks ------------------------------------------------------------------------------------------------


def test_a_webhook_is_what_the_scheme_says(hooks: Any) -> None:
    hook = hooks()
    keys = [secret_key(SECRET), secret_key(OTHER)]
    webhook = Webhook("shop", hook.url, keys, Interests(), allow_private=True)
    webhook.deliver(Told("msg_ab_7", entry()))
    (headers, body) = hook.got[0]
    assert headers["webhook-id"] == "msg_ab_7"
    for secret in (SECRET, OTHER):  # while a secret is changed, both verify
        content = Verifier(secret).verify(body.decode(), headers)
    with pytest.raises(WebhookVerificationError):
        Verifier("whsec_" + base64.b64encode(bytes(32)).decode()).verify(body.decode(), headers)
    assert content["type"] == "bulletin.published"
    assert content["timestamp"] == "2027-01-15T08:00:00Z"
    assert content["data"]["document"]["content"] == {"title": {"zh": "守则"}, "categories": ["food"]}
    assert json.loads(payload(entry(state=WITHDRAWN)))["type"] == "bulletin.withdrawn"
    assert payload(entry()) == payload(entry()) == body
    assert signature(keys[:1], "m", 1, b"x").startswith("v1,")


@pytest.mark.parametrize(
    ("script", "message", "is_final", "retry_after"),
    [
        (500, "127.0.0.1: status 500", False, None),
        (404, "127.0.0.1: status 404", False, None),
        (410, "127.0.0.1: status 410", True, None),
        ((429, {"Retry-After": "17"}), "127.0.0.1: status 429", False, 17.0),
        ((503, {"Retry-After": "Wed, 21 Oct 2026"}), "127.0.0.1: status 503", False, None),
        # A redirect could lead anywhere.
        ((302, {"Location": "http://127.0.0.1:1/"}), "127.0.0.1: status 302", False, None),
        ("drip", "127.0.0.1: no answer within 0.5 s", False, None),
    ],
)
def test_what_is_not_taken(hooks: Any, script: Any, message: str, is_final: bool, retry_after: float | None) -> None:
    hook = hooks(script)
    webhook = Webhook("shop", hook.url, [b"k"], Interests(), allow_private=True, seconds=0.5)
    with pytest.raises(DeliveryFailed) as caught:
        webhook.deliver(Told("m", entry()))
    assert (str(caught.value), caught.value.is_final, caught.value.retry_after) == (message, is_final, retry_after)
    assert len(hook.got) == 1


def test_a_receiver_that_is_not_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    webhook = Webhook("shop", f"http://127.0.0.1:{port}/", [b"k"], Interests(), allow_private=True)
    with pytest.raises(DeliveryFailed, match=r"127.0.0.1: ConnectionRefusedError"):
        webhook.deliver(Told("m", entry()))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        *((each, True) for each in ("93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822")),
        *((each, False) for each in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0")),
        *((each, False) for each in ("100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "240.0.0.1")),
        *((each, False) for each in ("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1")),
        *((each, False) for each in ("64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1")),
    ],
)  # fmt: skip
def test_public_addresses(address: str, expected: bool) -> None:
    assert is_public(address) is expected


def test_private_networks_are_out_of_reach(hooks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = hooks()
    port, looked_up = hook.server.server_address[1], socket.getaddrinfo
    target = Target(False, "127.0.0.1", port, "/")
    with pytest.raises(NotReached, match=r"127.0.0.1: is 127.0.0.1, which is not of the public internet"):
        post(target, b"", {}, allow_private=False)

    # One name with a public and a private address: neither is asked.
    def both(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (address, port)) for address in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with pytest.raises(NotReached, match=r"example.com: is 10.0.0.1"):
        post(Target(True, "example.com", 443, "/"), b"", {}, allow_private=False)

    # A name whose answer changes: the connection goes to the address that was looked at.
    answers = iter(["127.0.0.1", "10.0.0.1"])

    def rebinding(host: str, *rest: Any, **named: Any) -> Any:
        if host != "rebinding.example":
            return looked_up(host, *rest, **named)
        return [(2, 1, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(network, "is_public", lambda address: address == "127.0.0.1")
    assert post(Target(False, "rebinding.example", port, "/x"), b"{}", {}, allow_private=False).status == 204
    assert hook.got[0][0]["host"] == f"rebinding.example:{port}"

    def nothing(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    with pytest.raises(NotReached, match=r"example.com: cannot be resolved"):
        post(Target(True, "example.com", 443, "/"), b"", {}, allow_private=False)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/", "is no address for webhooks; write https://example.com/path"),
        ("ftp://example.com/", "is no address for webhooks"),
        ("https:///x", "is no address for webhooks"),
        ("https://me:pw@example.com/", "an address with a password in it is not taken"),
        ("https://example.com:99999/", "is no address"),
        ("https://example.com/路", "write characters other than ASCII as %XX"),
        ("https://example.com/a b", "write characters other than ASCII"),
        ("https://[::1/", "is no address"),
    ],
)
def test_addresses_of_webhooks(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        target_of(url, allow_private=False)


def test_sound_addresses() -> None:
    assert target_of("https://例子.com:8443/a?b=c#d", allow_private=False) == Target(
        True, "xn--fsqu00a.com", 8443, "/a?b=c"
    )
    assert target_of("http://[::1]", allow_private=True) == Target(False, "::1", 80, "/")


# ---- the queue -----------------------------------------------------------------------------------------------


class Time:
    def __init__(self) -> None:
        self.at = 1_800_000_000_000

    def __call__(self) -> int:
        return self.at


class Scripted:
    """A receiver that fails as its script says, then takes everything."""

    def __init__(self, name: str, *script: Any, interests: Interests | None = None) -> None:
        self.name = name
        self.script = list(script)
        self.told: list[tuple[str, int, int]] = []
        self._interests = interests or Interests()

    def wants(self, document: bulletin_pb2.Document) -> bool:
        return self._interests.wants(document)

    def deliver(self, told: Told) -> None:
        document = told.entry.document
        self.told.append((told.message_id.rpartition("_")[2], document.number, document.state))
        if self.script and (failure := self.script.pop(0)) is not None:
            raise failure


@pytest.fixture
def registry(store_url: str) -> Iterator[Registry]:
    made = Registry(Store.open(store_url), Keys.make(), now=Time())
    made.lookups.reload()
    yield made
    made.close()


def publish(registry: Registry, document_id: str = "rules", **fields: Any) -> int:
    content = bulletin_pb2.DocumentContent(categories=fields.pop("categories", ["food"]))
    content.title.zh, content.body.zh = "题", "文"
    request = bulletin_pb2.PublishRequest(
        document_id=document_id, kind=REGULATION, actor="p", content=content, **fields
    )
    return Bulletin(registry, lambda: None).documents.publish(request).document.version


def work(registry: Registry, deliveries: Deliveries) -> dict[str, int]:
    report = Jobs(registry.core).run(deliveries.job)
    assert report.state == "done", report.error
    return dict(report.counts)


def states(deliveries: Deliveries, **conditions: Any) -> list[tuple[str, int, int, int, str]]:
    found = deliveries.list(bulletin_pb2.ListDeliveriesRequest(**conditions)).deliveries
    return [(each.receiver, each.sequence, each.state, each.attempts, each.last_error) for each in found]


def started(registry: Registry, *receivers: Any) -> Deliveries:
    deliveries = Deliveries(registry.core, receivers)
    deliveries.start()
    deliveries.close()  # no thread: the tests run the job
    return deliveries


def test_the_queue(registry: Registry) -> None:
    publish(registry, "before")  # nobody is told of what was before they came
    food, all_of_it = Scripted("food", interests=Interests(categories=frozenset({"food"}))), Scripted("all")
    deliveries = started(registry, food, all_of_it)
    assert not deliveries.due(registry.core)
    first, second = publish(registry), publish(registry, "other", categories=["tea"])
    assert deliveries.due(registry.core)
    assert work(registry, deliveries) == {"queued": 2, "delivered": 3}
    assert (food.told, all_of_it.told) == ([(str(first), 1, 2)], [(str(first), 1, 2), (str(second), 1, 2)])
    assert not deliveries.due(registry.core)
    assert [row[:3] for row in states(deliveries)] == [
        ("all", first, DELIVERED), ("food", first, DELIVERED), ("all", second, DELIVERED),
    ]  # fmt: skip
    # A server that comes later goes on where the others are.
    again = started(registry, Scripted("food"), later := Scripted("later"))
    third = publish(registry)
    work(registry, again)
    assert later.told == [(str(third), 2, 2)]
    # Pages, by step and receiver.
    request = bulletin_pb2.ListDeliveriesRequest(page_size=2)
    found = []
    while True:
        page = deliveries.list(request)
        found += [(each.sequence, each.receiver) for each in page.deliveries]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == sorted(found)
    assert len(found) == 5
    # What was delivered long ago is forgotten.
    registry.core.now.at += 91 * 86_400_000  # type: ignore[attr-defined]
    assert again.due(registry.core)
    work(registry, again)
    assert states(deliveries) == []


def test_retries_and_dead_letters(registry: Registry) -> None:
    failures = [DeliveryFailed(f"failure {number}") for number in range(len(PAUSES) + 1)]
    receiver, other = Scripted("one", *failures), Scripted("two", DeliveryFailed("gone", is_final=True))
    deliveries = started(registry, receiver, other)
    sequence, time = publish(registry), registry.core.now
    assert work(registry, deliveries) == {"queued": 1, "failed": 1, "dead": 1}
    for number, pause in enumerate(PAUSES):
        (row,) = deliveries.list(bulletin_pb2.ListDeliveriesRequest(receiver="one")).deliveries
        assert (row.state, row.attempts, row.last_error) == (WAITING, number + 1, f"failure {number}")
        wait = row.next_attempt_at.ToMilliseconds() - time.at  # type: ignore[attr-defined]
        assert 0.8 * pause * 1000 <= wait <= 1.2 * pause * 1000
        time.at += wait - 1  # type: ignore[attr-defined]
        assert not deliveries.due(registry.core)
        time.at += 1  # type: ignore[attr-defined]
        work(registry, deliveries)
    last = f"failure {len(PAUSES)}"
    assert states(deliveries, states=[DEAD]) == [
        ("one", sequence, DEAD, len(PAUSES) + 1, last),
        ("two", sequence, DEAD, 1, "gone"),
    ]
    assert not deliveries.due(registry.core)
    retry = bulletin_pb2.RetryDeliveryRequest(receiver="one", sequence=sequence, actor="p")
    assert deliveries.retry(retry).delivery.state == WAITING
    assert work(registry, deliveries) == {"delivered": 1}
    assert set(receiver.told) == {(str(sequence), 1, 2)}, "the same message each time"
    with pytest.raises(Exception, match="it was delivered already"):
        deliveries.retry(retry)
    with pytest.raises(Exception, match="step 99 is not to be told to 'one'"):
        deliveries.retry(bulletin_pb2.RetryDeliveryRequest(receiver="one", sequence=99, actor="p"))
    with pytest.raises(Exception, match="receiver: is required; actor: is required; sequence: is required"):
        deliveries.retry(bulletin_pb2.RetryDeliveryRequest())


def test_a_receiver_says_when_and_a_bug_is_no_end(registry: Registry) -> None:
    receiver = Scripted(
        "one",
        DeliveryFailed("busy", retry_after=3600.0),
        ZeroDivisionError("x"),
        DeliveryFailed("busy", retry_after=1e9),
    )
    deliveries = started(registry, receiver)
    publish(registry)
    time: Any = registry.core.now
    for error, least, most in (("busy", 3600, 3600), ("ZeroDivisionError", 240, 360), ("busy", 86_400, 86_400)):
        work(registry, deliveries)
        (row,) = deliveries.list(bulletin_pb2.ListDeliveriesRequest()).deliveries
        wait = (row.next_attempt_at.ToMilliseconds() - time.at) / 1000
        assert (row.last_error, least <= wait <= most) == (error, True)
        time.at = row.next_attempt_at.ToMilliseconds()


def test_a_receiver_that_is_named_no_longer(registry: Registry) -> None:
    deliveries = started(registry, Scripted("one", DeliveryFailed("x")))
    publish(registry)
    work(registry, deliveries)
    without = started(registry, Scripted("two"))
    registry.core.now.at += 10_000  # type: ignore[attr-defined]
    assert not without.due(registry.core)
    assert [row[0] for row in states(without)] == ["one"]


# ---- the account in files ------------------------------------------------------------------------------------


def test_the_account_in_files(tmp_path: Path) -> None:
    account = Account("account", FileAccount(tmp_path / "a"), Interests())

    def files() -> dict[str, bytes]:
        return {str(p.relative_to(tmp_path)): p.read_bytes() for p in (tmp_path / "a").rglob("*") if p.is_file()}

    account.deliver(Told("m1", entry()))
    first = files()
    assert set(first) == {f"a/rules/1/{name}" for name in ("zh.md", "zh.html", "en.md", "en.html")} | {
        "a/rules/article.json"
    }
    assert first["a/rules/1/zh.md"].decode() == "# 守则\n\n不得<b>虚假</b>宣传"
    assert first["a/rules/1/zh.html"].decode() == "<h1>守则</h1>\n<p>不得&lt;b&gt;虚假&lt;/b&gt;宣传</p>\n"
    account.deliver(Told("m1", entry()))
    assert files() == first, "told twice, nothing more"
    account.deliver(Told("m2", entry(2, sequence=8)))
    account.deliver(Told("m1", entry()))  # tried again, late: the newer article stays
    said = json.loads((tmp_path / "a/rules/article.json").read_text())
    assert (said["sequence"], said["document"]["number"]) == (8, 2)
    account.deliver(Told("m3", entry(2, WITHDRAWN, sequence=9)))
    said = json.loads((tmp_path / "a/rules/article.json").read_text())
    assert (said["document"]["state"], said["document"]["withdrawal_reason"]) == ("DOCUMENT_STATE_WITHDRAWN", "有误")
    assert (tmp_path / "a/rules/1/zh.md").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(DeliveryFailed, match="Not a directory"):
        FileAccount(tmp_path / "file").publish(Article.of(entry()))


# ---- the file of receivers, and a whole server -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("receivers: [", "is no YAML in UTF-8"),
        ("x: 1", "receivers: Field required"),
        ("receivers: [{name: A b, folder: x}]", "receivers.0.name: String should match pattern"),
        ("receivers: [{name: a}]", "has to name one of webhook and folder"),
        ("receivers: [{name: a, folder: x, webhook: 'https://e.com'}]", "has to name one of webhook and folder"),
        ("receivers: [{name: a, webhook: 'https://e.com'}]", "a webhook needs secrets or secret_files"),
        (f"receivers: [{{name: a, webhook: 'http://e.com', secrets: [{SECRET}]}}]", "'a': 'http://e.com' is no address for webhooks"),
        ("receivers: [{name: a, webhook: 'https://e.com', secrets: [geheim]}]", "'a': is no secret; write whsec_"),
        ("receivers: [{name: a, webhook: 'https://e.com', secrets: [whsec_YQ==]}]", "'a': has 1 bytes; 24 to 64 are taken"),
        ("receivers: [{name: a, webhook: 'https://e.com', secret_files: [none]}]", "none cannot be read"),
        ("receivers: [{name: a, folder: x, kinds: [rules]}]", "'rules' is none of guideline, regulation, rule-change, notice"),
        ("receivers: [{name: a, folder: x}, {name: a, folder: y}]", "receiver 'a' is there twice"),
    ],
)  # fmt: skip
def test_wrong_files_of_receivers(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "receivers.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReceiverFileError) as caught:
        read_receivers(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert SECRET not in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_server_delivers(inside: Any, hooks: Any, tmp_path: Path) -> None:
    hook = hooks(500)
    (tmp_path / "secret").write_text(SECRET + "\n")
    path = tmp_path / "receivers.yaml"
    path.write_text(
        f"receivers:\n  - {{name: shop, webhook: '{hook.url}', secret_files: [secret], kinds: [notice]}}\n"
        "  - {name: account, folder: account}\n"
    )
    running = inside(receivers=path, private_webhooks=True).start()
    client = running.client
    content = bulletin_pb2.DocumentContent()
    content.title.zh, content.body.zh = "题", "文"
    made = client.publish(document_id="news", kind=4, content=content, actor="p").document
    client.publish(document_id="law", kind=2, content=content, actor="p")
    deadline = clock.monotonic() + 60
    while not (done := list(client.deliveries(states=[DELIVERED]))) or len(done) < 3:
        assert clock.monotonic() < deadline, list(client.deliveries())
        for row in client.deliveries(receiver="shop", states=[WAITING]):
            if row.attempts:
                client.retry_delivery("shop", row.sequence, actor="p")
        clock.sleep(0.1)
    assert [(row.receiver, row.document_id) for row in done] == [
        ("account", "news"),
        ("shop", "news"),
        ("account", "law"),
    ]
    assert len(hook.got) == 2
    assert hook.got[0][0]["webhook-id"] == hook.got[1][0]["webhook-id"]
    assert Verifier(SECRET).verify(hook.got[1][1].decode(), hook.got[1][0])["data"]["sequence"] == made.version
    assert (tmp_path / "account/news/article.json").exists()
    with pytest.raises(CallFailed, match="it was delivered already"):
        client.retry_delivery("shop", made.version, actor="p")
    path.write_text("receivers: [{name: a}]")
    with pytest.raises(StartError, match="has to name one of webhook and folder"):
        inside("other", receivers=path).start()
