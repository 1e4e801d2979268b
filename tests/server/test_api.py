"""What the .proto files promise: comments everywhere, numbers that agree with the vocabulary, current stubs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from fairpost.engine import vocabulary
from fairpost.engine.decision_ids import DecisionIds
from fairpost.v1 import (
    appeal_pb2,
    complaint_pb2,
    filter_pb2,
    post_pb2,
    reason_pb2,
    registry_pb2,
    rules_pb2,
    standing_pb2,
    verdict_pb2,
)

ROOT = Path(__file__).resolve().parents[2]
PROTOS = sorted((ROOT / "proto" / "fairpost" / "v1").glob("*.proto"))
FILES = (
    appeal_pb2,
    complaint_pb2,
    filter_pb2,
    post_pb2,
    reason_pb2,
    registry_pb2,
    rules_pb2,
    standing_pb2,
    verdict_pb2,
)


def words(enum: object, prefix: str) -> list[str]:
    names = enum.keys()  # type: ignore[attr-defined]
    assert names[0].endswith("UNSPECIFIED")
    assert enum.values() == list(range(len(names)))  # type: ignore[attr-defined]
    return [name.removeprefix(prefix).lower() for name in names[1:]]


def test_enums_are_the_vocabulary_plus_one() -> None:
    assert words(standing_pb2.Registration, "REGISTRATION_") == list(vocabulary.REGISTRATION)
    assert words(standing_pb2.Enforcement, "ENFORCEMENT_") == list(vocabulary.ENFORCEMENT)
    assert words(standing_pb2.Listing, "LISTING_") == list(vocabulary.LISTING)
    assert words(verdict_pb2.Severity, "SEVERITY_") == list(vocabulary.SEVERITIES)
    assert words(verdict_pb2.Action, "ACTION_") == [action.name.lower() for action in vocabulary.Action]


@pytest.mark.parametrize("path", PROTOS, ids=[path.name for path in PROTOS])
def test_everything_is_commented(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    declaration = re.compile(
        r"^\s*(message|enum|service|rpc|oneof) (\w+)|^\s*[\w.]+(?: [\w.]+)? \w+ = \d+;|^\s*[A-Z_0-9]+ = \d+;"
    )
    for number, line in enumerate(lines):
        if found := declaration.match(line):
            above = number - 1
            while lines[above].strip().startswith("//"):
                above -= 1
            comment = [text.strip() for text in lines[above + 1 : number]]
            assert comment, f"{path.name}:{number + 1}: {line.strip()} has no comment"
            if found[1] in ("rpc", "service"):
                assert comment[0].startswith(f"// {found[2]} "), f"{path.name}:{number + 1}"


def test_every_reason_names_its_status() -> None:
    text = (ROOT / "proto/fairpost/v1/reason.proto").read_text(encoding="utf-8")
    for name in reason_pb2.Reason.keys()[1:]:
        assert re.search(rf"// [A-Z_]+\. [^=]*\n  {name} = ", text), name
        assert re.fullmatch(r"[A-Z][A-Z0-9_]+[A-Z0-9]", name)
        assert len(name) <= 63


def test_no_number_is_used_twice_over_time() -> None:
    """Field numbers stay what they were released as. Adding is fine; this list only grows."""
    released = {
        "Post": {"id": 1, "seller_id": 2, "text": 3, "extra_texts": 4, "channel": 5, "language": 6, "created_at": 7},
        "Verdict": {
            "post_id": 1,
            "action": 2,
            "risk": 3,
            "commerce": 4,
            "exposure": 5,
            "labels": 6,
            "evidence": 7,
            "seller_standing": 8,
            "revision": 9,
            "decision_id": 10,
        },
        "StreamCheckRequest": {"posts": 1, "unit": 2, "sequence": 10},
        "StreamCheckResponse": {"results": 1, "revision": 2, "sequence": 10},
        "SellerAnswer": {"seller_id": 1, "outcome": 2, "standing": 3, "ttl": 4},
    }
    messages = {name: message for file in FILES for name, message in file.DESCRIPTOR.message_types_by_name.items()}
    for name, fields in released.items():
        found = {field.name: field.number for field in messages[name].fields}
        assert fields.items() <= found.items(), name


def test_stubs_are_current() -> None:
    pytest.importorskip("grpc_tools")
    command = [sys.executable, str(ROOT / "proto" / "generate.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_stubs_hold_no_path_of_a_machine() -> None:
    for path in (ROOT / "proto" / "fairpost" / "v1").glob("*_pb2*"):
        assert str(ROOT) not in path.read_text(encoding="utf-8")
    file = descriptor_pb2.FileDescriptorProto()
    filter_pb2.DESCRIPTOR.CopyToProto(file)
    assert file.name == "fairpost/v1/filter.proto"


def test_decision_ids() -> None:
    source, other = DecisionIds(), DecisionIds()
    ids = source.take(5000) + source.take(1)
    assert len(set(ids)) == 5001
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", decision_id) for decision_id in ids)
    assert not set(ids) & set(other.take(5000))
