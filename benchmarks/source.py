"""The smallest rule set around a list of words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from reference.sample import EXPOSURE

from fairpost.engine.folds import DEFAULT
from fairpost.engine.source import Instruction, Op, Pattern, Policy, Rule, RuleSetSource
from fairpost.engine.vocabulary import MAX_CATEGORIES, RECOGNISERS

ALWAYS = (-(2**31), 2**31 - 1)


def source_of(words: Sequence[str]) -> RuleSetSource:
    """One list with all words, and one rule that fires where one of them is."""
    number = len(RECOGNISERS)
    return RuleSetSource(
        patterns=[Pattern(word, DEFAULT, False, (number,)) for word in words],
        lists=[*RECOGNISERS, "words"],
        list_allows={},
        operands=[(number, -1, 0)],
        rules=[Rule("words.any", 1, 1, 0, 0.5, -1, *ALWAYS, (number,), [Instruction(Op.ANY, a=0)])],
        channels=["default"],
        languages=[""],
        policy=Policy([0.3, 0.6, 0.85, 1.0], [], np.full((1, MAX_CATEGORIES, 5), np.inf, np.float32), EXPOSURE),
        meta={"name": "words", "rules": [], "laws": {}},
    )
