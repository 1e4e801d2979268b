"""Real servers in processes of their own, real clients, real SQLite files; small rule sets built by the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from running import Running

from fairpost.client import Client
from fairpost.engine.build import build
from fairpost.engine.folds import DEFAULT
from fairpost.engine.source import Instruction, Op, Pattern, Policy, Rule, RuleSetSource
from fairpost.engine.vocabulary import CATEGORIES, MAX_CATEGORIES, RECOGNISERS
from fairpost.server import Config, Server
from fairpost.server.access import keys
from fairpost.server.access.roles import ROLES
from fairpost.server.run import StartError
from fairpost.v1 import registry_pb2, seller_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_MEDICAL, _UNREGISTERED = CATEGORIES.index("MEDICAL"), CATEGORIES.index("UNREGISTERED")
_LAWS = {
    "cn.advertising-law": {
        "title": {"zh": "中华人民共和国广告法", "en": "Advertising Law of the PRC"},
        "articles": {
            "17": [
                {"cite": {"zh": "第十六条", "en": "Art. 16"}, "from": "1995-02-01", "until": "2015-09-01"},
                {"cite": {"zh": "第十七条", "en": "Art. 17"}, "from": "2015-09-01", "until": None},
            ]
        },
    }
}


def make_bundle(words: Mapping[str, float], *, name: str = "test", seller_rules: bool = True) -> bytes:
    """A rule set with one MEDICAL rule a word. A score from 0.3 is LIMIT, 0.6 REVIEW, 0.8 SHIELD, 0.95 BLOCK; in
    channel "strict" everything is BLOCK. A registered seller with a medical-device licence may say the words; an
    unregistered one is limited."""
    first = len(RECOGNISERS)
    rules, patterns, operands, notes = [], [], [], []
    for i, (word, weight) in enumerate(words.items()):
        patterns.append(Pattern(word, DEFAULT, True, (first + i,)))
        operands.append((first + i, -1, 0))
        code = [Instruction(Op.ANY, a=i)]
        if seller_rules:
            code += [Instruction(Op.LICENCE, a=6), Instruction(Op.NOT), Instruction(Op.AND)]
        rule = Rule(f"medical.{i}", _MEDICAL, 2, 0, weight, -1, -(2**31), 2**31 - 1, (first + i,), code)
        rules.append(rule)
        notes.append({"id": rule.id, "message": {"zh": "不得宣称治疗", "en": "No cures"}})
        notes[-1]["basis"] = ["cn.advertising-law/17"]
    if seller_rules:
        code = [Instruction(Op.UNREGISTERED)]
        rules.append(Rule("seller.unregistered", _UNREGISTERED, 0, 0, 0.5, -1, -(2**31), 2**31 - 1, None, code))
        notes.append({"id": "seller.unregistered", "message": {"zh": "未登记", "en": "Not registered"}, "basis": []})
    thresholds = np.full((2, MAX_CATEGORIES, 5), np.inf, np.float32)
    thresholds[:, :, 1:] = [0.3, 0.6, 0.8, 0.95]
    thresholds[1, :, 1:] = 0.01
    exposure = {"limit": 0.3, "review": 0.0, "unregistered": 0.7, "clean": 1.2, "per_year": 0.05, "per_strike": 0.1}
    exposure |= {"max": 1.5, "commerce": 0.0}
    source = RuleSetSource(
        patterns=patterns,
        lists=[*RECOGNISERS, *(f"test.list{i}" for i in range(len(words)))],
        list_allows={},
        operands=operands,
        rules=rules,
        channels=["default", "strict"],
        languages=["", "zh"],
        policy=Policy([0.3, 0.6, 0.85, 1.0], [], thresholds, exposure),
        meta={"name": name, "rules": notes, "laws": _LAWS},
    )
    return build(source)


@dataclass
class Inside:
    """The same server inside this process: no second to start it. `refused` is the message of a StartError."""

    data_dir: Path
    options: dict[str, Any] = field(default_factory=dict)
    api_key: str = ""

    def make_key(self, *roles: str, **fields: Any) -> str:
        """A key of the server's registry, by default with all roles."""
        return keys.create(self.server.registry.core.store, "test", roles or ROLES, **fields)[0]

    def start(self) -> Inside:
        settings = {"port": 0, "data_dir": self.data_dir, "no_rules": True, "drain_seconds": 1} | self.options
        self.server = Server(Config(**settings))
        self.server.start()
        self.api_key = self.api_key or self.make_key()
        self.client = Client(f"127.0.0.1:{self.server.port}", api_key=self.api_key)
        return self

    def refused(self) -> str:
        with pytest.raises(StartError) as caught:
            self.start()
        return str(caught.value)

    def stop(self) -> None:
        self.client.close()
        self.server.stop()


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Callable[..., Inside]]:
    """Makes servers inside this process, of one data directory or several, by name."""
    started: list[Inside] = []

    def make(name: str = "data", **options: Any) -> Inside:
        started.append(Inside(tmp_path / name, options))
        return started[-1]

    yield make
    for running in started:
        if hasattr(running, "client"):
            running.stop()


@pytest.fixture(scope="session")
def bundle() -> Callable[..., bytes]:
    return make_bundle


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Makes servers of one data directory (or several, by name); what still runs at the end is killed."""
    started: list[Running] = []

    def make(name: str = "data", **options: Any) -> Running:
        running = Running(tmp_path / name, options)
        started.append(running)
        return running

    yield make
    for running in started:
        if hasattr(running, "process") and running.process.poll() is None:
            running.kill()


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """Makes servers for all tests of a module."""
    started: list[Running] = []

    def make(name: str = "data", **options: Any) -> Running:
        started.append(Running(tmp_path_factory.mktemp("module") / name, options))
        return started[-1]

    yield make
    for running in started:
        if hasattr(running, "process") and running.process.poll() is None:
            running.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for the tests of a module, with a small rule set active."""
    running = Running(
        tmp_path_factory.mktemp("shared") / "data", {"max_request_bytes": 1 << 20, "max_posts": 500, "max_streams": 3}
    ).start()
    running.client.activate(make_bundle({"根治": 0.97, "特效": 0.65, "疗效": 0.4, "cure": 0.85}), source="test rules")
    yield running
    running.kill()


@pytest.fixture(scope="session")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """One server inside this process, with a small rule set active, for all tests that change nothing."""
    running = Inside(tmp_path_factory.mktemp("refusing") / "data").start()
    running.client.activate(make_bundle({"根治": 0.97, "特效": 0.65}))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def registration() -> Callable[..., registry_pb2.RegisterSellerRequest]:
    """A faultless request; fields can be replaced by name."""

    def make(seller_id: str = "seller-1", **fields: Any) -> registry_pb2.RegisterSellerRequest:
        licence = seller_pb2.Licence(scope="food", number="JY1", valid_from="2024-01-01", valid_until="2099-12-31")
        values: dict[str, Any] = {
            "seller_id": seller_id,
            "kind": seller_pb2.SELLER_KIND_ENTERPRISE,
            "name": "示例市食品有限公司",
            "credit_code": "91350100M000100Y43",
            "categories": ["food"],
            "licences": [licence],
        }
        return registry_pb2.RegisterSellerRequest(**(values | fields))

    return make
