# ruff: noqa: E501 - commands read better in one line
"""`fairpost bulletin`, as it is typed, against a running server."""

from __future__ import annotations

import email
import email.policy
import json
from pathlib import Path
from typing import Any

import feedparser
import pytest

from fairpost.rules import compile_packs
from fairpost.server import Config, Server


@pytest.fixture
def server(tmp_path: Path) -> Any:
    running = Server(Config(port=0, data_dir=tmp_path / "data", no_rules=True, require_notice=True)).start()
    yield running
    running.stop(0)


@pytest.fixture
def packs(tmp_path: Path) -> tuple[Path, Path]:
    """A pack, and the same with one more word, as bundles."""
    from cli.conftest import PACK

    found = []
    for name, text in (("old", PACK), ("new", PACK.replace("[根治, 治愈]", "[根治, 治愈, 药到病除]"))):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "probe.yaml").write_text(text, encoding="utf-8")
        found.append(tmp_path / f"{name}.fpb")
        found[-1].write_bytes(compile_packs(folder))
    return found[0], found[1]


def said(done: Any) -> str:
    """The last line; before it stand log lines of the server, which runs in this process."""
    return str(done.stdout).splitlines()[-1]


def test_documents(server: Any, run: Any, tmp_path: Path) -> None:
    at, who = ("--server", server.address), ("--actor", "li")
    (tmp_path / "zh.md").write_text("# 卖家守则\n\n不得*虚假*宣传。\n", encoding="utf-8")
    (tmp_path / "en.md").write_text("# Seller rules\n\nNo <false> claims.\n", encoding="utf-8")
    texts = ("--zh", tmp_path / "zh.md", "--en", tmp_path / "en.md")
    published = ("bulletin", "publish", "--id", "rules", "--kind", "regulation", *texts, *who, *at)
    done = run(*published, "--category", "food", "--law", "cn.advertising-law/28", "--request-id", "r1")
    assert (done.returncode, said(done)) == (0, "rules version 1: public (version of the document: 1)"), done.stderr
    done = run("bulletin", "show", "rules", *at)
    assert done.stdout.startswith("# 卖家守则\n\nrules version 1; regulation; public; published ")
    assert done.stdout.endswith("\n\n不得*虚假*宣传。\n")
    done = run("bulletin", "show", "rules", "--language", "en", "--format", "html", *at)
    assert done.stdout == "<p>No &lt;false&gt; claims.</p>\n"
    assert json.loads(run("bulletin", "show", "rules", "--format", "json", *at).stdout)["content"]["categories"] == [
        "food"
    ]
    run("bulletin", "show", "rules", "--format", "mail", "--sender", "b@example.com", "-o", tmp_path / "x.eml", *at)
    message = email.message_from_bytes((tmp_path / "x.eml").read_bytes(), policy=email.policy.default)
    assert (message["Subject"], message["From"]) == ("卖家守则", "b@example.com")
    done = run("bulletin", "schedule", "2099-01-01T09:00+08:00", "--kind", "notice", "--id", "later", "--title-zh", "稍后", "--zh", tmp_path / "zh.md", *who, *at)  # fmt: skip
    assert done.returncode == 1
    assert "publish_at: 2099-01-01T01:00:00Z is not in the future, or not within ten years" in done.stderr
    done = run("bulletin", "schedule", "2030-01-01T09:00+08:00", "--kind", "notice", "--id", "later", *texts, *who, *at)
    assert said(done) == "later version 1: scheduled for 2030-01-01 09:00 (version of the document: 2)"
    assert run("bulletin", "list", *at).stdout.splitlines()[1].split()[:4] == ["rules", "regulation", "1", "public"]
    assert run("bulletin", "list", "--scheduled", *at).stdout.splitlines()[1].split()[:4] == [
        "later",
        "notice",
        "1",
        "scheduled",
    ]
    assert "Seller rules" in run("bulletin", "list", "--query", "虚假", "--language", "en", *at).stdout
    found = feedparser.parse(run("bulletin", "feed", "--base-url", "https://example.com", *at).stdout.encode())
    assert not found.bozo
    assert [entry.title for entry in found.entries] == ["卖家守则"]
    done = run("bulletin", "feed", "--format", "json", "--category", "tea", "--language", "en", *at)
    assert json.loads(done.stdout)["items"] == []
    done = run("bulletin", "withdraw", "rules", "--reason", "有误", *who, *at)
    assert said(done) == "rules version 1: withdrawn (version of the document: 3)"
    assert "withdrawn" in run("bulletin", "list", "--withdrawn", *at).stdout
    assert run("bulletin", "withdraw", "later", "--scheduled", "--reason", "x", *who, *at).returncode == 0
    assert run("bulletin", "deliveries", "--state", "dead", *at).stdout.split() == [
        "step",
        "receiver",
        "document",
        "state",
        "tried",
        "next",
        "error",
    ]
    assert run("bulletin", "retry", "shop", "1", *who, *at).returncode == 1


def test_acknowledgements(server: Any, run: Any, tmp_path: Path) -> None:
    at = ("--server", server.address)
    (tmp_path / "zh.md").write_text("正文", encoding="utf-8")
    run("bulletin", "publish", "--id", "rules", "--kind", "notice", "--title-zh", "题", "--zh", tmp_path / "zh.md", "--actor", "li", *at)  # fmt: skip
    run("seller", "register", "tea-1", "--kind", "enterprise", "--name", "示例", "--credit-code", "91350100M000100Y43", "--category", "tea", *at)  # fmt: skip
    done = run("bulletin", "acknowledge", "tea-1", "rules", "1", *at)
    assert said(done) == "tea-1 has accepted rules, version 1", done.stderr
    assert run("bulletin", "acknowledgements", "--document", "rules", *at).stdout.splitlines()[1].split()[:4] == ["tea-1", "rules", "1", "seller"]  # fmt: skip


def test_rule_changes(server: Any, run: Any, packs: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = packs
    done = run("bulletin", "notice", old, new, "--language", "en", "--from", "2026-12-12")
    assert done.returncode == 1
    assert done.stdout.startswith("# Rule changes, in force from 2026-12-12\n\nFrom 2026-12-12 on, posts are judged by")
    assert "Words added: `药到病除`" in done.stdout
    done = run("bulletin", "notice", old, old, "-o", tmp_path / "n.md")
    assert (done.returncode, done.stdout) == (0, "")
    assert "判断帖子的规则没有变动" in (tmp_path / "n.md").read_text(encoding="utf-8")
    assert "紧急" in run("bulletin", "notice", old, new, "--emergency", "假药").stdout
    at = ("--server", server.address)
    change: tuple[Any, ...] = ("bulletin", "publish", "--kind", "rule-change", "--bundle", new, "--actor", "li", *at)
    done = run(*change)
    assert done.returncode == 1
    assert "no rule set is active yet" in done.stderr
    server.rule_sets.activate(old.read_bytes(), source="test")
    done = run(*change)
    assert done.returncode == 0, done.stderr
    assert "stricter 1, milder 0, either 0, neither 0" in done.stdout
    # The server keeps the new rule set already: nothing is sent.
    kept = server.rule_sets.keep_candidate(new.read_bytes(), source="test").revision
    change = ("bulletin", "publish", "--kind", "rule-change", "--revision", kept, "--id", "kept", "--actor", "li", *at)
    done = run(*change)
    assert done.returncode == 0, done.stderr
    assert f"-> {kept}: stricter 1, milder 0, either 0, neither 0" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["publish", "--kind", "rules", "--actor", "a"], "--kind rules: unknown; one of guideline, regulation, rule-change, notice"),
        (["publish", "--kind", "notice", "--actor", "a", "--zh", "none.md"], "none.md: No such file or directory"),
        (["publish", "--kind", "rule-change", "--actor", "a", "--bundle", "none.fpb"], "--bundle none.fpb: no such file"),
        (["schedule", "morgen", "--kind", "notice", "--actor", "a"], "morgen: no time; write it as in 2026-12-01T09:00+08:00"),
        (["schedule", "2026-12-01T09:00", "--kind", "notice", "--actor", "a"], "of which zone?"),
        (["show", "x", "--format", "pdf"], "--format pdf: unknown; one of markdown, html, mail, json"),
        (["list", "--language", "de"], "no fairpost server answers"),
        (["show", "x", "--language", "de"], "--language de: unknown; one of zh, en"),
        (["notice", "a.fpb", "b.fpb", "--from", "x"], "--date x: not a date"),
        (["feed", "--format", "rss"], "--format rss: unknown; one of atom, json"),
        (["deliveries", "--state", "x"], "--state x: unknown; one of waiting, delivered, dead"),
    ],
)  # fmt: skip
def test_wrong_arguments(run: Any, arguments: list[str], message: str) -> None:
    at = ["--server", "127.0.0.1:1"] if arguments[0] != "notice" else []
    done = run("bulletin", *arguments, *at)
    assert done.returncode == 2
    assert message in done.stderr


def test_emergencies_are_pushed(tmp_path: Path, run: Any, packs: tuple[Path, Path]) -> None:
    """With a key, as `rules push` needs one."""
    old, new = packs
    data = tmp_path / "data"
    data.mkdir()
    store = f"sqlite:///{data / 'registry.sqlite'}"
    done = run(
        "keys", "create", "ops", "--role", "publisher", "--registry", store, "--make-registry", "-o", tmp_path / "key"
    )
    assert done.returncode == 0, done.stderr
    running = Server(Config(port=0, data_dir=data, rules=old, require_notice=True)).start()
    try:
        at = ("--server", running.address)
        pushed = ("--api-key-file", tmp_path / "key", "rules", "push", new)
        done = run(*pushed, *at)
        assert done.returncode == 1
        assert "REASON_NOTICE_REQUIRED" in done.stderr
        done = run(*pushed, "--emergency", "假药", *at)
        assert done.returncode == 0, done.stderr
        active = running.rule_sets.active
        assert active is not None
        assert "原因：假药" in run("bulletin", "show", f"rule-change-{active.revision}", *at).stdout
        assert run("--api-key-file", tmp_path / "key", "rules", "rollback", *at).returncode == 0
    finally:
        running.stop(0)
