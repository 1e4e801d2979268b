"""Sources of rule sets: HTTP with conditional requests, files, folders, packs; failures keep what is active."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from running import until

from fairpost.server import Config
from fairpost.server.activation import Activation, Failure, RuleSets
from fairpost.server.signatures import PublicKeys, SigningKey, signature_path
from fairpost.server.sources.polling import SourcePolling
from fairpost.server.sources.reading import SourceFault, open_source, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = {"根治": 0.97, "特效": 0.65, "疗效": 0.4}
LIMIT = 1 << 20


@dataclass
class Site:
    """A web server with a few files. etags: whether it gives ETags, or else times."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    etags: bool = True
    times: bool = False
    failing: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def url(self, name: str) -> str:
        return f"http://user:secret@127.0.0.1:{self.port}/{name}"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.partition("?")[0][1:]
            content = made.files.get(name)
            status, headers = 200, {}
            if made.failing:
                status, content = made.failing, b""
            elif content is None:
                status, content = 404, b""
            else:
                tag = f'"{hashlib.md5(content).hexdigest()}"'
                if made.etags:
                    headers["ETag"] = tag
                if made.times:
                    headers["Last-Modified"] = "Sat, 28 Nov 2026 00:00:00 GMT"
                unchanged = made.etags and self.headers.get("If-None-Match") == tag
                if unchanged or (made.times and self.headers.get("If-Modified-Since") == headers["Last-Modified"]):
                    status, content = 304, b""
            made.answers[name, status] += 1
            self.send_response(status)
            for header, value in headers.items():
                self.send_header(header, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


class Polling(SourcePolling):
    """One whose rule sets can be looked at."""

    def __init__(self, rule_sets: RuleSets, config: Config) -> None:
        super().__init__(rule_sets, config, leads=lambda: True)
        self.rule_sets = rule_sets

    @property
    def active(self) -> Activation:
        assert self.rule_sets.active is not None
        return self.rule_sets.active

    @property
    def failure(self) -> Failure:
        assert self.rule_sets.last_failure is not None
        return self.rule_sets.last_failure


def polling(folder: Path, source: object, *, keys: PublicKeys | None = None, **settings: Any) -> Polling:
    rule_sets = RuleSets(folder / "rules", keys=keys)
    rule_sets.restore()
    return Polling(rule_sets, Config(rules_source=str(source), data_dir=folder, **settings))


def active(source: Polling) -> str:
    found = source.rule_sets.active
    return found.name if found else ""


def test_http_with_etags(site: Site, bundle: Any, tmp_path: Path) -> None:
    site.files["a.fpb"] = bundle(WORDS, name="one")
    source = polling(tmp_path, site.url("a.fpb?token=x"))
    assert source.look()
    assert active(source) == "one"
    for _ in range(3):
        assert source.look()
    assert site.answers == {("a.fpb", 200): 1, ("a.fpb.sig", 404): 1, ("a.fpb", 304): 3}
    site.files["a.fpb"] = bundle(WORDS, name="two")
    assert source.look()
    assert active(source) == "two"
    status = source.status()
    assert status is not None
    assert status["source"] == f"http://127.0.0.1:{site.port}/a.fpb"
    assert status["failure"] is None
    assert status["last_look"] >= status["last_change"] > 0 or status["last_change"] >= status["last_look"]
    # The same goes for another process, and after a roll back: what was taken once is not taken again.
    source.rule_sets.roll_back()
    other = polling(tmp_path, site.url("a.fpb?token=x"))
    assert other.look()
    assert active(other) == "one"
    assert site.answers["a.fpb", 200] == 2
    # No password and no token is written down.
    assert b"secret" not in (tmp_path / "rules" / "source.json").read_bytes()
    assert b"token" not in (tmp_path / "rules" / "source.json").read_bytes()


@pytest.mark.parametrize("times", [True, False])
def test_http_without_etags(site: Site, bundle: Any, tmp_path: Path, times: bool) -> None:
    site.etags, site.times = False, times
    site.files["a.fpb"] = bundle(WORDS, name="one")
    source = polling(tmp_path, site.url("a.fpb"))
    assert source.look()
    assert source.look()
    assert site.answers["a.fpb", 304] == (1 if times else 0)
    if not times:
        site.files["a.fpb"] = bundle(WORDS, name="two")
        assert source.look()
        assert active(source) == "two"


def test_failures_keep_the_old_and_are_told(site: Site, bundle: Any, tmp_path: Path) -> None:
    site.files["a.fpb"] = bundle(WORDS, name="one")
    source = polling(tmp_path, site.url("a.fpb"), rules_source_seconds=10)
    assert source.look()
    where = f"http://127.0.0.1:{site.port}/a.fpb"
    usual = source.delay()
    assert 8 <= usual <= 12

    def refused(reason: str, message: str) -> None:
        assert not source.look()
        assert active(source) == "one"
        failure = source.failure
        assert (failure.reason, failure.source) == (reason, where)
        assert failure.message.startswith(message)
        status = source.status()
        assert status is not None
        assert (status["failure"]["reason"], status["failure"]["message"]) == (reason, failure.message)
        assert "secret" not in str(status)

    site.failing = 500
    refused("REASON_RULES_SOURCE", f"rules_source: {where}: HTTP status 500")
    site.failing = 304  # of what was never asked with a condition it would be nonsense; here it is one
    assert source.look()
    site.failing = 0
    site.files["a.fpb"] = bundle({"根治": 0.97}, seller_rules=False)
    refused("REASON_RULE_SET_SHRUNK", "the rule set has 1 rules and 1 patterns; the active one has 4 and 3")
    site.files["a.fpb"] = b"rubbish"
    refused("REASON_INVALID_BUNDLE", "bundle: 7 bytes is shorter than a bundle's header")
    site.files["a.fpb"] = b"x" * (LIMIT + 1)
    source._limit = LIMIT
    refused("REASON_RULES_SOURCE", f"rules_source: {where}: larger than max_bundle_bytes ({LIMIT})")
    del site.files["a.fpb"]
    refused("REASON_RULES_SOURCE", f"rules_source: {where}: HTTP status 404")
    # Four failures: sixteen times as long, give or take a fifth.
    assert 128 <= source.delay() <= 192
    site.files["a.fpb"] = bundle(WORDS, name="again")
    assert source.look()
    assert source.delay() <= 12
    assert source.status()["failure"] is None  # type: ignore[index]
    assert active(source) == "again"


def test_nobody_there(tmp_path: Path) -> None:
    source = polling(tmp_path, "http://127.0.0.1:9/a.fpb")
    assert not source.look()
    assert source.failure.message.startswith("rules_source: http://127.0.0.1:9/a.fpb: ConnectError: ")
    unknown = polling(tmp_path, "nosuch://bucket/a.fpb")
    assert not unknown.look()
    assert unknown.failure.message == "rules_source: nosuch://bucket/a.fpb: Protocol not known: nosuch"


def test_signatures_beside(site: Site, bundle: Any, tmp_path: Path) -> None:
    key = SigningKey.generate()
    (tmp_path / "pub").write_bytes(key.public_pem())
    keys = PublicKeys.read([tmp_path / "pub"])
    content = bundle(WORDS, name="signed")
    site.files["a.fpb"] = content
    source = polling(tmp_path, site.url("a.fpb"), keys=keys)
    assert not source.look()
    assert source.failure.reason == "REASON_BUNDLE_UNSIGNED"
    # The bundle was there before its signature: the same bytes are looked at again.
    site.files["a.fpb.sig"] = b"rubbish"
    assert not source.look()
    assert source.failure.reason == "REASON_RULES_SOURCE"
    site.files["a.fpb.sig"] = key.sign(content + b"x").line().encode()
    assert not source.look()
    assert source.failure.reason == "REASON_SIGNATURE_WRONG"
    site.files["a.fpb.sig"] = key.sign(content).line().encode()
    assert source.look()
    assert source.active.signed_by == key.key_id

    path = tmp_path / "b.fpb"
    path.write_bytes(bundle(WORDS, name="file"))
    files = polling(tmp_path / "other", path, keys=keys)
    assert not files.look()
    signature_path(path).write_text(key.sign(path.read_bytes()).line())
    assert files.look()
    assert active(files) == "file"


def test_files_and_folders(bundle: Any, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    source = polling(tmp_path, folder)
    assert not source.look()
    assert source.failure.message == (
        f"rules_source: {folder}: neither a bundle (*.fpb) nor packs (*.yaml) are in this folder"
    )
    for i, name in enumerate(["one", "two", "three"]):
        path = folder / f"{name}.fpb"
        path.write_bytes(bundle(WORDS, name=name))
        os.utime(path, (1_000 + i, 1_000 + i))
    os.utime(folder / "one.fpb", (2_000, 2_000))
    assert source.look()
    assert active(source) == "one"  # the newest
    assert source.look()
    assert len(source.rule_sets.revisions()) == 1
    os.utime(folder / "two.fpb", (3_000, 3_000))
    assert source.look()
    assert active(source) == "two"
    one = polling(tmp_path / "other", folder / "three.fpb")
    assert one.look()
    assert active(one) == "three"
    (folder / "three.fpb").unlink()
    assert not one.look()
    assert one.failure.message == f"rules_source: {folder}/three.fpb: no such file or folder"


def test_object_stores(bundle: Any) -> None:
    """Whatever fsspec reads; here its store in memory, in the place of a bucket."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/a.fpb", bundle(WORDS, name="one"))
    source = open_source("memory://bucket/a.fpb")
    found = source.look("", LIMIT)
    assert found is not None
    assert found.signature is None
    assert source.look(found.stamp, LIMIT) is None
    key = SigningKey.generate()
    content = bundle(WORDS, name="two!")
    memory.pipe("/bucket/a.fpb", content)
    memory.pipe("/bucket/a.fpb.sig", key.sign(content).line().encode())
    later = source.look(found.stamp, LIMIT)
    assert later is not None
    assert (later.content, later.signature) == (content, key.sign(content))
    with pytest.raises(SourceFault, match=r"larger than max_bundle_bytes \(10\)"):
        source.look("", 10)
    memory.rm("/bucket", recursive=True)


def test_packs(tmp_path: Path) -> None:
    packs = tmp_path / "packs"
    packs.mkdir()
    text = (
        "pack: probe\nlists:\n  cure: {words: [根治, 治愈]}\nrules:\n  - id: probe.cure\n    category: MEDICAL\n"
        "    severity: high\n    weight: 0.9\n    when: any(cure)\n    cases: {match: [根治糖尿病], pass: [好茶]}\n"
        "    message: {zh: 不得宣称治疗, en: no cures}\n    basis: [cn.advertising-law/17]\n"
    )
    (packs / "probe.yaml").write_text(text, encoding="utf-8")
    source = polling(tmp_path, packs)
    assert source.look(), source.rule_sets.last_failure
    first = source.active.revision
    assert source.look()
    (packs / "probe.yaml").write_text(text.replace("治愈", "痊愈"), encoding="utf-8")
    assert source.look()
    assert source.active.revision != first
    (packs / "probe.yaml").write_text("pack: [", encoding="utf-8")
    assert not source.look()
    assert "the packs do not compile" in source.failure.message


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("https://u:p@h.example:8/a/b.fpb?key=1#x", "https://h.example:8/a/b.fpb"),
        ("s3://bucket/rules.fpb", "s3://bucket/rules.fpb"),
        ("/a/b.fpb", "/a/b.fpb"),
        ("file:///a/b.fpb", "file:///a/b.fpb"),
    ],
)
def test_what_is_shown_of_a_source(name: str, without: str) -> None:
    assert shown(name) == without


def test_a_server_polls(inside: Any, site: Site, bundle: Any) -> None:
    site.files["a.fpb"] = bundle(WORDS, name="one")
    running = inside(rules_source=site.url("a.fpb"), rules_source_seconds=0.1).start()
    until(lambda: running.client.status().active.name == "one")
    site.files["a.fpb"] = bundle(WORDS, name="two")
    until(lambda: running.client.status().active.name == "two")
    source = running.client.status().source
    assert source.source == f"http://127.0.0.1:{site.port}/a.fpb"
    assert source.last_look.seconds > 0
    assert not source.HasField("failure")
    # Another source from now on; none.
    site.files["b.fpb"] = bundle(WORDS, name="b")
    settings = {"data_dir": running.data_dir, "rules_source_seconds": 0.1}
    running.server.reload(Config(rules_source=site.url("b.fpb"), **settings))()
    until(lambda: running.client.status().active.name == "b")
    running.server.reload(Config(**settings))()
    assert not running.client.status().HasField("source")
