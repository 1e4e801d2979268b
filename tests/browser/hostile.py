"""What somebody who means ill writes wherever others' texts are shown, and where it is put."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from running import until

from fairpost.v1 import (
    appeal_pb2,
    bulletin_pb2,
    complaint_pb2,
    post_pb2,
    registry_pb2,
    seller_event_pb2,
    seller_pb2,
    standing_pb2,
)

if TYPE_CHECKING:
    from fairpost.client import Client

__all__ = ["MARK", "MARKDOWN", "PROBE", "SCRIPT", "Planted", "attacked", "plant"]

MARK = "hostile-mark"
"""Is in every hostile text, so that a test sees that the text was on the page at all."""
PROBE = "attacked"
"""Name of the variable that each of the scripts sets."""
SCRIPT = (
    f"{MARK}\"'></textarea></title></script><script>window.{PROBE}=1</script>"
    f"<img src=x onerror=window.{PROBE}=2><svg onload=window.{PROBE}=3></svg>"
    f"<a href=\"javascript:window.{PROBE}=4\">x</a>{{{{7*191}}}}<base href='//evil.example/'>"
    "<form action='//evil.example/'><meta http-equiv=refresh content='0;url=//evil.example/'><!--"
)
MARKDOWN = f"""{SCRIPT}

[{MARK}](javascript:window.{PROBE}=5) [x](data:text/html;base64,PHNjcmlwdD4=) ![x](https://evil.example/x.png)
<javascript:window.{PROBE}=6> [x]: javascript:window.{PROBE}=7

`{SCRIPT}`

    {SCRIPT}

| a | b |
|---|---|
| {SCRIPT.replace("|", "")} | x |
"""
_LINK = f"javascript:window.{PROBE}=8//{MARK}"


def attacked(page: object) -> bool:
    """Whether one of the scripts ran, or the page is not what the server sent."""
    found = page.evaluate(f"[window.{PROBE}, document.querySelectorAll('base, main form[action^=\"//\"]').length]")  # type: ignore[attr-defined]
    return bool(found != [None, 0])


@dataclass(frozen=True)
class Planted:
    """Ids of what has hostile texts."""

    seller: str
    complaint: str
    appeal: str
    document: str
    withdrawn: str
    post: str
    held: str
    """A post that is held for review."""


def plant(client: Client) -> Planted:
    """Put hostile texts wherever the services take texts."""
    seller = "hostile'><b>&amp;{{x}}"
    client.register(
        registry_pb2.RegisterSellerRequest(
            seller_id=seller,
            kind=seller_pb2.SELLER_KIND_ENTERPRISE,
            name=SCRIPT[:200],
            credit_code="91350100M000100Y43",
            categories=["clothing"],
            licences=[seller_pb2.Licence(scope="food", number="<i>1</i>", valid_from="2024-01-01")],
            contacts=seller_pb2.Contacts(address=SCRIPT[:300]),
        )
    )
    strike = seller_event_pb2.SellerEvent(
        strike=seller_event_pb2.Strike(category="MEDICAL"), actor=SCRIPT[:128], reason=SCRIPT, evidence=_LINK
    )
    sequence = client.record_event(seller, strike).sequence
    client.record_event(
        seller,
        seller_event_pb2.SellerEvent(
            enforcement=seller_event_pb2.EnforcementChange(state=standing_pb2.ENFORCEMENT_WARNED),
            actor="hostile",
            reason=SCRIPT,
            evidence=_LINK,
        ),
    )
    appeal = client.file_appeal(seller, sequence, SCRIPT, evidence=[_LINK, SCRIPT]).appeal_id
    client.decide_appeal(appeal, state=appeal_pb2.APPEAL_STATE_UPHELD, decision=SCRIPT, actor=f"judge {SCRIPT[:100]}")
    return Planted(
        seller,
        _complaint(client, seller),
        appeal,
        _document(client, "hostile-document", ""),
        _document(client, "hostile-withdrawn", SCRIPT),
        *_posts(client, seller),
    )


def _complaint(client: Client, seller: str) -> str:
    filed = client.file_complaint(
        seller_id=seller,
        kind=complaint_pb2.COMPLAINT_KIND_OTHER,
        consumer_id="<b>consumer</b>&{{x}}",
        consumer_contact=SCRIPT[:200],
        post_id=SCRIPT[:256],
        order_id=SCRIPT[:128],
        statement=SCRIPT,
        evidence=[_LINK, SCRIPT],
    )
    complaint = filed.complaint.complaint_id
    client.assign_complaint(complaint, handler=SCRIPT[:128], actor=SCRIPT[:128])
    client.answer_complaint(complaint, answer=SCRIPT, actor=SCRIPT[:128])
    client.resolve_complaint(
        complaint, outcome=complaint_pb2.COMPLAINT_OUTCOME_REJECTED, resolution=SCRIPT, actor=SCRIPT[:128]
    )
    return complaint


def _document(client: Client, document: str, withdrawn: str) -> str:
    for number in (1, 2):
        text = bulletin_pb2.LocalText(zh=SCRIPT[:150] + str(number), en=SCRIPT[:150] + str(number))
        body = bulletin_pb2.LocalText(zh=MARKDOWN + str(number), en=MARKDOWN + str(number))
        client.publish(
            document_id=document,
            kind=bulletin_pb2.DOCUMENT_KIND_NOTICE,
            content=bulletin_pb2.DocumentContent(title=text, body=body),
            note=SCRIPT,
            actor=SCRIPT[:128],
        )
    if withdrawn:
        client.withdraw(document, actor=SCRIPT[:128], reason=withdrawn)
    return document


def _posts(client: Client, seller: str) -> tuple[str, str]:
    """A post that is shielded, and one that is held for review."""
    shielded, held = f"<b>{MARK}</b>{{{{x}}}}-shielded", f"<b>{MARK}</b>{{{{x}}}}-held"
    client.check(post_pb2.Post(id=shielded, seller_id=seller, text=f"根治湿疹，九十九元 {SCRIPT}"))
    client.check(post_pb2.Post(id=held, seller_id=seller, text=f"国家级橙子，十元一斤 {SCRIPT}"))
    until(
        lambda: any(event.violation.post_id == shielded for event in client.events(seller)), "no violation was recorded"
    )
    return shielded, held
