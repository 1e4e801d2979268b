"""What rules, words and folds do on real posts, and what they cost: `Statistics` judges batches with one rule set.

rule_counts   hits, precision and lift by rule, rules that fire together
word_counts   hits by word and list, words that never hit, evaluations by rule
fold_effects  what holds with a fold class and not without it
tables        the figures as tables
"""

from .fold_effects import FoldEffect, FoldEffects
from .rule_counts import RuleCounts
from .run import Statistics
from .word_counts import ListHits, WordCounts, WordHits

__all__ = ["FoldEffect", "FoldEffects", "ListHits", "RuleCounts", "Statistics", "WordCounts", "WordHits"]
