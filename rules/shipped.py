"""The shipped packs, compiled once and kept in the user's cache folder.

Packs and compiler decide the bytes of a bundle, so its file is named by a hash of both: a new release or an
edited pack compiles anew, and two processes at once at worst compile twice and write the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import fairpost.engine
from fairpost.engine import InvalidBundle, RuleSet

__all__ = ["cache_folder", "shipped_bundle"]

_HERE = Path(__file__).resolve().parent
_KEPT = 4  # bundles of other versions beside the one in use


def cache_folder() -> Path:
    """`$FAIRPOST_CACHE`, else `$XDG_CACHE_HOME/fairpost`, else `~/.cache/fairpost`; made if absent.

    Where none can be written (a read-only home, as in containers) it is a private folder under the
    system's temporary one.
    """
    named = os.environ.get("FAIRPOST_CACHE")
    general = os.environ.get("XDG_CACHE_HOME")
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: no home directory
        folder = Path(named) if named else (Path(general) if general else Path.home() / ".cache") / "fairpost"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    folder = Path(tempfile.gettempdir()) / f"fairpost-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else; name a folder of your own in FAIRPOST_CACHE")
    return folder


def _sources() -> list[Path]:
    """Every file that has a say in the bundle's bytes: packs, compiler, fold tables, layout."""
    engine = Path(fairpost.engine.__file__).resolve().parent
    found = [p for p in (_HERE / "packs").rglob("*") if p.is_file()]
    found += _HERE.glob("*.py")
    found += engine.rglob("*.py")
    found += (p for p in (engine / "folds").rglob("*") if p.suffix not in (".py", ".pyc", "") and p.is_file())
    found += (p for p in engine.rglob("*.bin") if p.is_file())
    found += (p for p in engine.iterdir() if p.suffix == ".so")
    return sorted(found)


def _key() -> str:
    content = hashlib.sha256()
    for path in _sources():
        content.update(path.name.encode())
        content.update(hashlib.sha256(path.read_bytes()).digest())
    return content.hexdigest()[:20]


def _is_sound(path: Path) -> bool:
    try:
        RuleSet.open(path)
    except (OSError, InvalidBundle):
        return False
    return True


def shipped_bundle() -> Path:
    """Path of the compiled shipped packs; compiles them if the cache has no sound copy.

    Raises:
        PackErrors: an edited pack does not compile.
    """
    name = f"shipped-{_key()}.fpb"
    # A folder that an image brings need not be writable.
    if (named := os.environ.get("FAIRPOST_CACHE")) and _is_sound(Path(named) / name):
        return Path(named) / name
    folder = cache_folder()
    path = folder / name
    if _is_sound(path):
        return path
    with contextlib.suppress(OSError):
        path.unlink()  # a damaged copy is no reason to fail: it is only a copy
    from fairpost.rules import compile_packs, shipped_packs

    content = compile_packs(shipped_packs())
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".shipped-", delete=False) as scratch:
        scratch.write(content)
    os.replace(scratch.name, path)  # a bundle is replaced by rename, never written in place
    others = sorted(folder.glob("shipped-*.fpb"), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in others[_KEPT:]:
        old.unlink(missing_ok=True)
    return path
