"""From packs to a proven bundle, or to everything that is wrong with them."""

from __future__ import annotations

from .cases import check_cases
from .compiler import bundle_of
from .loading import GivenModel, Paths, load_packs
from .problems import PackErrors, PackProblem

__all__ = ["compile_packs", "lint"]


def compile_packs(paths: Paths, *, model: GivenModel = ..., run_cases: bool = True) -> bytes:
    """Compile packs, and the text model if there is one, into a bundle, and prove its rules on their own cases.

    model: as `load_packs` takes it.

    Raises:
        PackErrors: the packs are wrong, or cases of theirs fail.
    """
    source = load_packs(paths, model)
    content = bundle_of(source)
    if run_cases:
        check_cases(source, content)
    return content


def lint(paths: Paths, *, model: GivenModel = ..., run_cases: bool = True) -> list[PackProblem]:
    """Errors and warnings of packs, sorted by place.

    Where the packs are sound, they are compiled and their cases run (unless `run_cases` is false);
    no error then means that `compile_packs` succeeds.
    """
    try:
        source = load_packs(paths, model)
        if run_cases:
            check_cases(source, bundle_of(source))
    except PackErrors as caught:
        return sorted([*caught.errors, *caught.warnings], key=_order)
    return sorted(source.warnings, key=_order)


def _order(problem: PackProblem) -> tuple[str, int, int, str, str]:
    return (problem.file, problem.line, problem.column, problem.kind, problem.message)
