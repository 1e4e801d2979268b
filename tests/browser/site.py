"""The site under test: a real server with its HTTP side, a clock that tests may move, a key for each role, and the
sample sellers, documents, complaints and appeals, brought in through the services."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from running import Running

from fairpost.cli import samples
from fairpost.rules import compile_packs, shipped_packs
from fairpost.server.access.roles import ROLES
from fairpost.v1 import bulletin_pb2, post_pb2, review_pb2, rules_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.client import Client

__all__ = ["FLAGS", "POSTS", "STAFF", "Site", "bundle"]

_HERE = Path(__file__).resolve().parent
STAFF = tuple(role for role in ROLES if role != "visitor")
"""Roles that log in."""

FLAGS = [
    "--no-sandbox",  # tests run as root
    "--disable-gpu",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--disable-background-networking",
    "--disable-component-update",
]
"""Of the browser."""

POSTS = {
    "clean": "今早摘的草莓，两斤三十五元，坏果补发",
    "cure": "祖传膏方，根治湿疹，三盒包邮九十九元",
    "absolute": "全网第一好吃的橙子，十元一斤",
    "private": "苹果十元一斤，要的加微信",
}
"""What sellers write: ALLOW, SHIELD, REVIEW, LIMIT by the rules of the site."""


def bundle(*more: Path) -> bytes:
    """The rules of the site, and those of further packs."""
    shipped = shipped_packs()
    return compile_packs([shipped / "laws.yaml", shipped / "policy.yaml", _HERE / "rules" / "site.yaml", *more])


class Clock:
    """The wall clock of the server's processes, as clock/sitecustomize.py moves it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.move_to(0.0)

    def move_to(self, seconds: float) -> None:
        """So many seconds ahead of the real one. Tests move it on, never back."""
        with self.path.open("r+b" if self.path.exists() else "w+b") as file:
            file.write(struct.pack("d", seconds))


@dataclass
class Site:
    """A running server. url: of its pages, without a slash at the end."""

    folder: Path
    options: dict[str, object] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """An API key for each role of STAFF, and "all" with all of them."""
    candidate: str = ""
    """Revision that is kept and not active."""

    def start(self) -> Site:
        self.folder.mkdir(parents=True, exist_ok=True)
        rules, http_port = self.folder / "site.fpb", self.folder / "http-port"
        rules.write_bytes(bundle())
        self.clock = Clock(self.folder / "clock")
        self.running = Running(
            self.folder / "data",
            {
                "rules": rules,
                "no_rules": False,
                "http_port": 0,
                "http_port_file": http_port,
                # Each visitor is a client of its own, as behind a proxy: limits go by the address.
                "trusted_proxies": "127.0.0.0/8",
                # What is tested is not how calls are shed on a machine that has too much to do.
                "queue_target_ms": 0,
            }
            | self.options,
            environment={"PYTHONPATH": str(_HERE / "clock"), "FAIRPOST_TEST_CLOCK": str(self.clock.path)},
        )
        self.running.api_key = ""
        self.running.start()
        self.url = f"http://127.0.0.1:{int(http_port.read_text())}"
        self.keys = {role: self.running.make_key(role) for role in STAFF} | {"all": self.running.make_key(*STAFF)}
        return self

    @property
    def client(self) -> Client:
        """As an upstream service and an operator at once: with all roles."""
        return self.running.client

    def fill(self) -> None:
        """Bring the samples in, and some posts of registered sellers."""
        samples.register_sellers(self.client)
        samples.publish_documents(self.client)
        samples.file_complaints(self.client)
        samples.file_appeals(self.client)
        samples.check_held(self.client)
        sellers = ("seller-food", "seller-clothes", "seller-wine", "seller-brand", "")
        self.client.check_batch(
            [
                post_pb2.Post(id=f"{name}-{seller or 'nobody'}", seller_id=seller, text=text, channel="storefront")
                for seller in sellers
                for name, text in POSTS.items()
                if not (name == "cure" and seller)
            ]
        )
        kind = bulletin_pb2.DOCUMENT_KIND_RULE_CHANGE
        revision = self.keep_candidate()
        self.client.publish(document_id="quantum-change", kind=kind, revision=revision, actor="demo")

    def keep_candidate(self) -> str:
        """Upload the active rules with a further pack, without activating them; gives the revision."""
        more = _HERE / "rules" / "stricter.yaml"
        content = compile_packs([shipped_packs(), more]) if "rules" in self.options else bundle(more)
        request = rules_pb2.KeepBundleRequest(bundle=content, source="stricter.fpb")
        self.candidate = self.client.call("KeepBundle", request).candidate.revision
        return self.candidate

    def reviews(self, **conditions: Any) -> Sequence[review_pb2.Review]:
        """What is in the queue."""
        request = review_pb2.ListReviewsRequest(filter=review_pb2.ReviewFilter(**conditions))
        found: Sequence[review_pb2.Review] = self.client.call("ListReviews", request).reviews
        return found

    @property
    def rule(self) -> str:
        """Id of a rule in force that has examples and law."""
        return "medical.cure-claim" if "rules" in self.options else "site.cure"

    def stop(self) -> None:
        """Also after a start that failed."""
        if hasattr(self.running, "client"):
            self.running.client.close()
        if self.running.process.poll() is None:
            self.running.kill_now()
            self.running.process.wait(60)
