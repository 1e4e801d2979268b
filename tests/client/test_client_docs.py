"""Every Python example of docs/client.md runs, against a real server; so do those of README and docs/serving.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairpost.client import Client
from fairpost.rules import compile_packs
from fairpost.server import Config, Server
from fairpost.server.access import keys
from fairpost.server.access.roles import ROLES
from fairpost.v1 import post_pb2

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)
PACK = """
pack: client-docs
lists:
  cures: {words: [根治]}
rules:
  - id: client-docs.cure
    category: MEDICAL
    severity: high
    when: any(cures)
    weight: 0.9
    basis: [cn.advertising-law/17]
    message: {zh: 不得宣称根治, en: No cures}
    cases: {match: [本店茶叶根治糖尿病], pass: [好茶]}
"""


def examples(page: str, *, of_client: bool = False) -> list[str]:
    found = EXAMPLE.findall((ROOT / page).read_text(encoding="utf-8"))
    assert found
    return [code for code in found if not of_client or "fairpost.client" in code]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "pack.yaml").write_text(PACK, encoding="utf-8")
    server = Server(Config(port=0, data_dir=folder / "data", no_rules=True, drain_seconds=1)).start()
    key = keys.create(server.registry.core.store, "docs", ROLES)[0]  # activating rules needs one even here
    with Client(server.address, api_key=key) as client:
        client.activate(compile_packs([folder / "pack.yaml"]), source="docs")
    yield server.address
    server.stop()


@pytest.mark.parametrize("index", range(len(examples("docs/client.md"))))
def test_examples_of_the_page(index: int, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "api.key").write_text("key\n")
    for name in ("ca.pem", "client.pem", "client.key"):
        (tmp_path / name).write_text("")
    code = examples("docs/client.md")[index]
    port = address.rpartition(":")[2]
    printed: list[str] = []  # not what the server in this process logs

    def note(*values: object) -> None:
        printed.append(" ".join(map(str, values)))

    code = code.replace("127.0.0.1:50051", address).replace("localhost:50051", f"127.0.0.1:{port}")
    exec(code, {"print": note})
    if index == 0:
        assert printed[0].endswith("['MEDICAL']")
        assert len(printed) == 201
    if "client.seller(" in code:
        assert printed == ["NOT_FOUND REASON_SELLER_NOT_FOUND"]


@pytest.mark.parametrize("page", ["README.md", "docs/serving.md"])
def test_examples_elsewhere(page: str, address: str) -> None:
    found = examples(page, of_client=True)
    assert found
    posts = [post_pb2.Post(text="好茶")] * 3
    for code in found:
        exec(code.replace("127.0.0.1:50051", address), {"posts": posts})


def test_every_parameter_is_documented() -> None:
    import inspect

    page = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
    for parameter in inspect.signature(Client).parameters:
        assert parameter in ("pace", "targets") or f"{parameter}=" in page, parameter
    # Every public method that a caller of checks would look for.
    for name in ("check_batch", "check_many", "batched", "stream", "watch", "with_options", "wait_ready", "call"):
        assert name in page
