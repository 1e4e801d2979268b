"""`fairpost rules keygen|sign|verify|push|activate|rollback|status`, as a user runs them."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

import pytest

from fairpost.rules import compile_packs

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def keyed(tmp_path: Path, run: Run) -> str:
    """A key in the folder; gives its id."""
    done = run("rules", "keygen")
    assert done.returncode == 0, done.stderr
    found = re.match(r"rules-key.pem: private key ([0-9a-f]{16}); keep it where rule sets are released", done.stdout)
    assert found
    return found[1]


def test_keys_are_made_once_and_for_their_owner(tmp_path: Path, keyed: str, run: Run) -> None:
    assert stat.S_IMODE((tmp_path / "rules-key.pem").stat().st_mode) == 0o600
    assert (tmp_path / "rules-key.pub.pem").read_text().startswith("-----BEGIN PUBLIC KEY-----")
    done = run("rules", "keygen")
    assert done.returncode == 2
    assert "rules-key.pem: exists already; a key that is lost cannot be made again" in done.stderr
    done = run("rules", "keygen", "nowhere/key.pem")
    assert done.returncode == 2
    assert "nowhere/key.pem: cannot be written: No such file or directory" in done.stderr


def test_sign_and_verify(tmp_path: Path, bundle: Path, keyed: str, run: Run) -> None:
    (tmp_path / "rules.fpb").write_bytes(bundle.read_bytes())
    verify = ("rules", "verify", "rules.fpb", "--key", "rules-key.pub.pem")
    done = run(*verify)
    assert (done.returncode, done.stderr) == (
        1,
        "fairpost: rules.fpb: not signed: there is no rules.fpb.sig beside it\n",
    )
    done = run("rules", "sign", "rules.fpb", "--key", "rules-key.pem")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"rules.fpb.sig: revision [0-9a-f]{{12}} signed with key {keyed}\n", done.stdout)
    done = run(*verify)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"rules.fpb: revision [0-9a-f]{{12}}, signed with key {keyed}\n", done.stdout)
    # Another's key, among several, and of a signature that is another's.
    run("rules", "keygen", "other.pem")
    done = run("rules", "verify", "rules.fpb", "--key", "other.pub.pem")
    assert done.returncode == 1
    assert f"rules.fpb: signed with key '{keyed}', which is not among" in done.stderr
    assert run(*verify, "--key", "other.pub.pem").returncode == 0
    run("rules", "sign", "rules.fpb", "--key", "other.pem", "-o", "other.sig")
    text = (tmp_path / "other.sig").read_text().split()
    (tmp_path / "other.sig").write_text(f"{text[0]} {keyed} {text[2]}\n")
    done = run(*verify, "--signature", "other.sig")
    assert done.returncode == 1
    assert "is not of these bytes" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sign", "rules.fpb", "--key", "none.pem"], "--key none.pem: cannot be read: No such file or directory"),
        (["sign", "rules.fpb", "--key", "rules-key.pub.pem"], "--key rules-key.pub.pem: no private key to sign with"),
        (["sign", "none.fpb", "--key", "rules-key.pem"], "none.fpb: no such file"),
        (["verify", "rules.fpb", "--key", "rules.fpb"], "--key rules.fpb: no public key; expected Ed25519 in PEM"),
        (["verify", "rules.fpb", "--key", "rules-key.pub.pem", "--signature", "x"], "--signature x: no such file"),
        (["push", "rules.fpb", "--key", "k", "--signature", "s"], "--key signs, --signature takes one that is there"),
        (["push", "none.fpb"], "none.fpb: no such file"),
        (["push", "."], "these are packs; compile them first"),
        (["status", "--server", "127.0.0.1:1"], "no fairpost server answers at 127.0.0.1:1"),
    ],
)
def test_wrong_calls(arguments: list[str], message: str, tmp_path: Path, bundle: Path, keyed: str, run: Run) -> None:
    (tmp_path / "rules.fpb").write_bytes(bundle.read_bytes())
    done = run("rules", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_push_activate_rollback_status(
    tmp_path: Path, bundle: Path, pack: Path, keyed: str, run: Run, serving: Callable[..., str]
) -> None:
    server = serving(rules_public_keys=[tmp_path / "rules-key.pub.pem"])

    def command(*arguments: object, status: int = 0) -> str:
        done = run("rules", *arguments, FAIRPOST_SERVER=server)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    (tmp_path / "a.fpb").write_bytes(bundle.read_bytes())
    changed = pack.read_text(encoding="utf-8").replace("治愈", "痊愈")
    (tmp_path / "probe.yaml").write_text(changed, encoding="utf-8")
    (tmp_path / "b.fpb").write_bytes(compile_packs([tmp_path / "probe.yaml"]))
    assert "no rule set is active: posts are refused" in command("status")
    assert "FAILED_PRECONDITION (REASON_BUNDLE_UNSIGNED)" in command("push", "a.fpb", status=1)
    out = command("push", "a.fpb", "--key", "rules-key.pem")
    first = re.search(rf"active: revision ([0-9a-f]{{12}}) \(.*, 2 rules, signed with key {keyed}\)\n", out)
    assert first, out
    assert "confirmed by 1 of 1 workers" in out
    command("sign", "b.fpb", "--key", "rules-key.pem")
    out = command("push", "b.fpb")
    second = re.search(rf"active: revision ([0-9a-f]{{12}}) .*; before: {first[1]}\n", out)
    assert second, out
    assert f"active: revision {first[1]}" in command("rollback")
    assert f"active: revision {second[1]}" in command("activate", second[1])
    assert "NOT_FOUND (REASON_REVISION_NOT_FOUND)" in command("activate", "0123456789ab", status=1)
    out = command("status")
    assert re.search(rf"^0 +\d+ +{second[1]} +20\d\d-", out, re.MULTILINE), out
    assert "REASON_BUNDLE_UNSIGNED" in out
    for revision, source in ((first[1], "roll back (a.fpb)"), (second[1], "roll back (b.fpb)")):
        assert re.search(rf"^{revision} .* {keyed} +{re.escape(source)}", out, re.MULTILINE), out
