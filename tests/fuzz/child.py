"""One target under the fuzzer: python child.py TARGET PLACE [libFuzzer's options and inputs].

Runs with the sanitizers' runtime loaded before everything else, see run.py. PLACE/lib has the instrumented packages;
seeds and dictionary are written beside it.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import atheris


def main() -> None:
    name, place = sys.argv[1], Path(sys.argv[2])
    # Not the packages that the environment has installed.
    sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]
    sys.path[:1] = [str(place / "lib"), str(Path(__file__).parents[1])]
    # Python code of the server counts as coverage; in the engine's, atheris would keep every array that is compared.
    kept_out = [module for folder in ("engine", "rules") for module in modules(place / "lib", folder)]
    with atheris.instrument_imports(include=["fairpost"], exclude=kept_out):
        target = importlib.import_module(f"fuzz.{name}")
    engine = sys.modules["fairpost.engine"]
    assert engine.__file__ is not None
    assert Path(engine.__file__).is_relative_to(place), f"{engine.__file__} is not the instrumented build"
    for seed in target.seeds():
        (place / "seeds" / name / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    words = {"".join(f"\\x{byte:02x}" for byte in word) for word in target.WORDS if word}
    (place / f"{name}.dict").write_text("".join(f'"{word}"\n' for word in sorted(words)))
    atheris.Setup([sys.argv[0], *sys.argv[3:]], target.check)
    atheris.Fuzz()


def modules(lib: Path, folder: str) -> Iterator[str]:
    """Names of all modules of one of our packages."""
    for path in (lib / "fairpost" / folder).rglob("*.py"):
        yield ".".join(path.relative_to(lib).with_suffix("").parts).removesuffix(".__init__")


if __name__ == "__main__":
    main()
