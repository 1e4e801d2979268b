"""Rule sets as commands name them: a bundle, pack files or folders, or `shipped`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fairpost.cli.errors import CommandError

if TYPE_CHECKING:
    from fairpost.engine import RuleSet

__all__ = ["SHIPPED", "is_packs", "opened"]

SHIPPED = "shipped"


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
    from fairpost.cli.rules import open_bundle
    from fairpost.engine import RuleSet
    from fairpost.rules import PackErrors, bundle_of, load_packs, shipped_bundle, shipped_packs
    from fairpost.rules.shadows import enforce_shadows as enforced

    path = Path(name)
    try:
        if name == SHIPPED and not path.exists():
            path = shipped_bundle()
        elif is_packs(path):
            content = bundle_of(load_packs([shipped_packs(), path] if with_shipped else [path]))
            return RuleSet.from_bytes(enforced(content) if enforce_shadows else content)
    except PackErrors as error:
        lines = "\n".join(f"  {each}" for each in error.errors)
        raise CommandError(f"{option} {name}: {len(error.errors)} errors in the packs:\n{lines}") from None
    rules = open_bundle(path, option)
    return RuleSet.from_bytes(enforced(path.read_bytes())) if enforce_shadows else rules
