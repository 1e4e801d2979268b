"""The native core: patterns and rules compiled into one mapped file, posts judged against it in batches.

    from fairpost.engine import RuleSet

    ruleset = RuleSet.open("rules.fpb")
    verdict = ruleset.check("全网第一，今天下单包邮")

and, without rules, many patterns at once:

    from fairpost.engine import PatternSet

    PatternSet.compile(["微信", "vx"]).scan(texts)

Imports nothing of ours: rule packs are compiled by `fairpost.rules`, served by `fairpost.server`.
"""

from fairpost.engine.features import ModelFeatures, model_features
from fairpost.engine.matches import Matches
from fairpost.engine.model import TextModel
from fairpost.engine.patterns import DEFAULT_FOLDS, PatternSet
from fairpost.engine.ruleset import InvalidBundle, RuleSet
from fairpost.engine.standings import StandingTable, StandingView
from fairpost.engine.texts import Texts
from fairpost.engine.verdict import Evidence, Flag, InvalidPost, Label, Verdict, VerdictBatch
from fairpost.engine.vocabulary import (
    CATEGORIES,
    LICENCES,
    SELLER_NONE,
    SELLER_NOT_FOUND,
    SELLER_RECORD_DTYPE,
    SELLER_UNAVAILABLE,
    SEVERITIES,
    SINCE_NEVER,
    STANDING_DTYPE,
    Action,
    Status,
)

__all__ = [
    "CATEGORIES",
    "DEFAULT_FOLDS",
    "LICENCES",
    "SELLER_NONE",
    "SELLER_NOT_FOUND",
    "SELLER_RECORD_DTYPE",
    "SELLER_UNAVAILABLE",
    "SEVERITIES",
    "SINCE_NEVER",
    "STANDING_DTYPE",
    "Action",
    "Evidence",
    "Flag",
    "InvalidBundle",
    "InvalidPost",
    "Label",
    "Matches",
    "ModelFeatures",
    "PatternSet",
    "RuleSet",
    "StandingTable",
    "StandingView",
    "Status",
    "TextModel",
    "Texts",
    "Verdict",
    "VerdictBatch",
    "model_features",
]
