"""README.md shows real output. `make readme` writes it anew after a change of packs or commands."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
PYTHON = re.compile(r"```python\n(from fairpost\.engine import.*?)```\n\n```\n(.*?)```", re.DOTALL)
PACK = re.compile(r"```yaml\n(pack: tea\n.*?)```", re.DOTALL)
RUN = ("fairpost check", "fairpost rules")


def run(command: str) -> str:
    """What a `fairpost` command prints."""
    from fairpost.cli import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), contextlib.suppress(SystemExit):
        main(command.split()[1:])
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def run_python(code: str) -> str:
    """What a Python example prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, {})
    return out.getvalue()


def steps(block: str) -> Iterator[tuple[str, str]]:
    """(command, output) of a console block."""
    for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = piece.partition("\n")
        yield command.split("#")[0].strip(), output.rstrip("\n")


def masked(output: str) -> str:
    """Output without what differs between machines and revisions."""
    output = re.sub(r"\b[0-9a-f]{12}\b", "REVISION", output)
    output = re.sub(r"[\d,]+ bytes", "N bytes", output)
    return re.sub(r"^[\d.]+ s: .*posts/s.*$", "SPEED", output, flags=re.MULTILINE)


def actual(text: str) -> str:
    """README with the output of its commands as it is now. Runs in the working folder."""
    pack = PACK.search(text)
    assert pack, "README has no example pack"
    Path("tea.yaml").write_text(pack[1], encoding="utf-8")

    def console(block: re.Match[str]) -> str:
        shown = []
        for command, output in steps(block[1]):
            if command.startswith("cat "):
                Path(command[4:]).write_text(output + "\n", encoding="utf-8")
            if command.startswith(RUN):
                output = run(command)
            shown.append((command, output))
        if not any(command.startswith(RUN) for command, _ in shown):
            return block[0]
        return "```console\n" + "".join(f"$ {c}\n{o}\n" if o else f"$ {c}\n" for c, o in shown) + "```"

    text = CONSOLE.sub(console, text)
    return PYTHON.sub(lambda found: f"```python\n{found[1]}```\n\n```\n{run_python(found[1])}```", text)


def test_readme_shows_real_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    text = README.read_text(encoding="utf-8")
    assert masked(actual(text)) == masked(text), "what README shows has changed: look at it, then run 'make readme'"


def test_pages_that_readme_names_are_there() -> None:
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        README.write_text(actual(README.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{README.name} is up to date", file=sys.stderr)
