"""docs/tools.md shows real output. `make readme` writes it anew after a change of packs or commands."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "tools.md"
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


def run(command: str) -> str:
    """What a `fairpost` command prints."""
    from fairpost.cli import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), contextlib.suppress(SystemExit):
        main(shlex.split(command)[1:])
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def masked(output: str) -> str:
    """Output without what differs between machines and revisions."""
    output = re.sub(r"\b[0-9a-f]{12}\b", "REVISION", output)
    return re.sub(r"^[\d.]+ s: .*posts/s.*$", "SPEED", output, flags=re.MULTILINE)


def actual(text: str) -> str:
    """The page with the output of its commands as it is now. Runs in the working folder."""

    def console(block: re.Match[str]) -> str:
        shown = []
        for piece in re.split(r"^\$ ", block[1], flags=re.MULTILINE)[1:]:
            command, _, output = piece.partition("\n")
            output = output.rstrip("\n")
            if command.startswith("cat "):
                Path(command[4:]).write_text(output + "\n", encoding="utf-8")
            elif substitution := re.fullmatch(r"sed 's/(.*)/(.*)/' (\S+) > (\S+)", command):
                old, new, source, target = substitution.groups()
                content = Path(source).read_text(encoding="utf-8")
                assert old in content
                Path(target).write_text(content.replace(old, new), encoding="utf-8")
            else:
                assert command.startswith("fairpost "), command
                output = run(command)
            shown.append(f"$ {command}\n{output}\n" if output else f"$ {command}\n")
        return "```console\n" + "".join(shown) + "```"

    return CONSOLE.sub(console, text)


def test_the_page_shows_real_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    text = PAGE.read_text(encoding="utf-8")
    assert masked(actual(text)) == masked(text), "what docs/tools.md shows has changed: look at it, then 'make readme'"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        PAGE.write_text(actual(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{PAGE.name} is up to date", file=sys.stderr)
