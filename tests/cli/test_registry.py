"""`fairpost registry` and `fairpost seller`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fairpost.server import Config, Server

HEADER = "seller_id,kind,name,identity_number,credit_code,categories,licences,phone,registered_on\n"
SOUND = [
    'tea-1,enterprise,示例市茶业有限公司,,91350100M000100Y43,tea;food,"food,JY1,2024-01-01,2099-12-31",,2025-01-01\n',
    "shoe-2,natural-person,样本甲,11010519491231002X,,shoes,,13800000000,\n",
]


@pytest.fixture
def server(tmp_path: Path) -> Any:
    running = Server(Config(port=0, data_dir=tmp_path / "data", no_rules=True)).start()
    yield running
    running.stop(0)


def url(server: Any) -> str:
    return f"sqlite:///{server.config.data_dir / 'registry.sqlite'}"


def test_import_beside_a_running_server(server: Any, run: Any, tmp_path: Path) -> None:
    wrong = [
        "tea-1,enterprise,again,,91350100M000100Y43,tea,,,\n",
        "a b,shop,x,,,Tea,food,12,tomorrow\n",
        "late-1,natural-person,样本,11010519491231002X,,shoes,,,2999-01-01\n",
    ]
    path = tmp_path / "sellers.csv"
    path.write_text(HEADER + "".join(SOUND + wrong), encoding="utf-8")
    refused = tmp_path / "refused.jsonl"
    done = run("registry", "import", path, "--registry", url(server), "--refused", refused)
    assert done.returncode == 1
    assert "registered 2 sellers, refused 3 rows" in done.stdout
    assert f"{path}: row 3: seller_id: is in row 1, too" in done.stderr
    rows = [json.loads(line) for line in refused.read_text(encoding="utf-8").splitlines()]
    assert [(row["row"], row["seller_id"]) for row in rows] == [(3, "tea-1"), (4, "a b"), (5, "late-1")]
    assert {fault["field"]: fault["fault"] for fault in rows[1]["faults"]} == {
        "kind": "'shop' is none of natural-person, individual-business, enterprise, exempt",
        "licences[0]": "must be SCOPE,NUMBER,FROM or SCOPE,NUMBER,FROM,UNTIL",
        "registered_on": "'tomorrow' is no day; write YYYY-MM-DD",
        "seller_id": "must be visible ASCII characters without spaces",
        "identity_number": "is required of a natural person (18 characters, GB 11643)",
        "categories[0]": "'Tea' is no category; write lower-case words joined by hyphens",
        "contacts.phone": "must be 5 to 20 digits; + may stand before, single spaces or hyphens between",
    }
    assert rows[2]["faults"] == [{"field": "registered_on", "fault": "2999-01-01 is in the future"}]
    # The server has them at once, and as if they had been registered one by one.
    at = ("--server", server.address)
    found = run("seller", "lookup", "tea-1", "shoe-2", *at)
    assert found.returncode == 0
    assert "licences food" in found.stdout
    shown = run("seller", "show", "shoe-2", *at).stdout
    assert "1****************X" in shown
    assert "13800000000" in shown
    # Once more: nothing is doubled.
    again = run("registry", "import", path, "--registry", url(server))
    assert "registered 0 sellers, refused 5 rows" in again.stdout
    assert f"{path}: row 1: seller_id: is registered already" in again.stderr


def test_import_parquet_and_export(server: Any, run: Any, tmp_path: Path) -> None:
    count = 2500
    table = pa.table(
        {
            "seller_id": [f"p-{i}" for i in range(count)],
            "kind": ["enterprise"] * count,
            "name": ["示例"] * count,
            "credit_code": ["91350100M000100Y43"] * count,
            "categories": [["tea", "food"] if i % 2 else ["tea"] for i in range(count)],
            "licences": [["food,JY1,2024-01-01"] if i % 2 else [] for i in range(count)],
        }
    )
    path = tmp_path / "sellers.parquet"
    pq.write_table(table, path)
    done = run("registry", "import", path, "--registry", url(server))
    assert (done.returncode, done.stdout) == (0, "registered 2,500 sellers, refused 0 rows\n")
    at = ("--server", server.address)
    run("seller", "strike", "p-7", "MEDICAL", "--weight", "3", "--reason", "r", "--actor", "a", *at)
    for name in ("out.parquet", "out.csv"):
        out = tmp_path / name
        done = run("registry", "export", "-o", out, "--registry", url(server))
        assert done.stdout == f"wrote 2,500 sellers as of event 2501 to {out}\n"
    rows = {row["seller_id"]: row for row in pq.read_table(tmp_path / "out.parquet").to_pylist()}
    assert len(rows) == count
    assert (rows["p-7"]["strikes"], rows["p-7"]["enforcement"], rows["p-7"]["licences"]) == (
        "MEDICAL:3",
        "limited",
        "food",
    )
    assert (rows["p-8"]["strikes"], rows["p-8"]["registration"], rows["p-8"]["licences"]) == ("", "active", "")
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == count + 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "seller_id,kind,name\n", "lacks the column 'categories'; it has seller_id, kind, name"),
        ("a.csv", HEADER.replace("phone", "fone"), "unknown column 'fone'"),
        ("a.csv", "seller_id,seller_id\n", "column 'seller_id' is there twice"),
        ("a.parquet", "no parquet", "cannot be read: "),
        ("a.txt", "x", "cannot tell the format from the ending '.txt'; .csv and .parquet are read"),
    ],
)
def test_files_that_are_none(server: Any, run: Any, tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    done = run("registry", "import", path, "--registry", url(server))
    assert done.returncode == 2
    assert f"{path}: {message}" in done.stderr.replace("\n", "")


def test_stores_that_are_none(run: Any, tmp_path: Path) -> None:
    for command in (["import", tmp_path / "x.csv"], ["export", "-o", tmp_path / "o.csv"], ["migrate"]):
        done = run("registry", *command, "--registry", f"sqlite:///{tmp_path / 'none.sqlite'}")
        assert done.returncode == 2
        assert "none.sqlite: there is no registry here" in done.stderr.replace("\n", "")
        done = run("registry", *command, "--registry", "mysql://x/y")
        assert done.returncode == 2
        assert "mysql://x/y: is neither sqlite:///path nor postgresql://user@host/database" in done.stderr
    assert not (tmp_path / "none.sqlite").exists()


def test_decisions(server: Any, run: Any) -> None:
    at = ("--server", server.address)
    why = ("--reason", "because", "--actor", "moderator-7", *at)
    register = ("seller", "register", "tea", "--kind", "enterprise", "--name", "示例茶业", "--category", "tea")
    assert run(*register, "--credit-code", "91350100M000100Y43", *at).returncode == 0
    steps = [
        (("warn", "tea"), "enforcement warned"),
        (("limit", "tea", "--days", "3"), "enforcement limited"),
        (("shield", "tea"), "enforcement shielded"),
        (("suspend", "tea", "--until", "2099-01-01"), "enforcement suspended"),
        (("reinstate", "tea"), "enforcement none"),
        (("blacklist", "tea", "--review", "2099-01-01"), "listing blacklisted"),
        (("rehabilitate", "tea"), "listing rehabilitated"),
        (("strike", "tea", "DIVERT"), "strikes DIVERT 1"),
        (("licence", "tea", "food,JY1,2024-01-01"), "licences food"),
        (("close", "tea"), "closed"),
        (("reopen", "tea"), "active"),
    ]
    for command, shown in steps:
        done = run("seller", *command, *why)
        assert done.returncode == 0, done.stderr
        assert shown in done.stdout
    assert "licences" not in run("seller", "licence", "tea", "food,JY1", "--ended", *why).stdout
    assert run("seller", "verify", "tea", "--next", "2099-01-01", "--actor", "a", *at).returncode == 0
    log = run("seller", "events", "tea", *at).stdout
    for words in ("enforcement suspended", "2099-01-01", "moderator-7", "strike DIVERT 1", "licence ended food JY1"):
        assert words in log
    done = run("seller", "update", "tea", "--name", "新名", "--phone", "12345", *why)
    assert done.returncode == 0
    assert "changed tea: name, contacts" in done.stdout
    assert "新名" in run("seller", "list", "新", "--registration", "active", *at).stdout
    assert "tea" not in run("seller", "list", "--listing", "blacklisted", *at).stdout
    for wrong, message in [
        (("strike", "tea", "MEDICIN", *why), "MEDICIN: no category; one of"),
        (("suspend", "tea", "--until", "2099-01-01", "--days", "2", *why), "give one of them"),
        (("warn", "tea", "--expected-version", "1", *why), "REASON_CONFLICT"),
        (("blacklist", "tea", *why), "event.listing.review: is required of an entry without end"),
        (("update", "tea", *why), "nothing to change"),
        (("list", "--listing", "blaklisted", *at), "did you mean 'blacklisted'?"),
        (("show", "nobody", *at), "no seller 'nobody' is registered here"),
    ]:
        done = run("seller", *wrong)
        assert done.returncode in (1, 2)
        assert message in " ".join(done.stderr.split()), done.stderr


def test_complaint_to_resolution(server: Any, run: Any) -> None:
    at = ("--server", server.address)
    who = ("--actor", "handler-3", *at)
    register = ("seller", "register", "tea", "--kind", "enterprise", "--name", "示例茶业", "--category", "tea")
    run(*register, "--credit-code", "91350100M000100Y43", *at)
    filing = ("complaint", "file", "tea", "--kind", "return", "--consumer", "buyer-9", "--contact", "13800000000")
    filed = run(*filing, "--received", "2026-01-05", "--statement", "七天内退货，卖家不理", *at)
    assert filed.returncode == 0, filed.stderr
    assert "消费者权益保护法" in filed.stdout
    (complaint,) = [line.split()[1] for line in filed.stdout.splitlines() if line.startswith("complaint ")]
    assert "assigned" in run("complaint", "assign", complaint, "handler-3", *who).stdout
    assert "同意退货" in run("complaint", "answer", complaint, "--text", "同意退货", *who).stdout
    assert "13800000000" in run("complaint", "show", complaint, *at).stdout
    listed = run("complaint", "list", "--seller", "tea", "--state", "answered", *at).stdout
    assert complaint in listed
    assert "13800000000" not in listed
    done = run(
        "complaint", "resolve", complaint, "--outcome", "upheld", "--resolution", "退款", "--strike", "RIGHTS", *who
    )
    assert "resolved, upheld" in done.stdout
    assert "strikes RIGHTS 1" in run("seller", "lookup", "tea", *at).stdout
    assert "complaint" in run("seller", "events", "tea", *at).stdout
    second = run(*filing, "--received", "2026-01-06", "--statement", "x", *at).stdout
    other = next(line.split()[1] for line in second.splitlines() if line.startswith("complaint "))
    assert "withdrawn" in run("complaint", "withdraw", other, *who).stdout
    for wrong, message in [
        (("file", "tea", "--kind", "retrun", "--consumer", "b", "--statement", "x", *at), "did you mean 'return'?"),
        (("resolve", complaint, "--outcome", "upheld", "--resolution", "x", *who), "REASON_WRONG_STATE"),
        (("show", "c-nobody", *at), "REASON_COMPLAINT_NOT_FOUND"),
        (("list", "--state", "open", *at), "--state open: unknown; one of filed"),
    ]:
        done = run("complaint", *wrong)
        assert done.returncode in (1, 2)
        assert message in " ".join(done.stderr.split()), done.stderr


def test_appeal(server: Any, run: Any) -> None:
    at = ("--server", server.address)
    register = ("seller", "register", "tea", "--kind", "enterprise", "--name", "示例茶业", "--category", "tea")
    run(*register, "--credit-code", "91350100M000100Y43", *at)
    struck = run("seller", "strike", "tea", "MEDICAL", "--weight", "7", "--reason", "r", "--actor", "moderator-1", *at)
    assert "enforcement suspended" in struck.stdout
    filed = run("appeal", "file", "tea", "2", "--statement", "不是广告", *at)
    assert filed.returncode == 0, filed.stderr
    appeal = next(line.split()[1] for line in filed.stdout.splitlines() if line.startswith("appeal "))
    assert appeal in run("appeal", "list", "--seller", "tea", "--state", "filed", *at).stdout
    same = run("appeal", "overturn", appeal, "--decision", "d", "--actor", "moderator-1", *at)
    assert same.returncode == 1, "who took the decision does not decide the appeal"
    done = run(
        "appeal", "overturn", appeal, "--decision", "科普文章", "--actor", "moderator-2", "--case", "c.yaml", *at
    )
    assert done.returncode == 0, done.stderr
    assert "overturned" in done.stdout
    assert "enforcement none" in done.stdout
    assert "no regression case" in done.stdout
    assert "科普文章" in run("appeal", "show", appeal, *at).stdout
    assert run("appeal", "uphold", appeal, "--decision", "d", "--actor", "x", *at).returncode == 1


def test_person_and_store(server: Any, run: Any, tmp_path: Path) -> None:
    at = ("--server", server.address)
    register = ("seller", "register", "shoe", "--kind", "natural-person", "--name", "样本甲", "--category", "shoes")
    run(*register, "--identity-number", "11010519491231002X", "--phone", "13800000000", *at)
    why = ("--reason", "本人要求", "--actor", "privacy-1", *at)
    done = run("seller", "export", "shoe", "-o", "person.json", *why)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "person.json").read_text(encoding="utf-8")
    assert "11010519491231002X" in text
    assert (tmp_path / "person.json").stat().st_mode & 0o777 == 0o600
    assert "REASON_WRONG_STATE" in run("seller", "erase", "shoe", *why).stderr
    run("seller", "close", "shoe", *why)
    done = run("seller", "erase", "shoe", *why)
    assert done.returncode == 0, done.stderr
    assert "erased: " in done.stdout
    assert "样本甲" not in run("seller", "show", "shoe", *at).stdout
    done = run("registry", "verify", "--registry", url(server))
    assert done.returncode == 0
    assert "1 sellers" in done.stdout
    assert "all that is stored follows from the log" in done.stdout
    done = run("registry", "run-jobs", "--registry", url(server))
    assert done.returncode == 0
    assert "days: nothing to do" in done.stdout
    done = run("registry", "run-jobs", "dyas", "--registry", url(server))
    assert "dyas: no job; one of days" in done.stderr
    before = (server.config.data_dir / "identity.key").read_text(encoding="utf-8")
    done = run("registry", "rotate-key", "--registry", url(server))
    assert done.returncode == 0, done.stderr
    assert "older keys are dropped" in done.stdout
    assert (server.config.data_dir / "identity.key").read_text(encoding="utf-8") != before
    # The server goes on, with the new key.
    assert run(*register[:2], "shoe-2", *register[3:], "--identity-number", "11010519491231002X", *at).returncode == 0
    assert run("registry", "verify", "--registry", url(server)).returncode == 0


def test_verify_finds_what_was_tampered_with(server: Any, run: Any) -> None:
    import sqlite3

    at = ("--server", server.address)
    register = ("seller", "register", "tea", "--kind", "enterprise", "--name", "示例茶业", "--category", "tea")
    run(*register, "--credit-code", "91350100M000100Y43", *at)
    with sqlite3.connect(server.config.data_dir / "registry.sqlite") as connection:
        connection.execute("UPDATE sellers SET enforcement = 3")
    connection.close()
    done = run("registry", "verify", "--registry", url(server))
    assert done.returncode == 1
    assert "tea: enforcement: stored" in done.stdout
    assert "1 differences" in done.stdout
