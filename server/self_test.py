"""What a bundle has to stand before it may serve."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from fairpost.engine import InvalidBundle, RuleSet
from fairpost.server.errors import FailedPrecondition
from fairpost.server.kept import invalid_bundle
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["try_out", "verified"]

# Looks like what will come: plain, evasive, mixed, without any letters, and long.
_SELF_TEST = (
    "今天天气真好",
    "秋款女装上新 🌸 全场 99 元包邮，加 V：abc12345",
    "这 款*茶 根 治 糖尿病，𝐕信联系 ①③⑧0013800０",
    "🎉🎉🎉",
    "The best cure in the world! Wechat abc_123, 138 0013 8000, https://example.com/x?y=1",
    "最最最好" * 500,
)


def verified(bundle: bytes, arrived: Path) -> RuleSet:
    """The rule set in the file that holds these bytes, mapped: what is checked is what will be served, and the heap of
    a server that lives long is spared a copy.

    Raises:
        InvalidArgument: it is damaged, or no bundle of rules.
    """
    try:
        if not bundle:  # which cannot be mapped
            return RuleSet.from_bytes(bundle)
        with arrived.open("rb") as file:
            return RuleSet.from_bytes(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except InvalidBundle as error:
        raise invalid_bundle(str(error)) from None


def try_out(rule_set: RuleSet) -> None:
    """Self-test and warm-up in one: judge some posts as requests will, and look at what comes back.

    Raises:
        FailedPrecondition: something is wrong with it.
    """
    try:
        _ = rule_set.wire  # made now, not by the first request
        batch = rule_set.check_batch(list(_SELF_TEST) * 8, unit="utf8")
        bad = [i for i in range(len(_SELF_TEST)) if batch.status[i]]
        verdicts = [batch[i] for i in range(len(_SELF_TEST))]
        sane = all(0 <= v.risk <= 1 and 0 <= v.commerce <= 1 and v.exposure >= 0 for v in verdicts)
    except Exception as error:
        raise _self_test(f"{type(error).__name__}: {error}") from error
    if bad:
        raise _self_test(f"post {bad[0]} of the self-test was refused with status {batch.status[bad[0]]}")
    if not sane:
        raise _self_test("a score is outside its range")


def _self_test(message: str) -> FailedPrecondition:
    return FailedPrecondition(reason_pb2.REASON_SELF_TEST_FAILED, f"self-test: {message}")
