"""Why one post got its verdict, step by step: `Explainer`.

explanation  the steps as data
conditions   postfix code of a bundle back to a tree
parts        the truth of each part of a condition, said by the engine
document     the steps as a JSON document
"""

from .explanation import Explainer, Explanation, Hit, Node, Removed, RuleAnswer

__all__ = ["Explainer", "Explanation", "Hit", "Node", "Removed", "RuleAnswer"]
