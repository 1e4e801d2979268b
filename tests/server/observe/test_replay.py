"""Decisions judged again: the same to the last bit, or what differs, or why it cannot be."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import timestamp_pb2

from fairpost.cli import main
from fairpost.cli.samples import register_sample, sample_request
from fairpost.client import Client
from fairpost.rules.shipped import shipped_bundle
from fairpost.server import Config, Server
from fairpost.server.access import keys
from fairpost.server.access.roles import ROLES
from fairpost.server.observe.decisions.files import read_records
from fairpost.server.observe.decisions.records import line_of
from fairpost.server.observe.decisions.replay import Difference, Replay, ReplayError
from fairpost.v1 import complaint_pb2, post_pb2

SAMPLES = Path(__file__).resolve().parents[3] / "rules" / "samples"
UNITS = (post_pb2.SPAN_UNIT_UTF8_BYTES, post_pb2.SPAN_UNIT_UTF16_UNITS, post_pb2.SPAN_UNIT_CODE_POINTS)


@dataclass
class Logged:
    """A running server and the decisions that it has logged, of all sample posts and some more."""

    server: Server
    log: Path
    records: list[dict[str, Any]]
    api_key: str

    @property
    def rules(self) -> Path:
        return self.server.config.data_dir / "rules"

    def find(self, **fields: Any) -> dict[str, Any]:
        """A copy of the first record with these fields."""
        wanted = fields.items()
        return copy.deepcopy(next(each for each in self.records if wanted <= {k: each[k] for k in fields}.items()))


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    folder = tmp_path_factory.mktemp("replay")
    settings: dict[str, Any] = {"decision_log": folder / "log", "decision_log_texts": True, "decision_log_sample": ""}
    settings |= {"decision_log_masked": "post_id", "rules": shipped_bundle(), "drain_seconds": 1}
    # Sellers are to stand in the end as they did.
    settings["record_violations"] = False
    server = Server(Config(port=0, data_dir=folder / "data", **settings)).start()
    posts = yaml.safe_load((SAMPLES / "posts.yaml").read_text(encoding="utf-8"))
    sellers = yaml.safe_load((SAMPLES / "sellers.yaml").read_text(encoding="utf-8"))["sellers"]
    key = keys.create(server.registry.core.store, "test", ROLES)[0]
    with Client(server.address, api_key=key) as client:
        for seller in sellers:
            register_sample(client, seller)
        client.file_complaint(
            seller_id="seller-food",
            kind=complaint_pb2.COMPLAINT_KIND_QUALITY,
            consumer_id="c-1",
            statement="与描述不符",
        )
        for unit in UNITS:
            list(client.check_many(map(sample_request, posts), batch=32, unit=unit))
        old = post_pb2.Post(text="本店纯天然，全网最低价，根治失眠，加V：abc12345", language="zh", channel="moments")
        old.extra_texts.add(text="包治百病")
        old.created_at.CopyFrom(timestamp_pb2.Timestamp(seconds=1_440_993_600))  # the last day of the old law
        client.check(old)
        client.check("最" * 60_000 + "根治")
    assert server.decisions is not None
    assert server.decisions.flush(60)
    # A copy: what servers are asked for by --server is logged, too.
    (folder / "then").mkdir()
    then = folder / "then" / "decisions-0.jsonl"
    shutil.copy(folder / "log" / "decisions-0.jsonl", then)
    yield Logged(server, folder / "then", list(read_records(then)), key)
    server.stop()


def test_all_samples_are_the_same_to_the_last_bit(logged: Logged) -> None:
    again = Replay(logged.rules)
    assert len(logged.records) > 3 * 200
    assert {record["action"] for record in logged.records} == {"ALLOW", "LIMIT", "REVIEW", "SHIELD", "BLOCK"}
    sellers = [record["seller"] for record in logged.records]
    assert None in sellers
    assert "unknown" in sellers
    assert any(isinstance(seller, dict) and seller["strikes"] for seller in sellers)
    assert any(isinstance(seller, dict) and seller["open_complaints"] for seller in sellers)
    for record in logged.records:
        assert again.judge(record) == [], record["decision_id"]


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"day": "2026-01-01", "created_at": 1}, "action"),
        ({"channel": ""}, ""),
    ],
)
def test_nothing_is_compared_that_was_not_judged(logged: Logged, change: dict[str, Any], differs: str) -> None:
    record = logged.find(day="2015-08-31") | change
    found = [each.field for each in Replay(logged.rules).judge(record)]
    assert (differs in found) if differs else found == []


def test_every_difference_is_told(logged: Logged) -> None:
    record = logged.find(action="BLOCK")
    record["action"] = "SHIELD"
    risk = record["risk"]
    record["risk"] = risk + 2**-30  # no float32
    record["evidence"][0]["end"] += 1
    record["labels"].append({"category": "MEDICAL", "score": 0.5, "severity": "low"})
    found = Replay(logged.rules).judge(record)
    assert found[:2] == [Difference("action", "SHIELD", "BLOCK"), Difference("risk", risk + 2**-30, risk)]
    label = len(record["labels"]) - 1
    assert [each.field for each in found[2:]] == [f"labels[{label}]", "evidence[0].end"]
    assert found[2].now is None


def test_the_digest_guards_what_is_not_written_out(logged: Logged) -> None:
    record = logged.find(action="BLOCK") | {"verdict_digest": "0" * 64}
    (difference,) = Replay(logged.rules).judge(record)
    assert difference.field == "verdict_digest"


def test_the_standing_of_then_is_what_counts(logged: Logged) -> None:
    record = next(each for each in logged.records if isinstance(each["seller"], dict) and each["action"] == "ALLOW")
    changed = copy.deepcopy(record)
    changed["seller"]["enforcement"] = "suspended"
    assert Replay(logged.rules).judge(record) == []
    assert Replay(logged.rules).judge(changed) != []


def test_unavailable_sellers_by_the_policy_of_then(logged: Logged) -> None:
    record = next(each for each in logged.records if each["seller"] == "unknown" and each["evidence"])
    again = Replay(logged.rules)
    as_unregistered = record | {"seller": "unavailable", "fail_policy": "unregistered"}
    assert again.judge(as_unregistered) == []
    assert again.judge(record | {"seller": "unavailable", "fail_policy": "neutral"}) != []


def test_a_batch_over_midnight(logged: Logged) -> None:
    """Its day was taken before midnight, its ids after."""
    record = logged.find(day="2015-08-31")
    again = Replay(logged.rules)

    def decided_at(milliseconds: int) -> dict[str, Any]:
        digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
        stamp = "".join(digits[milliseconds >> shift & 31] for shift in range(45, -1, -5))
        name = stamp + record["decision_id"][10:]
        return record | {"created_at": None, "decision_id": name, "day": "2015-09-01"}

    midnight = 1_441_036_800_000  # 2015-09-01T00:00 in China: the new law
    assert again.judge(decided_at(midnight + 500)) == []
    assert again.judge(decided_at(midnight + 60_000))[0] == Difference("action", "ALLOW", "SHIELD")
    assert again.judge(decided_at(midnight + 500) | {"risk": 0.5}) != []


def test_revisions_that_are_gone(logged: Logged, tmp_path: Path) -> None:
    record = logged.find(action="BLOCK")
    with pytest.raises(ReplayError, match=r"revision \w{12} is gone: .*\.fpb does not exist"):
        Replay(tmp_path).judge(record)
    with pytest.raises(ReplayError, match=r"'\.\./\.\./secret' is no revision"):
        Replay(tmp_path).judge(record | {"revision": "../../secret"})
    bundle = logged.rules / f"{record['revision']}.fpb"
    shutil.copy(bundle, tmp_path / "0123456789ab.fpb")
    with pytest.raises(ReplayError, match=rf"0123456789ab.fpb: holds revision {record['revision']}"):
        Replay(tmp_path).judge(record | {"revision": "0123456789ab"})
    (tmp_path / "ba9876543210.fpb").write_bytes(b"no bundle")
    with pytest.raises(ReplayError, match=r"ba9876543210\.fpb: "):
        Replay(tmp_path).judge(record | {"revision": "ba9876543210"})


def test_texts_that_were_not_logged(logged: Logged) -> None:
    record = logged.find(action="BLOCK")
    del record["texts"]
    with pytest.raises(ReplayError, match=r"the text of decision \w{26} was not logged; servers log texts with"):
        Replay(logged.rules).judge(record)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"day": "yesterday"}, "the record is damaged: Invalid isoformat"),
        ({"seller": {"registration": "perhaps"}}, "the record is damaged: "),
        ({"unit": "miles"}, "the record is damaged: "),
        ({"texts": [""]}, "the record is damaged: its text cannot be judged"),
        ({"verdict_digest": None}, ""),
    ],
)
def test_damaged_records(logged: Logged, change: dict[str, Any], message: str) -> None:
    record = logged.find(action="BLOCK") | change
    if message:
        with pytest.raises(ReplayError, match=message):
            Replay(logged.rules).judge(record)
    else:
        assert [each.field for each in Replay(logged.rules).judge(record)] == ["verdict_digest"]


# ---- the command ------------------------------------------------------------------------------------------


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.delenv("COLUMNS", raising=False)

    def call(*words: object) -> tuple[int, str, str]:
        status: Any = 0
        try:
            main([str(word) for word in words])
        except SystemExit as end:
            status = end.code or 0
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_one_decision(logged: Logged, run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    record = logged.find(action="BLOCK")
    name = record["decision_id"]
    status, out, _ = run("replay", name, "--log", logged.log, "--rules-dir", logged.rules)
    assert status == 0
    assert out.startswith(f"{name}: the same to the last bit: BLOCK, risk {record['risk']!r}, exposure ")
    (tmp_path / "x.jsonl").write_bytes(line_of(record | {"risk": 0.5}))
    status, out, _ = run("replay", name, "--log", tmp_path / "x.jsonl", "--rules-dir", logged.rules)
    assert status == 1
    assert f"{name}: differs" in out
    assert ["risk", "0.5", repr(record["risk"])] in [line.split() for line in out.splitlines()]


def test_all_decisions(logged: Logged, run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    status, out, _ = run("replay", "--all", "--log", logged.log, "--rules-dir", logged.rules)
    assert (status, out) == (0, f"{len(logged.records):,} the same to the last bit, 0 differ, 0 not judged again\n")
    first, second, third, fourth = logged.records[:4]
    third, fourth = (dict(each) for each in (third, fourth))
    del third["texts"], fourth["texts"]
    (tmp_path / "x.jsonl").write_bytes(b"".join(map(line_of, (first | {"exposure": 9.5}, second, third, fourth))))
    status, out, _ = run("replay", "--all", "--log", tmp_path / "x.jsonl", "--rules-dir", logged.rules)
    assert status == 1
    assert "1 the same to the last bit, 1 differ, 2 not judged again" in out
    assert [first["decision_id"], "exposure", "9.5", repr(first["exposure"])] in [x.split() for x in out.splitlines()]
    assert "not judged again (2): the text of decision (decision) was not logged" in out


def test_by_a_running_server(
    logged: Logged, run: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRPOST_API_KEY", logged.api_key)
    record = logged.find(action="BLOCK", seller=None)
    words = ("replay", record["decision_id"], "--log", logged.log, "--server", logged.server.address)
    assert run(*words)[0] == 0
    (tmp_path / "x.jsonl").write_bytes(line_of(record | {"seller_id": "masked:00", "risk": 0.5}))
    words = ("replay", record["decision_id"], "--log", tmp_path / "x.jsonl", "--server", logged.server.address)
    status, _, err = run(*words)
    assert status == 2
    assert "the seller's id is masked in the log" in err
    (tmp_path / "x.jsonl").write_bytes(line_of(record | {"revision": "0123456789ab"}))
    assert f"the server's active revision is {record['revision']}, the decision was made by 0123" in run(*words)[2]
    (tmp_path / "x.jsonl").write_bytes(line_of(record | {"risk": 0.5}))
    assert run(*words)[0] == 1


def test_all_samples_by_a_running_server(
    logged: Logged, run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way of a call gives what the engine gives, as long as sellers stand as they did."""
    monkeypatch.setenv("FAIRPOST_API_KEY", logged.api_key)
    status, out, _ = run("replay", "--all", "--log", logged.log, "--server", logged.server.address)
    assert (status, " 0 differ, 0 not judged again" in out) == (0, True), out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x", "--rules-dir", "."], "name the decision log: --log PATH"),
        (["--log", "away", "--rules-dir", "."], "name a decision, or --all"),
        (["x", "--all", "--log", "away", "--rules-dir", "."], "name a decision, or --all"),
        (["x", "--log", "away"], "name the folder of activated rule sets: --rules-dir DATA_DIR/rules (or --server)"),
        (["x", "--log", "away", "--rules-dir", "."], "away: no such file or folder"),
    ],
)
def test_wrong_calls(words: list[str], message: str, run: Callable[..., tuple[int, str, str]]) -> None:
    status, _, err = run("replay", *words)
    assert status == 2
    assert message in err


def test_decisions_that_are_not_there(logged: Logged, run: Callable[..., tuple[int, str, str]]) -> None:
    status, _, err = run("replay", "01M8", "--log", logged.log, "--rules-dir", logged.rules)
    assert status == 2
    assert "01M8: is not in the log; it was sampled out, dropped, or is in another server's log" in err


def test_export(logged: Logged, run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    status, out, _ = run("decisions", "export", logged.log, "-o", tmp_path / "x.parquet")
    assert status == 0
    assert out == f"{len(logged.records):,} decisions written to {tmp_path}/x.parquet\n"
    rows = pq.read_table(tmp_path / "x.parquet").to_pylist()
    for row, record in zip(rows, logged.records, strict=True):
        assert row["decision_id"] == record["decision_id"]
        assert row["action"] == record["action"]
        assert row["risk"] == record["risk"], "float32 is kept to the bit"
        assert row["texts"] == record["texts"]
        assert [each["score"] for each in row["labels"]] == [each["score"] for each in record["labels"]]
        assert [each["matched"] for each in row["evidence"]] == [each["matched"] for each in record["evidence"]]
        assert row["day"].isoformat() == record["day"]
        assert row["time"].isoformat(timespec="milliseconds").replace("+00:00", "Z") == record["time"]
        if isinstance(record["seller"], dict):
            assert row["seller_outcome"] == "known"
            assert dict(row["seller"]["strikes"]) == record["seller"]["strikes"]
        else:
            assert row["seller_outcome"] == record["seller"]
            assert row["seller"] is None
    status, _, err = run("decisions", "export", logged.log, "-o", tmp_path / "x.csv")
    assert (status, "is to end with .parquet" in err) == (2, True)
    status, _, err = run("decisions", "export", logged.log, "-o", tmp_path / "away" / "x.parquet")
    assert (status, "cannot be written" in err) == (2, True)
