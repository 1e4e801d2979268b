"""What a change of rules does to the verdicts on real posts: `Backtest` judges batches with two rule sets.

comparison  which verdicts differ, and which rules are responsible: columns
counts      sums by action, rule, category, seller and channel
samples     a seeded draw of flips for each cause
tables      the sums as tables
page, charts  the same as one HTML file that needs nothing else
"""

from .comparison import Bounds, Flips, Kind, RuleTable, compare, owners
from .counts import Counts, Words
from .run import Backtest, Judged, Posts
from .samples import Sample, Samples
from .tables import summary, tables

__all__ = [
    "Backtest",
    "Bounds",
    "Counts",
    "Flips",
    "Judged",
    "Kind",
    "Posts",
    "RuleTable",
    "Sample",
    "Samples",
    "Words",
    "compare",
    "owners",
    "summary",
    "tables",
]
