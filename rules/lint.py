"""Everything that can be said about packs without publishing them."""

from __future__ import annotations

from .loading import Paths, load_packs
from .problems import PackErrors, PackProblem

__all__ = ["lint"]


def lint(paths: Paths) -> list[PackProblem]:
    """Errors and warnings of packs, sorted by place. No error means that they compile, cases aside."""
    try:
        source = load_packs(paths)
    except PackErrors as caught:
        return sorted([*caught.errors, *caught.warnings], key=_order)
    return sorted(source.warnings, key=_order)


def _order(problem: PackProblem) -> tuple[str, int, int, str, str]:
    return (problem.file, problem.line, problem.column, problem.kind, problem.message)
