"""`fairpost registry`: the store itself: import, export, migrations, jobs, verification, keys."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO

import typer

from fairpost.cli import render
from fairpost.cli.errors import CommandError, nearest, require
from fairpost.engine.dates import today

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from fairpost.server.errors import Violation
    from fairpost.server.registry.core import Core
    from fairpost.server.registry.importing import Imported, ImportRow
    from fairpost.server.store import Store

__all__ = ["Url", "app", "open_core", "warnings_to_stderr"]

app = typer.Typer(
    no_args_is_help=True,
    help="Look after the registry's store: import and export sellers, migrate, run jobs, verify, rotate keys.",
)

Url = Annotated[
    str,
    typer.Option(
        "--registry",
        envvar="FAIRPOST_REGISTRY",
        metavar="URL",
        help="sqlite:///path/registry.sqlite or postgresql://user@host/database.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        envvar="FAIRPOST_REGISTRY_KEY_FILE",
        help="Keys of personal data; default: identity.key beside a SQLite registry.",
    ),
]


@contextlib.contextmanager
def warnings_to_stderr() -> Iterator[None]:
    """What the server would log is no output of a command: warnings go to standard error, the rest nowhere."""
    import structlog

    before = structlog.get_config()
    structlog.configure(
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


@contextlib.contextmanager
def open_core(url: str, key_file: Path | None, command: str) -> Iterator[Core]:
    """The registry behind a URL, without a server. A running server may go on working with it. command: which one it
    is, for the audit log.

    Raises:
        CommandError: no registry there, of another revision, or no keys.
    """
    require("sqlalchemy", "server", "registry")
    from fairpost.server import audit
    from fairpost.server.errors import ServiceError
    from fairpost.server.registry import KeyFileError, Keys
    from fairpost.server.registry.core import Core
    from fairpost.server.registry.keys import ENVIRONMENT
    from fairpost.server.store import Store, StoreError

    try:
        store = Store.open(url, create=False, migrate=False)
    except StoreError as error:
        raise CommandError(f"--registry {error}") from None
    with store, warnings_to_stderr(), audit.acting(f"fairpost {command}", actor=audit.COMMAND):
        path = key_path(store, key_file)
        if not path.exists() and not os.environ.get(ENVIRONMENT):
            raise CommandError(f"--key-file {path}: no such file; take the one that the servers use")
        try:
            core = Core(store, Keys.open(path))
            core.check_keys()
            yield core
        except KeyFileError as error:
            raise CommandError(f"--key-file {error}") from None
        except ServiceError as error:
            raise CommandError(f"--registry {store.url}: {error.message}") from None


def key_path(store: Store, key_file: Path | None) -> Path:
    """The key file of a registry.

    Raises:
        CommandError: none was named, and the registry is not a file beside which it could lie.
    """
    if key_file is None and store.dialect != "sqlite":
        raise CommandError("--key-file: is required with PostgreSQL; take the one that the servers use")
    return key_file or Path(store.url).with_name("identity.key")


@app.command(
    name="import",
    epilog="Example: fairpost registry import sellers.csv --registry sqlite:////var/lib/fairpost/registry.sqlite "
    "--refused refused.jsonl",
)
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help=".csv or .parquet, a seller a row.")],
    registry: Url,
    key_file: KeyFile = None,
    refused: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write every refused row with its faults: .jsonl.")
    ] = None,
    verification_days: Annotated[int, typer.Option(min=1, help="Verify the records again after these days.")] = 183,
) -> None:
    """Register many sellers from files, with all checks. Exit status 1 if rows were refused.

    Columns: seller_id, kind, name, categories; and where there are any: identity_number, credit_code, licences,
    exempt_reason, phone, email, address, registered_on. Rows are taken 1,000 in a transaction; after an interruption
    the same import goes on where it ended, and says of the rows before that they are registered already.
    """
    require("pyarrow", "bulk", "registry import")
    from fairpost.cli.sellers_file import read_sellers, rows_of
    from fairpost.server.registry.importing import import_sellers

    console, errors = render.make_console(), render.make_console(stderr=True)
    report = _Report(refused, errors)
    verify_by = today() + timedelta(days=verification_days)
    with open_core(registry, key_file, "registry import") as core, report, _bar(errors) as bar:
        counts = [rows_of(path) for path in files]
        task = bar.add_task("sellers", total=None if None in counts else sum(filter(None, counts)))
        for path in files:
            before = report.taken + report.refused

            def after_part(done: Imported, before: int = before) -> None:
                bar.update(task, completed=before + done.taken + done.refused)

            def refuse(row: ImportRow, faults: list[Violation], path: Path = path) -> None:
                report.refuse(path, row, faults)

            done = import_sellers(core, read_sellers(path), verify_by=verify_by, refuse=refuse, after_part=after_part)
            report.add(done)
    report.show(console)
    if report.refused:
        raise typer.Exit(1)


def _bar(errors: Console) -> Any:
    from rich.progress import Progress

    return Progress(console=errors, transient=True, disable=not errors.is_terminal)


class _Report:
    """What an import refused: the first few rows on the terminal, all of them in a file if there is one."""

    SHOWN: Final = 5

    def __init__(self, path: Path | None, errors: Console) -> None:
        self.taken = self.refused = 0
        self._names: dict[str, int] = {}
        self._path = path
        self._errors = errors
        self._seen = 0
        self._file: TextIO | None = None

    def __enter__(self) -> _Report:
        if self._path:
            try:
                self._file = self._path.open("w", encoding="utf-8")
            except OSError as error:
                raise CommandError(f"--refused {self._path}: cannot be written: {error.strerror}") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def refuse(self, path: Path, row: ImportRow, faults: list[Violation]) -> None:
        if self._file:
            found = [{"field": fault.field, "fault": fault.description} for fault in faults]
            line = {"file": str(path), "row": row.number, "seller_id": row.request.seller_id, "faults": found}
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._seen += 1
        if self._seen <= self.SHOWN:
            said = "; ".join(f"{fault.field}: {fault.description}" for fault in faults[:3])
            self._errors.print(f"{path}: row {row.number}: {said}", markup=False, soft_wrap=True)

    def add(self, done: Imported) -> None:
        self.taken += done.taken
        self.refused += done.refused
        for name, count in done.names.items():
            self._names[name] = self._names.get(name, 0) + count

    def show(self, console: Console) -> None:
        console.print(f"registered {self.taken:,} sellers, refused {self.refused:,} rows")
        for name, count in sorted(self._names.items(), key=lambda item: (-item[1], item[0])):
            console.print(f"  {count:,} for {name}", highlight=False, markup=False)
        if self._path and self.refused:
            console.print(f"every refused row with its faults: {self._path}", soft_wrap=True)


@app.command()
def export(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help=".csv or .parquet.")],
    registry: Url,
) -> None:
    """Write how all sellers stand, at one moment of the log: no names, numbers or contacts."""
    require("sqlalchemy", "server", "registry")
    from fairpost.cli.standing_writers import write_standings
    from fairpost.server.errors import ServiceError
    from fairpost.server.store import Store, StoreError

    try:
        with Store.open(registry, create=False, migrate=False) as store:
            count, sequence = write_standings(store, output)
    except StoreError as error:
        raise CommandError(f"--registry {error}") from None
    except ServiceError as error:
        raise CommandError(f"--registry {registry}: {error.message}") from None
    render.make_console().print(f"wrote {count:,} sellers as of event {sequence} to {output}", soft_wrap=True)


@app.command()
def migrate(registry: Url, key_file: KeyFile = None) -> None:
    """Bring a store to the revision of this version. Stop servers of older versions before, and have a backup."""
    require("sqlalchemy", "server", "registry")
    from fairpost.server.errors import ServiceError
    from fairpost.server.registry.days import turn_days, underived
    from fairpost.server.store import Store, StoreError
    from fairpost.server.store.upgrade import newest

    try:
        with warnings_to_stderr(), Store.open(registry, create=False, migrate=True) as store:
            waiting = underived(store)
    except StoreError as error:
        raise CommandError(f"--registry {error}") from None
    except ServiceError as error:
        raise CommandError(f"--registry {registry}: {error.message}") from None
    console = render.make_console()
    console.print(f"the registry is at revision {newest()}")
    if waiting:
        with open_core(registry, key_file, "registry migrate") as core:
            console.print(f"standings derived: {turn_days(core):,}", highlight=False)


@app.command()
def verify(registry: Url, key_file: KeyFile = None) -> None:
    """Derive everything again from the log and compare it with what is stored. Exit status 1 if something differs.

    Servers may go on writing meanwhile: one moment of the store is looked at.
    """
    from fairpost.server.registry.verify import verify as look

    errors = render.make_console(stderr=True)
    with open_core(registry, key_file, "registry verify") as core, _bar(errors) as bar:
        task = bar.add_task("sellers", total=None)
        found = look(core, after_part=lambda verified: bar.update(task, completed=verified.sellers))
    console = render.make_console()
    for difference in found.differences:
        console.print(str(difference), markup=False, soft_wrap=True)
    console.print(
        f"{found.sellers:,} sellers, {found.events:,} events, up to event {found.sequence}: "
        + (
            f"{len(found.differences):,} differences"
            if found.differences
            else "all that is stored follows from the log"
        )
    )
    if found.differences:
        raise typer.Exit(1)


@app.command(
    name="run-jobs",
    epilog="Example: fairpost registry run-jobs days complaints --registry postgresql://fairpost@db/registry",
)
def run_jobs(
    registry: Url,
    names: Annotated[list[str] | None, typer.Argument(metavar="[JOB]...", help="Which ones; default: all.")] = None,
    key_file: KeyFile = None,
) -> None:
    """Run what a server runs by itself: the turn of the day, overdue complaints, retention. Safe to run twice."""
    require("sqlalchemy", "server", "registry")
    from fairpost.server.registry.jobs import JOBS
    from fairpost.server.registry.jobs import run_jobs as run

    for name in names or []:
        if name not in JOBS:
            raise CommandError(f"{name}: no job; one of {', '.join(JOBS)}{nearest(name, JOBS)}")
    with open_core(registry, key_file, "registry run-jobs") as core:
        reports = run(core, names or [])
    console = render.make_console()
    for report in reports:
        counts = ", ".join(f"{count:,} {what}" for what, count in sorted(report.counts.items())) or "nothing to do"
        said = {"done": counts, "held": "another server does it now", "failed": report.error}[report.state]
        console.print(f"{report.name}: {said}", markup=False, highlight=False)
    if any(report.state == "failed" for report in reports):
        raise typer.Exit(1)


@app.command(name="rotate-key")
def rotate_key(registry: Url, key_file: KeyFile = None) -> None:
    """Encrypt all personal data with a new key, and drop the old one. After an interruption it goes on.

    Servers on the same key file take the new key by themselves. Old backups of the store need the old key file.
    """
    from fairpost.server.registry.rotation import rotate

    with open_core(registry, key_file, "registry rotate-key") as core:
        written = rotate(core, key_path(core.store, key_file))
    console = render.make_console()
    for column, count in sorted(written.items()):
        console.print(f"  {count:,} of {column}", highlight=False)
    console.print(f"{written.total():,} texts encrypted with key {core.keys.active}; older keys are dropped")
