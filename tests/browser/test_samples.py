"""What the samples bring in, seen as a client sees it: pages and pictures are made of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import yaml

from fairpost.cli.samples import read_samples
from fairpost.rules import shipped_packs
from fairpost.v1 import appeal_pb2, bulletin_pb2, complaint_pb2

if TYPE_CHECKING:
    from browser.site import Site

SAMPLE_SELLERS = {seller["id"] for seller in read_samples("sellers.yaml")["sellers"]}
DOCUMENTS = read_samples("documents.yaml")


def test_documents_come_in_as_the_samples_say(site: Site) -> None:
    ids = {document["id"] for document in DOCUMENTS}
    found = {each.document_id: each for each in site.client.documents(withdrawn=True) if each.document_id in ids}
    scheduled = {each.document_id for each in site.client.scheduled()}
    for document in DOCUMENTS:
        if "scheduled_days" in document:
            assert document["id"] in scheduled
            continue
        state = bulletin_pb2.DOCUMENT_STATE_WITHDRAWN if "withdrawn" in document else bulletin_pb2.DOCUMENT_STATE_PUBLIC
        got = found[document["id"]]
        assert (got.state, got.number) == (state, len(document["versions"])), document["id"]
    assert Counter(document["kind"] for document in DOCUMENTS).keys() == {"guideline", "regulation", "notice"}


def test_articles_that_the_samples_cite_are_known() -> None:
    laws = yaml.safe_load((shipped_packs() / "laws.yaml").read_text(encoding="utf-8"))["laws"]
    cited = {law for document in DOCUMENTS for version in document["versions"] for law in version.get("laws", ())}
    unknown = []
    for citation in cited:
        law, _, article = citation.partition("/")
        if law not in laws or (article and article not in laws[law]["articles"]):
            unknown.append(citation)
    assert not unknown


def test_complaints_and_appeals_come_in_in_every_state(site: Site) -> None:
    complaints = [each for each in site.client.list_complaints() if each.seller_id in SAMPLE_SELLERS]
    assert {each.state for each in complaints} >= set(complaint_pb2.ComplaintState.values()) - {0}
    appeals = [each for each in site.client.list_appeals() if each.seller_id in SAMPLE_SELLERS]
    assert {each.state for each in appeals} >= {appeal_pb2.APPEAL_STATE_FILED, appeal_pb2.APPEAL_STATE_UPHELD}
