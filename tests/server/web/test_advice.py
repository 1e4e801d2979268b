"""Which words of a post to change, with a judge that is known."""

from __future__ import annotations

import asyncio

import pytest

from fairpost.server.web.public.advice import Advice, advise
from fairpost.v1 import verdict_pb2

GOODS = ("药膏", "包邮", "98元")
ALLOW, BLOCK = verdict_pb2.ACTION_ALLOW, verdict_pb2.ACTION_BLOCK


def judged(text: str) -> verdict_pb2.Verdict:
    """A rule that asks for a claim and for anything that says that something is sold; and one for either of two."""
    verdict = verdict_pb2.Verdict(action=ALLOW)
    goods = [word for word in GOODS if word in text]
    if "根治" in text and goods:
        verdict.action = BLOCK
        for word in ("根治", *goods):
            verdict.evidence.add(rule="cure", category="MEDICAL", matched=word)
    for word in ("第一", "顶级"):
        if word in text:
            verdict.evidence.add(rule="rank", category="ABSOLUTE", matched=word)
    verdict.evidence.add(rule="trial", category="MEDICAL", matched="药", shadow=True)
    verdict.evidence.add(rule="trade", category="COMMERCE", matched="包邮")
    return verdict


def advice(text: str) -> tuple[Advice, list[str]]:
    asked = []

    async def judge(other: str) -> verdict_pb2.Verdict | None:
        asked.append(other)
        return judged(other) if other.strip("，") else None

    return asyncio.run(advise(text, judged(text), judge)), asked


@pytest.mark.parametrize(
    ("text", "words", "without"),
    [
        ("药膏根治，98元包邮", {"cure": ["根治"]}, ALLOW),
        ("药膏根治", {"cure": ["根治", "药膏"]}, None),
        ("根治根治，包邮", {"cure": ["根治", "包邮"]}, None),
        ("第一，也是顶级，茶", {"rank": ["第一", "顶级"]}, ALLOW),
        ("根治包邮98元，全网第一", {"cure": ["根治"], "rank": ["第一"]}, ALLOW),
        ("茶", {}, ALLOW),
    ],
)
def test_words_to_change(text: str, words: dict[str, list[str]], without: int | None) -> None:
    found, _ = advice(text)
    assert (found.words, found.without) == (words, without)


def test_a_text_is_judged_so_often_and_no_more() -> None:
    many = verdict_pb2.Verdict(action=BLOCK)
    for number in range(40):
        many.evidence.add(rule=f"r{number}", category="MEDICAL", matched=f"w{number}-")
    asked = []

    async def judge(other: str) -> verdict_pb2.Verdict | None:
        asked.append(other)
        return verdict_pb2.Verdict()

    text = "".join(f"w{number}-" for number in range(40)) + "rest"
    found = asyncio.run(advise(text, many, judge))
    assert len(asked) == 13
    assert asked[-1] == "，" * 40 + "rest"
    assert found.words["r0"] == ["w0-"]
    assert found.words["r39"] == ["w39-"]
