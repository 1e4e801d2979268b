"""The dashboard and the alert rules name only metrics and labels that a real server gives, in sound PromQL."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from fairpost.client import CallFailed, Client
from fairpost.server import Config, Server
from fairpost.server.access import keys
from fairpost.server.access.roles import ROLES
from fairpost.server.observe.web import exposition_of
from fairpost.server.registry.jobs import JOBS
from fairpost.v1 import post_pb2

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "fairpost.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
DOCS = DEPLOY.parent / "docs" / "observability.md"
OF_PROMETHEUS = {"up"}
TARGET_LABELS = {"job", "instance"}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> list[str]:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    found = [target["expr"] for panel in panels() for target in panel["targets"]]
    found += [each["expr"] for each in board["annotations"]["list"]]
    found += [rule["expr"] for rule in alerts()]
    # What Grafana puts in.
    return [re.sub(r"\$__(rate_interval|range)", "5m", query) for query in found]


def selectors(node: Any) -> Iterator[Any]:
    """All vector selectors of a parsed query."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
        return
    for name in ("expr", "lhs", "rhs", "param", "args", "vector_selector"):
        inner = getattr(node, name, None)
        for each in inner if isinstance(inner, list) else [inner]:
            if each is not None and not isinstance(each, (str, int, float)):
                yield from selectors(each)


def grouped(query: str) -> set[str]:
    """Labels that a query groups or joins by."""
    found = re.findall(r"\b(?:by|on|group_left|ignoring|without) \(([^)]*)\)", query)
    return {label.strip() for part in found for label in part.split(",") if label.strip()}


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory, bundle: Callable[..., bytes]) -> dict[str, set[str]]:
    """Labels by sample name, of a real server on which everything has happened once."""
    folder = tmp_path_factory.mktemp("exposed")
    config = Config(port=0, data_dir=folder / "data", no_rules=True, decision_log=folder / "log", drain_seconds=1)
    server = Server(config).start()
    key = keys.create(server.registry.core.store, "test", ROLES)[0]
    with Client(server.address, api_key=key) as client:
        for call in (lambda: client.activate(b""), lambda: client.check("")):
            with pytest.raises(CallFailed):
                call()
        client.activate(bundle({"根治": 0.97}))
        list(client.check_many([post_pb2.Post(text="")]))
    server.registry.jobs.run(JOBS["days"])
    answers = {0: {"exposition": server.metrics().decode(), "started_at": 1_000, "replaced": 0}}
    server.stop()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(exposition_of(answers).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_metric_and_label_of_the_queries_exists(exposed: dict[str, set[str]]) -> None:
    for query in queries():
        named = list(selectors(promql_parser.parse(query)))
        assert named, query
        known = set(TARGET_LABELS)
        for selector in named:
            if selector.name not in OF_PROMETHEUS:
                assert selector.name in exposed, query
                known |= exposed[selector.name]
                used = {matcher.name for matcher in selector.matchers.matchers}
                assert used <= known, query
        assert grouped(query) <= known, query


def test_every_metric_of_ours_is_on_the_dashboard_or_in_an_alert(exposed: dict[str, set[str]]) -> None:
    used = {selector.name for query in queries() for selector in selectors(promql_parser.parse(query))}
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exposed if name.startswith(("fairpost_", "grpc_"))}
    used = {re.sub(r"_(bucket|count|sum)$", "", name) for name in used}
    assert ours - used == {"fairpost_worker_start_time_seconds"}


def test_every_metric_of_ours_is_documented_with_its_labels(exposed: dict[str, set[str]]) -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \|([^|]*)\|", DOCS.read_text(encoding="utf-8"), re.M)
    documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, _, labels in rows}
    ours = {
        re.sub(r"_(bucket|count|sum)$", "", name): labels - {"worker", "le"}
        for name, labels in exposed.items()
        if name.startswith(("fairpost_", "grpc_"))
    }
    assert documented == ours


def test_the_dashboard_is_sound() -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    found = panels()
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    variables = {each["name"] for each in board["templating"]["list"]}
    assert variables == {"datasource", "job", "instance", "worker"}
    for panel in found:
        assert panel["datasource"]["uid"] == "${datasource}"
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for target in panel["targets"]:
            assert set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval", "__range"} <= variables
    for a in found:
        for b in found:
            assert a is b or not overlap(a["gridPos"], b["gridPos"]), (a["title"], b["title"])


def overlap(a: dict[str, int], b: dict[str, int]) -> bool:
    return (
        a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]
    )


def test_alerts_are_sound_and_documented() -> None:
    page = DOCS.read_text(encoding="utf-8")
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names)) > 10
    for rule in alerts():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["annotations"]["summary"]
        assert f"| {rule['alert']} |" in page
        used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        # Where a query groups, the other labels are gone.
        assert used <= (grouped(rule["expr"]) or {*TARGET_LABELS, "worker"}), rule["alert"]
