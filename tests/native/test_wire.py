"""The wire codec's reading as a program of its own under sanitizers, against the official protobuf runtime."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from reference.strategies import examples
from reference.wire import message_bytes

from fairpost.server.faults import seller_id_fault
from fairpost.server.posts import post_fault
from fairpost.v1 import filter_pb2, registry_pb2

ROOT = Path(__file__).parents[2]
FLAGS = ["-O1", "-g", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
READ, REFUSED = "0", "1"
REQUESTS: tuple[Any, ...] = (
    filter_pb2.CheckPostRequest,
    filter_pb2.CheckPostsRequest,
    filter_pb2.StreamCheckRequest,
    registry_pb2.LookupSellerRequest,
    registry_pb2.BatchLookupSellersRequest,
)
EXTRA, TIME = {1: "number", 2: "text"}, {1: "number", 2: "number"}
POST = {1: "text", 2: "text", 3: "text", 4: EXTRA, 5: "text", 6: "text", 7: TIME}
CHECK, LOOKUP = {1: POST, 2: "number", 3: "number", 10: "number"}, {1: "text", 2: {1: "number", 2: "text"}}
texts = st.sampled_from(["", "a", "s1", "根治", "x" * 129, "好" * 65, "moments", "𠮷" * 257, "12345678é"])
numbers = st.one_of(st.integers(0, 3), st.integers(0, 2**64 - 1))
cases = st.one_of(
    st.tuples(st.integers(0, 2), message_bytes(CHECK, texts, numbers)),
    st.tuples(st.integers(3, 4), message_bytes(LOOKUP, texts, numbers)),
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is here")
    target = tmp_path_factory.mktemp("wire") / "wire"
    source, kernels = ROOT / "tests" / "native" / "wire.c", ROOT / "engine" / "kernels"
    command = [compiler, *FLAGS, *SANITIZERS, f"-I{kernels}", str(source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return str(target)


def run(program: str, given: list[tuple[int, bytes]]) -> list[list[str]]:
    content = b"".join(struct.pack("<II", kind, len(body)) + body for kind, body in given)
    done = subprocess.run([program], input=content, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [line.split(" ") for line in done.stdout.decode().splitlines()]


@examples(60)
@given(st.lists(cases, min_size=1, max_size=30))
def test_reads_what_the_runtime_reads(program: str, given: list[tuple[int, bytes]]) -> None:
    for (kind, body), (outcome, *found) in zip(given, run(program, given), strict=True):
        try:
            request = REQUESTS[kind].FromString(body)
        except DecodeError:
            # Texts that are not UTF-8 are the judge's.
            assert outcome == REFUSED or any(not is_sound(post) for post in found), body
            continue
        if kind > 2:
            ids = [request.seller_id] if kind == 3 else list(request.seller_ids)
            quick = request.consistency.WhichOneof("requirement") in (None, "minimise_latency")
            sound = not any(map(seller_id_fault, ids)) and len(ids) <= 5
            assert outcome != READ or (quick and sound), body
            if outcome == READ:
                assert [bytes.fromhex(one[1:]).decode() for one in found] == ids
            continue
        posts = [request.post] if kind == 0 else list(request.posts)
        if (kind == 0 and not request.HasField("post")) or len(posts) > 5:
            assert outcome == REFUSED
            continue
        assert outcome == READ, body
        for post, one in zip(posts, found, strict=True):
            refused, *parts = one.split(".")
            assert (refused == "1") == (post_fault(post, "post") is not None), body
            if refused == "0":
                wanted = [post.text, *(extra.text for extra in post.extra_texts)]
                assert [bytes.fromhex(part).decode() for part in parts] == wanted


def is_sound(post: str) -> bool:
    """Whether a post as printed was not refused, with texts that are UTF-8."""
    refused, *parts = post.split(".")
    try:
        for part in parts:
            bytes.fromhex(part).decode()
    except UnicodeDecodeError:
        return False
    return refused == "0"
