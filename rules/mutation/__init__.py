"""Mutations: every kind of evasion applied to texts that a rule finds, to measure what it still finds.

A mutation changes at least one element of every span that the evidence names, as far as its kind can, and a few
characters elsewhere. It is drawn by a seed: the same packs and the same seed give the same texts everywhere.
"""

from .floors import Fallen, fallen
from .foreign import TablesError, read_tables
from .kinds import KINDS, Kind
from .report import tables
from .run import Mutant, Mutations, mutate_cases, mutate_posts
from .strength import Strength
from .writing import Writing, own_tables

__all__ = [
    "KINDS",
    "Fallen",
    "Kind",
    "Mutant",
    "Mutations",
    "Strength",
    "TablesError",
    "Writing",
    "fallen",
    "mutate_cases",
    "mutate_posts",
    "own_tables",
    "read_tables",
    "tables",
]
