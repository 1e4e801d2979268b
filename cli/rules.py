"""`fairpost rules`: check, test, compile, compare, sign and send rule packs."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from fairpost.cli import (
    render,
    rules_backtest,
    rules_coming,
    rules_explain,
    rules_mutate,
    rules_server,
    rules_signing,
    rules_stats,
    rules_train,
)
from fairpost.cli.errors import CommandError
from fairpost.cli.rule_sets import open_bundle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from fairpost.engine import TextModel
    from fairpost.rules import PackProblem

__all__ = ["app", "write_bundle"]

app = typer.Typer(
    no_args_is_help=True,
    help="Work with rule packs: YAML in, one compiled and tested bundle out, signed, and sent to servers.",
)

Packs = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[PACK...]", help="Pack files or folders of them; default: the shipped packs."),
]

WithShipped = Annotated[
    bool,
    typer.Option("--with-shipped", help="Take the shipped packs too: the given ones may use their lists and rules."),
]


def sources(packs: list[Path] | None, with_shipped: bool) -> list[Path]:
    """The packs that a command's arguments name.

    Raises:
        CommandError: one does not exist.
    """
    from fairpost.rules import shipped_packs

    if not packs:
        return [shipped_packs()]
    for path in packs:
        if not path.exists():
            raise CommandError(f"{path}: no such file or folder")
    return [shipped_packs(), *packs] if with_shipped else packs


def _report(problems: Iterable[PackProblem], console: Console) -> None:
    styles = {"error": "bold red", "warning": "yellow"}
    for each in problems:
        line = Text(f"{each.file}:{each.line}:{each.column}: ")
        line.append(each.kind, style=styles.get(each.kind, ""))
        line.append(f": {each.message}")
        console.print(line, soft_wrap=True)


@app.command()
def lint(packs: Packs = None, with_shipped: WithShipped = False) -> None:
    """Say everything that is wrong or doubtful in packs, each with file:line:column. Exit status 1 on errors."""
    from fairpost.rules import lint as lint_packs

    problems = lint_packs(sources(packs, with_shipped))
    console = render.make_console()
    _report(problems, console)
    errors = sum(each.kind == "error" for each in problems)
    console.print(f"{errors} errors, {len(problems) - errors} warnings")
    if errors:
        raise typer.Exit(1)


@app.command("test")
def run_tests(
    packs: Packs = None,
    with_shipped: WithShipped = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="A line for every rule.")] = False,
) -> None:
    """Run the packs' own cases: texts on which each rule must and must not fire. Exit status 1 if one fails."""
    from fairpost.engine import RuleSet
    from fairpost.rules import PackErrors, bundle_of, load_packs, run_cases
    from fairpost.rules.cases import case_errors

    console = render.make_console()
    try:
        source = load_packs(sources(packs, with_shipped))
        rules = RuleSet.from_bytes(bundle_of(source))
    except PackErrors as error:
        _report(error.errors, render.make_console(stderr=True))
        raise CommandError(f"nothing was tested: {len(error.errors)} errors in the packs", status=1) from None
    results = run_cases(source, rules)
    if verbose:
        for rule in source.rules:
            own = [result for result in results if result.rule.id == rule.id]
            passed = sum(result.passed for result in own)
            console.print(
                Text(f"{passed:>4} of {len(own):<4} {rule.id}", style="green" if passed == len(own) else "bold red")
            )
    failed = case_errors(source, rules, results)
    _report(failed, console)
    console.print(f"{len(results) - len(failed)} of {len(results)} cases of {len(source.rules)} rules hold")
    if failed:
        raise typer.Exit(1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of packs, for completion and checks in editors."""
    from fairpost.rules import json_schema

    print(json.dumps(json_schema(), ensure_ascii=False, indent=2))


@app.command("compile", epilog="Example: fairpost rules compile my-packs/ --with-shipped -o rules.fpb")
def compile_(
    packs: Packs = None,
    with_shipped: WithShipped = False,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="BUNDLE", help="The file to write.")] = Path(
        "rules.fpb"
    ),
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="FILE", help="Text model to compile in, or 'none'; default: the *.model among the packs."
        ),
    ] = None,
) -> None:
    """Compile packs into one bundle. Packs whose own cases fail do not compile."""
    from fairpost.rules import PackErrors, compile_packs

    paths = sources(packs, with_shipped)
    console = render.make_console()
    try:
        content = compile_packs(paths, model=... if model is None else open_model(model))
    except PackErrors as error:
        _report([*error.errors, *error.warnings], render.make_console(stderr=True))
        raise CommandError(f"not compiled: {len(error.errors)} errors", status=1) from None
    write_bundle(output, content)
    opened = open_bundle(output)
    console.print(
        f"{output}: revision {opened.revision}, {len(opened.meta['rules'])} rules, "
        f"{opened.pattern_count:,} patterns, {len(content):,} bytes"
    )


@app.command(epilog="Example: fairpost rules diff old.fpb new.fpb. Exit status: 0 nothing changes, 1 something does.")
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Bundle in force.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Bundle to come.")],
) -> None:
    """Say what changes from one bundle to another: rules, words, policy, laws. Read from what is enforced."""
    from fairpost.rules import diff_bundles

    difference = diff_bundles(open_bundle(old), open_bundle(new))
    console = render.make_console()
    styles = {"+": "green", "-": "red", "~": "yellow"}
    for line in str(difference).splitlines():
        console.print(Text(line, style=styles.get(line.strip()[:1], "")), soft_wrap=True)
    if difference:
        raise typer.Exit(1)


app.command("backtest", epilog=rules_backtest.EPILOG)(rules_backtest.backtest)
app.command("mutate", epilog=rules_mutate.EPILOG)(rules_mutate.mutate)
app.command("stats", epilog=rules_stats.EPILOG)(rules_stats.stats)
app.command("explain", epilog=rules_explain.EPILOG)(rules_explain.explain)
app.command("train", epilog=rules_train.EPILOG)(rules_train.train)
app.command("keygen", epilog=rules_signing.KEYGEN_EPILOG)(rules_signing.keygen)
app.command("sign", epilog=rules_signing.SIGN_EPILOG)(rules_signing.sign)
app.command("verify", epilog=rules_signing.VERIFY_EPILOG)(rules_signing.verify)
app.command("push", epilog=rules_server.PUSH_EPILOG)(rules_server.push)
app.command("activate", epilog=rules_server.ACTIVATE_EPILOG)(rules_server.activate)
app.command("rollback", epilog=rules_server.ROLLBACK_EPILOG)(rules_server.rollback)
app.command("status")(rules_server.status)
app.command("keep", epilog=rules_coming.KEEP_EPILOG)(rules_coming.keep)
app.command("compare", epilog=rules_coming.COMPARE_EPILOG)(rules_coming.compare)
app.command("shadows", epilog=rules_coming.SHADOWS_EPILOG)(rules_coming.shadows)


def open_model(path: str) -> TextModel | None:
    """The text model of a --model option: None for 'none'.

    Raises:
        CommandError: no such file, or no sound model file.
    """
    from fairpost.rules.model_file import InvalidModel, load_model

    if path == "none":
        return None
    try:
        return load_model(Path(path))
    except OSError as error:
        raise CommandError(f"--model {path}: cannot be read: {error.strerror}") from None
    except InvalidModel as error:
        raise CommandError(f"--model {error}") from None


def write_bundle(path: Path, content: bytes) -> None:
    """Write by rename: somebody may have the old file mapped into memory.

    Raises:
        CommandError: the folder is not there or may not be written.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as scratch:
            scratch.write(content)
        os.chmod(scratch.name, 0o644)
        os.replace(scratch.name, path)
    except OSError as error:
        raise CommandError(f"-o {path}: cannot be written: {error.strerror}") from None
