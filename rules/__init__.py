"""Rule language, packs and the compiler.

`load_packs` reads and checks sources, `compile_packs` makes a bundle of them, `lint` lists what is wrong.
"""

from .cases import CaseResult, run_cases
from .compiler import bundle_of
from .diff import BundleDiff, diff_bundles
from .lint import compile_packs, lint
from .loading import load_packs, shipped_packs
from .problems import PackError, PackErrors, PackProblem, PackWarning
from .schema import json_schema
from .shipped import shipped_bundle
from .source import Source

__all__ = [
    "BundleDiff",
    "CaseResult",
    "PackError",
    "PackErrors",
    "PackProblem",
    "PackWarning",
    "Source",
    "bundle_of",
    "compile_packs",
    "diff_bundles",
    "json_schema",
    "lint",
    "load_packs",
    "run_cases",
    "shipped_bundle",
    "shipped_packs",
]
