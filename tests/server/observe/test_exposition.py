"""Several expositions as one, held equal to Prometheus' own parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from fairpost.server.observe.exposition import merged

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.floats(0, 1e9, allow_nan=False)


@st.composite
def expositions(draw: st.DrawFn) -> bytes:
    registry = CollectorRegistry()
    for name in draw(st.sets(st.sampled_from(["a", "b_c", "d"]))):
        counter = Counter(name, draw(st.sampled_from(["What it counts.", 'a "b" \\ c'])), ["x", "y"], registry=registry)
        for labels in draw(st.sets(st.tuples(texts, texts), max_size=3)):
            counter.labels(*labels).inc(draw(numbers))
    if draw(st.booleans()):
        Gauge("alone", "Without labels.", registry=registry).set(draw(numbers))
    if draw(st.booleans()):
        Histogram("h", "With buckets.", registry=registry).observe(draw(numbers))
    return generate_latest(registry)


def samples(content: bytes, **more: str) -> list[tuple[str, tuple[tuple[str, str], ...], float]]:
    return [
        (sample.name, tuple(sorted((sample.labels | more).items())), sample.value)
        for family in text_string_to_metric_families(content.decode())
        for sample in family.samples
    ]


@given(st.dictionaries(texts, expositions(), max_size=3))
def test_all_samples_with_their_worker(parts: dict[str, bytes]) -> None:
    together = merged(parts)
    wanted = [sample for worker, content in parts.items() for sample in samples(content, worker=worker)]
    assert sorted(samples(together)) == sorted(wanted)
    heads = [line.split(" ")[2] for line in together.decode().split("\n") if line.startswith("# TYPE ")]
    assert len(heads) == len(set(heads)), "each metric is one group"


def test_of_nobody() -> None:
    assert merged({}) == b""


def test_what_is_no_sample() -> None:
    with pytest.raises(ValueError, match="worker 3: no sample of Prometheus' text format: '<html>'"):
        merged({"3": b"<html>\n"})
