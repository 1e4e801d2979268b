"""Posts that calls handed over, judged once more: the same rule set gives the same verdict, with its evidence.

A call keeps no more of such a post than its bytes and its seller's standing; verdicts with their evidence are made
here, where nobody waits for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fairpost.engine.vocabulary import (
    SELLER_NONE,
    SELLER_NOT_FOUND,
    SELLER_UNAVAILABLE,
    STANDING_DTYPE,
)
from fairpost.server import messages
from fairpost.server.faults import seller_id_fault
from fairpost.server.offences import texts_of
from fairpost.server.posts import PostColumns, seller_columns
from fairpost.server.registry.reviewed_posts import KeptPost
from fairpost.server.registry.violations import review_key
from fairpost.server.verdicts import BatchReader
from fairpost.v1 import filter_pb2, post_pb2, standing_pb2, verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairpost.engine import RuleSet, VerdictBatch
    from fairpost.engine.offending import Held
    from fairpost.server.registry.keys import Keys

__all__ = ["Entry", "HandedOver", "entry_of", "kept_posts"]


class HandedOver(NamedTuple):
    """A post as a call hands it over. content: bytes of the post's message, or of a whole CheckPostRequest."""

    rule_set: RuleSet
    content: bytes
    is_request: bool
    held: Held


@dataclass(frozen=True, slots=True)
class Entry:
    """A post on its way into the queue. seller_id, post_id: "" where they are none that can be stored."""

    key: bytes
    seller_id: str
    post_id: str
    post: post_pb2.Post
    rule_set: RuleSet
    held: Held

    @property
    def decision_id(self) -> str:
        return self.held.decision_id


def entry_of(handed: HandedOver, keys: Keys) -> Entry:
    """The post itself, and its key."""
    if handed.is_request:
        post = filter_pb2.CheckPostRequest.FromString(handed.content).post
    else:
        post = post_pb2.Post.FromString(handed.content)
    seller_id = "" if seller_id_fault(post.seller_id) else post.seller_id
    key = review_key(keys, post.seller_id, post.id, texts_of(post))
    # PostgreSQL takes no NUL; what else does not print helps nobody.
    return Entry(key, seller_id, post.id if post.id.isprintable() else "", post, handed.rule_set, handed.held)


def kept_posts(entries: Sequence[Entry], *, unavailable_as_not_found: bool = False) -> list[KeptPost]:
    """The posts of one rule set with their verdicts. unavailable_as_not_found: the server's fail policy."""
    rule_set = entries[0].rule_set
    sellers = [entry.held.seller for entry in entries]
    if unavailable_as_not_found:
        sellers = [SELLER_NOT_FOUND if seller == SELLER_UNAVAILABLE else seller for seller in sellers]
    columns = PostColumns([entry.post for entry in entries])
    standings = [entry.held.standing for entry in entries]
    days = np.array([entry.held.day for entry in entries], np.int32)
    batch = _judged(rule_set, columns, sellers, standings, days)
    reader = BatchReader(batch, rule_set.revision)
    policy = verdict_pb2.FAIL_POLICY_UNREGISTERED if unavailable_as_not_found else verdict_pb2.FAIL_POLICY_NEUTRAL
    found = []
    for k, (entry, seller) in enumerate(zip(entries, sellers, strict=True)):
        verdict = verdict_pb2.Verdict(post_id=entry.post.id, decision_id=entry.held.decision_id)
        reader.fill(verdict, k)
        _fill_standing(verdict.seller_standing, entry, policy)
        channel = entry.post.channel if rule_set.channel_id(entry.post.channel) else ""
        found.append(KeptPost(entry.post, verdict, entry.held.day, channel, seller, entry.held.standing))
    return found


def _judged(
    rule_set: RuleSet,
    columns: PostColumns,
    sellers: Sequence[int],
    standings: Sequence[bytes],
    days: np.ndarray,
) -> VerdictBatch:
    rows, records = seller_columns(sellers, standings)
    return rule_set.check_batch(
        columns.texts,
        segments=columns.segments,
        sellers=rows,
        standings=records,
        channels=columns.channels,
        languages=columns.languages,
        days=days,
        unit="codepoints",
    )


def _fill_standing(message: verdict_pb2.SellerStanding, entry: Entry, policy: verdict_pb2.FailPolicy.ValueType) -> None:
    seller = entry.held.seller
    if seller >= 0:
        message.outcome = standing_pb2.LOOKUP_OUTCOME_OK
        (row,) = np.frombuffer(entry.held.standing, STANDING_DTYPE)
        message.standing.CopyFrom(messages.standing(entry.seller_id, row))
    elif seller == SELLER_NOT_FOUND:
        message.outcome = standing_pb2.LOOKUP_OUTCOME_NOT_FOUND
    elif seller != SELLER_NONE:
        message.outcome = standing_pb2.LOOKUP_OUTCOME_UNAVAILABLE
        message.policy_applied = policy
