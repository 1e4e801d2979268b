"""Where evidence stands in the texts of a post."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairpost.server.web.public.marking import Piece, marked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.v1 import post_pb2, verdict_pb2

__all__ = ["pieces", "texts_of"]


def pieces(text: str, evidence: Sequence[verdict_pb2.Evidence], index: int) -> list[Piece]:
    """A text in pieces, each with the numbers (from 1) of the evidence that covers it.

    Args:
        evidence: all of a verdict, spans in code points.
        index: which text of the post this is, 0 for the main one.
    """
    spans = [(each.begin, each.end, number) for number, each in enumerate(evidence, 1) if each.text_index == index]
    return marked(text, spans)


def texts_of(post: post_pb2.Post, verdict: verdict_pb2.Verdict) -> list[tuple[post_pb2.ExtraText | None, list[Piece]]]:
    """All texts of a post in pieces: the main one first, with None."""
    found: list[tuple[post_pb2.ExtraText | None, list[Piece]]] = [(None, pieces(post.text, verdict.evidence, 0))]
    for number, extra in enumerate(post.extra_texts, 1):
        found.append((extra, pieces(extra.text, verdict.evidence, number)))
    return found
