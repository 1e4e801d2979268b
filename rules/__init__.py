"""Rule language, packs and the compiler.

`load_packs` reads and checks sources, `compile_packs` makes a bundle of them, `lint` lists what is wrong.
"""

from .lint import lint
from .loading import load_packs, shipped_packs
from .problems import PackError, PackErrors, PackProblem, PackWarning
from .schema import json_schema
from .source import Source

__all__ = [
    "PackError",
    "PackErrors",
    "PackProblem",
    "PackWarning",
    "Source",
    "json_schema",
    "lint",
    "load_packs",
    "shipped_packs",
]
