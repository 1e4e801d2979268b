"""Generate the committed stubs of proto/fairpost/v1: messages, gRPC stubs and their `.pyi`.

    python proto/generate.py             # beside the .proto files
    python proto/generate.py --out DIR   # elsewhere, to compare
    python proto/generate.py --check     # exit status 1 and a list if the committed ones differ

The output depends on the generators' versions, so other versions than the pinned ones are refused.
"""

from __future__ import annotations

import argparse
import filecmp
import importlib.metadata
import importlib.util
import os
import sys
import tempfile
from pathlib import Path

PINNED = {"grpcio-tools": "1.85.1", "mypy-protobuf": "5.1.0"}
ROOT = Path(__file__).resolve().parent
FOLDER = Path("fairpost/v1")


def check_versions() -> None:
    for name, wanted in PINNED.items():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found = "none"
        if found != wanted:
            sys.exit(f"generate.py: needs {name}=={wanted}, found {found}; install the extra `dev`")


def generate(out: Path) -> None:
    """Write all stubs under `out`/fairpost/v1. Imports in them are absolute (`from fairpost.v1 import ...`)."""
    import grpc_tools
    from grpc_tools import protoc

    # google/rpc/*.proto come with googleapis-common-protos, google/protobuf/*.proto with grpcio-tools.
    google = importlib.util.find_spec("google.rpc.status_pb2")
    if google is None or google.origin is None:
        sys.exit("generate.py: needs googleapis-common-protos; install the extra `server`")
    common = Path(google.origin).parents[2]
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    # protoc looks for its plug-ins on PATH; they are beside this interpreter.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    paths = sorted((ROOT / FOLDER).glob("*.proto"))
    # A gRPC stub of a file without a service would be an empty module.
    with_services = [path for path in paths if "\nservice " in path.read_text(encoding="utf-8")]
    # Relative to ROOT, so that no path of this machine gets into the output.
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        for chosen, kind, stubs in ((paths, "python", "mypy"), (with_services, "grpc_python", "mypy_grpc")):
            outputs = [f"--{kind}_out={out}", f"--{stubs}_out=quiet:{out}"]
            sources = [str(path.relative_to(ROOT)) for path in chosen]
            status = protoc.main(["protoc", "-I.", f"-I{common}", f"-I{well_known}", *outputs, *sources])
            if status:
                sys.exit(status)
    finally:
        os.chdir(before)


def differing() -> list[str]:
    """Names of committed stubs that differ from fresh ones, are missing, or have no source any more."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh, committed = Path(folder) / FOLDER, ROOT / FOLDER
        names = {path.name for path in fresh.iterdir()} | {path.name for path in committed.glob("*_pb2*")}
        _, mismatch, missing = filecmp.cmpfiles(fresh, committed, sorted(names), shallow=False)
        return sorted(mismatch + missing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT, help="root of the output; default: beside the .proto files")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; compare the committed stubs with fresh ones"
    )
    arguments = parser.parse_args()
    check_versions()
    if arguments.check:
        if names := differing():
            sys.exit("generate.py: not what the .proto files give now: " + ", ".join(names) + "; run `make stubs`")
        print("stubs are up to date")
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    generate(arguments.out.resolve())


if __name__ == "__main__":
    main()
