"""Pages of a real server: its workers, its HTTP side, a browser's memory for cookies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from running import Running

FIELD = re.compile(r'name="(form_token|request_id)" value="(\w+)"')


@dataclass
class Pages:
    """running: the server; address: of its pages."""

    running: Running
    address: str

    def reader(self, client: str = "192.0.2.1", **headers: str) -> httpx.Client:
        """A browser at that address; the server takes this machine for its proxy."""
        return httpx.Client(
            base_url=self.address, headers={"X-Forwarded-For": client, "Accept-Language": "en"} | headers, timeout=30
        )

    def publish(self, document_id: str, zh: str, body: str, *, en: str = "", body_en: str = "", **fields: Any) -> Any:
        note = fields.pop("note", "")
        kind = fields.pop("kind", bulletin_pb2.DOCUMENT_KIND_REGULATION)
        content = bulletin_pb2.DocumentContent(**fields)
        content.title.zh, content.title.en, content.body.zh, content.body.en = zh, en, body, body_en
        asked = bulletin_pb2.PublishRequest(document_id=document_id, kind=kind, content=content, note=note, actor="li")
        return self.running.client.call("Publish", asked)

    def withdraw(self, document_id: str, reason: str) -> None:
        asked = bulletin_pb2.WithdrawRequest(document_id=document_id, reason=reason, actor="li")
        self.running.client.call("Withdraw", asked)


def fields_of(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of a page's form."""
    return dict(FIELD.findall(page.text))


@pytest.fixture(scope="module")
def pages(module_server: Callable[..., Any], bundle: Callable[..., bytes], registration: Any) -> Iterator[Pages]:
    """A server with pages, a small rule set and some sellers."""
    running = module_server("data", http_port=0, trusted_proxies="127.0.0.1", decision_log_sample="ALLOW=1")
    running.options["http_port_file"] = str(running.data_dir.with_name("http.port"))
    running.options |= {"decision_log": str(running.data_dir.with_name("decisions")), "decision_log_texts": "true"}
    running.start()
    running.client.activate(bundle({"根治": 0.97, "特效": 0.65, "cure": 0.85}), source="test rules")
    running.client.call("RegisterSeller", registration("seller-1"))
    port = int(running.data_dir.with_name("http.port").read_text())
    yield Pages(running, f"http://127.0.0.1:{port}")
    running.stop()
