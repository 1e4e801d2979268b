"""Rule sets for people: what is in force, what another one would change, what the rules on trial hit.

in_force.py        ListRules: the rules as readers need them
comparison.py      CompareRules: notice, outlook and back-tests of a rule set to come
shadow_results.py  ListShadowResults
backtests.py       back-tests over posts in memory, as messages
reviewed.py        posts that were queued for review, to try rules on
"""

from __future__ import annotations

from fairpost.server.rulebook.comparison import Comparison
from fairpost.server.rulebook.in_force import RulesInForce
from fairpost.server.rulebook.shadow_results import FIRED, ShadowResults, fired

__all__ = ["FIRED", "Comparison", "RulesInForce", "ShadowResults", "fired"]
