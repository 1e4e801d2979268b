"""Build of the extension and the mapping of folders to import names; everything else is in pyproject.toml.

The folders at the top are the subpackages of the namespace `fairpost` (engine/ = fairpost.engine), so the
mapping cannot be written as one `where` in pyproject.toml.

Cython looks a `.pxd` up by its dotted name, never beside the `.pyx`; under a package-dir mapping it would be
*silently* ignored. `link_view` therefore makes build/cython/fairpost/NAME -> the folder, which also is what
type checkers read (they do not see the editable install's import hook).

FAIRPOST_DEBUG=1 builds with bounds checks, line tracing and annotated HTML, and without optimisation.
FAIRPOST_SANITIZE=address,undefined,... builds with these sanitizers of the compiler (tests/fuzz does, with clang).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
VIEW = Path("build/cython")
GENERATED = Path("build/c")
FOLDERS = {
    "fairpost.engine": "engine",
    "fairpost.rules": "rules",
    "fairpost.server": "server",
    "fairpost.client": "client",
    "fairpost.cli": "cli",
    "fairpost.v1": "proto/fairpost/v1",
}
EXACT = ["-ffp-contract=off"]  # a multiply-add would skip a rounding: decisions must be the same on every machine
DEBUG = os.environ.get("FAIRPOST_DEBUG", "") not in ("", "0")
SANITIZE = os.environ.get("FAIRPOST_SANITIZE", "")

DIRECTIVES: dict[str, object] = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "cdivision": not DEBUG,
    "linetrace": DEBUG,
    "embedsignature": True,
    "embedsignature.format": "python",
}


def packages() -> list[str]:
    """Every folder with an `__init__.py` under the mapped ones, by import name."""
    found = []
    for name, folder in FOLDERS.items():
        found.append(name)
        found.extend(f"{name}.{sub}" for sub in find_packages(folder))
    return found


def link_view() -> None:
    """Make build/cython/fairpost/{engine,rules,...} point at the folders; an existing right link stays."""
    view = ROOT / VIEW / "fairpost"
    view.mkdir(parents=True, exist_ok=True)
    for name, folder in FOLDERS.items():
        link = view / name.rpartition(".")[2]
        target = os.path.relpath(ROOT / folder, view)
        if link.is_symlink() and os.readlink(link) == target:
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(target, target_is_directory=True)


def extensions() -> list[Extension]:
    """One extension per engine/*.pyx. No -march: the kernels choose their instructions at run time."""
    import numpy

    # Any header or declaration may be included by any module; rebuilding all of them costs seconds.
    headers = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "engine").rglob("*.h"))
    declarations = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "engine").glob("*.pxd"))
    macros = [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")]
    if DEBUG:
        macros.append(("CYTHON_TRACE_NOGIL", "1"))
    flags, link_flags = ["-O0", "-g"] if DEBUG else ["-O3"], []
    if SANITIZE:
        link_flags = [f"-fsanitize={SANITIZE}"]
        flags = ["-O1", "-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all", *link_flags]
    return [
        Extension(
            f"fairpost.engine.{source.stem}",
            [str(source.relative_to(ROOT))],
            include_dirs=["engine/kernels", numpy.get_include()],
            depends=headers + declarations,
            define_macros=macros,
            extra_compile_args=[*flags, *EXACT],
            extra_link_args=link_flags,
        )
        for source in sorted((ROOT / "engine").glob("*.pyx"))
    ]


class BuildExtension(build_ext):
    """Cythonizes just before compiling, so that commands which compile nothing do not need Cython."""

    def finalize_options(self) -> None:
        if not getattr(self, "_cythonized", False):
            self._cythonized = True
            from Cython.Build import cythonize

            modules: list[Any] = self.distribution.ext_modules or []
            if modules:
                modules[:] = cythonize(
                    modules,
                    include_path=[str(VIEW)],
                    build_dir=str(GENERATED),
                    compiler_directives=DIRECTIVES,
                    annotate=DEBUG,
                    gdb_debug=False,
                    quiet=True,
                    force=bool(self.force),
                )
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()


if __name__ == "__main__":
    link_view()
    # An sdist without any .pyx (or a tree before the first one) is still installable.
    setup(
        packages=packages(),
        package_dir=dict(FOLDERS),
        ext_modules=extensions(),
        cmdclass={"build_ext": BuildExtension},
    )
