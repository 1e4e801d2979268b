"""Rule sets as commands name them: a bundle, pack files or folders, or `shipped`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairpost.cli.errors import CommandError

if TYPE_CHECKING:
    from fairpost.engine import RuleSet
    from fairpost.rules import Source

__all__ = ["SHIPPED", "WithShippedOption", "content_of", "is_packs", "loaded", "open_bundle", "opened"]

SHIPPED = "shipped"
WithShippedOption = Annotated[
    bool, typer.Option("--with-shipped", help="Packs are taken together with the shipped ones.")
]


def is_packs(path: Path) -> bool:
    """Whether a path names packs, not a bundle."""
    return path.is_dir() or path.suffix in (".yaml", ".yml")


def opened(name: str, option: str, *, with_shipped: bool = False, enforce_shadows: bool = False) -> RuleSet:
    """The rule set that an argument names; packs are compiled, their cases not run.

    Args:
        with_shipped: packs may use the shipped ones' lists and rules, and get them too.
        enforce_shadows: as if no rule were a shadow rule.

    Raises:
        CommandError: no such file, no sound bundle, or packs that do not compile; the message has every error.
    """
    from fairpost.engine import RuleSet
    from fairpost.rules import bundle_of
    from fairpost.rules.shadows import enforce_shadows as enforced

    source = _packs(name, option, with_shipped)
    if source is not None:
        content = bundle_of(source)
        return RuleSet.from_bytes(enforced(content) if enforce_shadows else content)
    path = _bundle(name)
    rules = open_bundle(path, option)
    return RuleSet.from_bytes(enforced(path.read_bytes())) if enforce_shadows else rules


def loaded(name: str, option: str, *, with_shipped: bool = False) -> tuple[RuleSet, Source | None]:
    """The same with the packs' source: None for a bundle.

    Raises:
        CommandError: as `opened`.
    """
    from fairpost.engine import RuleSet
    from fairpost.rules import bundle_of, shipped_packs

    source = _packs(str(shipped_packs()) if _is_shipped(name) else name, option, with_shipped)
    if source is None:
        return open_bundle(_bundle(name), option), None
    return RuleSet.from_bytes(bundle_of(source)), source


def content_of(name: str, option: str, *, with_shipped: bool = False) -> bytes:
    """The bytes of the bundle that an argument names; packs are compiled, their cases not run.

    Raises:
        CommandError: as `opened`.
    """
    from fairpost.rules import bundle_of

    source = _packs(name, option, with_shipped)
    if source is not None:
        return bundle_of(source)
    path = _bundle(name)
    open_bundle(path, option)  # says what is wrong with it
    return path.read_bytes()


def _is_shipped(name: str) -> bool:
    return name == SHIPPED and not Path(name).exists()


def _packs(name: str, option: str, with_shipped: bool) -> Source | None:
    """The packs that are named, or None where it is no packs."""
    from fairpost.rules import PackErrors, load_packs, shipped_packs

    path = Path(name)
    if _is_shipped(name) or not is_packs(path):
        return None
    try:
        return load_packs([shipped_packs(), path] if with_shipped else [path])
    except PackErrors as error:
        lines = "\n".join(f"  {each}" for each in error.errors)
        raise CommandError(f"{option} {name}: {len(error.errors)} errors in the packs:\n{lines}") from None


def _bundle(name: str) -> Path:
    from fairpost.rules import PackErrors, shipped_bundle

    if not _is_shipped(name):
        return Path(name)
    try:
        return shipped_bundle()
    except PackErrors as error:
        raise CommandError(f"the shipped packs do not compile:\n{error}") from None


def open_bundle(path: Path, option: str = "") -> RuleSet:
    """Open a compiled rule set.

    Raises:
        CommandError: no such file, or it is no sound bundle; the message says what is wrong and where.
    """
    from fairpost.engine import InvalidBundle, RuleSet

    shown = f"{option} {path}".strip()
    if is_packs(path):
        raise CommandError(f"{shown}: these are packs; compile them first: fairpost rules compile {path} -o rules.fpb")
    try:
        return RuleSet.open(path)
    except FileNotFoundError:
        raise CommandError(f"{shown}: no such file") from None
    except PermissionError:
        raise CommandError(f"{shown}: no permission to read it") from None
    except InvalidBundle as error:
        raise CommandError(f"{option or 'bundle'}: {error}; compile it anew with 'fairpost rules compile'") from None
