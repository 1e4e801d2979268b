"""`fairpost review`, and the commands for rule sets to come, against a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from running import until
from tea_packs import LAWS

from fairpost.client import Client
from fairpost.rules import compile_packs
from fairpost.v1 import post_pb2, review_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PACK = """
pack: tea
lists: {{cure: [特效], trial: [秘方]{more}}}
rules:
  - {{id: tea.cure, category: MEDICAL, severity: high, weight: 0.65, when: any(cure),
     message: {{zh: 不得宣称疗效, en: No cures}}, basis: [cn.law/1], cases: {{match: [特效茶], pass: [好茶]}}}}
  - {{id: tea.trial, category: MEDICAL, severity: high, weight: 0.99, mode: shadow, when: any(trial),
     message: {{zh: 试行, en: On trial}}, basis: [cn.law/1], cases: {{match: [秘方茶], pass: [好茶]}}}}
"""


def packed(folder: Path, more: str = "") -> bytes:
    folder.mkdir()
    (folder / "tea.yaml").write_text(PACK.format(more=more), encoding="utf-8")
    (folder / "laws.yaml").write_text(LAWS, encoding="utf-8")
    return compile_packs([folder])


def queued(client: Client, count: int) -> list[review_pb2.Review]:
    """The queue, once it has so many."""
    until(lambda: len(list(client.reviews())) >= count)
    return list(client.reviews())


def test_from_the_queue_to_a_regression_case(tmp_path: Path, run: Any, serving: Callable[..., str]) -> None:
    server = serving()

    def command(*arguments: object, status: int = 0) -> str:
        done = run(*arguments, FAIRPOST_SERVER=server, FAIRPOST_ACTOR="moderator-1", COLUMNS="200")
        assert done.returncode == status, done.stdout + done.stderr
        return str(done.stdout + done.stderr)

    (tmp_path / "rules.fpb").write_bytes(packed(tmp_path / "packs"))
    command("rules", "push", "rules.fpb")
    with Client(server, api_key=os.environ["FAIRPOST_API_KEY"]) as client:
        for number, text in enumerate(["特效茶", "特效秘方茶", "特效\x1b[31m红"]):
            client.check(post_pb2.Post(id=f"p{number}", text=text, channel="moments"))
        queued(client, 3)
    out = command("review", "list", "--state", "pending")
    ids = re.findall(r"^([0-9a-f]{24}) +p\d +moments +REVIEW", out, re.MULTILINE)
    assert len(ids) == 3
    assert "pending 3, upheld 0" in command("review", "queue")
    assert "«特效»茶" in command("review", "show", ids[0])
    assert "\x1b[31m" not in command("review", "show", ids[2])
    claimed = command("review", "claim", "--count", 2)
    assert "claimed by" in claimed
    assert "示例法" in claimed
    other = run("review", "uphold", ids[0], "--actor", "moderator-2", FAIRPOST_SERVER=server)
    assert (other.returncode, "REASON_REVIEW_CLAIMED" in other.stderr) == (1, True)
    assert "free for everybody" in command("review", "release", ids[1])
    assert "BLOCK" in command("review", "uphold", ids[0], "--action", "block")
    out = command("review", "overturn", ids[1], "--note", "科普", "--case", "case.yaml")
    assert "regression case: case.yaml" in out
    assert "tea.cure" in (tmp_path / "case.yaml").read_text(encoding="utf-8")
    # The rule is to be mended: until then its own tests fail.
    assert "4 of 4 cases of 2 rules hold" in command("rules", "test", "packs")
    assert "tea.cure" in command("rules", "test", "packs", "case.yaml", status=1)
    assert "unknown; one of pending" in command("review", "list", "--state", "open", status=2)
    # Rules to come.
    out = command("rules", "shadows", "--examples", 1)
    assert re.search(r"^tea.trial +MEDICAL +1 +1 +1 +0 +1", out, re.MULTILINE), out
    (tmp_path / "new.fpb").write_bytes(packed(tmp_path / "more", ", idle: [奇茶]"))
    kept = re.search(r"kept: revision ([0-9a-f]{12})", command("rules", "keep", "new.fpb"))
    assert kept
    assert re.search(rf"^{kept[1]} ", command("rules", "status"), re.MULTILINE)
    out = command("rules", "compare", kept[1])
    assert "may be activated now" in out
    assert "of 3 reviewed posts 0 are judged otherwise" in out
    assert "people upheld 1, of which it lets 0 pass; they overturned 1, of which it still holds 1" in out
    assert f"active: revision {kept[1]}" in command("rules", "activate", kept[1])


def test_watch_prints_lines_of_json(tmp_path: Path, serving: Callable[..., str]) -> None:
    server = serving()
    with Client(server, api_key=os.environ["FAIRPOST_API_KEY"]) as client:
        client.activate(packed(tmp_path / "packs"))
        client.check(post_pb2.Post(id="p", text="特效茶"))
        (found,) = queued(client, 1)
        client.decide_review(found.review_id, state=review_pb2.REVIEW_STATE_UPHELD, actor="m")
        process = subprocess.Popen(
            [sys.executable, "-m", "fairpost.cli", "review", "watch", "--from-beginning", "--server", server],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.communicate()
    assert (line["post_id"], line["state"], line["action"]) == ("p", "REVIEW_STATE_UPHELD", "ACTION_SHIELD")
    assert line["cursor"]
