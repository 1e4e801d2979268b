"""`fairpost keys`: who may call the servers of a registry. On the store itself, since the first key has to come from
somewhere; running servers see changes within two seconds."""

from __future__ import annotations

import contextlib
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairpost.cli import render
from fairpost.cli.errors import CommandError, require
from fairpost.cli.registry import Url, warnings_to_stderr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairpost.server.access.keys import ApiKey
    from fairpost.server.store import Store

__all__ = ["app", "open_store"]

app = typer.Typer(
    no_args_is_help=True,
    help="API keys: create, list, rotate and revoke them, in the registry's store.",
)

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

Expires = Annotated[
    str | None,
    typer.Option(metavar="WHEN", help="90d, 12h, 30m, or a day: 2027-06-30 (its end, UTC); default: never."),
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the key there, for its owner alone.")
]


@contextlib.contextmanager
def open_store(url: str, command: str, *, create: bool = False) -> Iterator[Store]:
    """A registry's store, with what is written to it entered as done by `command`.

    Raises:
        CommandError: there is none, or it is of another revision.
    """
    require("sqlalchemy", "server", command)
    from fairpost.server import audit
    from fairpost.server.access.keys import BadKey
    from fairpost.server.errors import ServiceError
    from fairpost.server.store import Store, StoreError

    try:
        with warnings_to_stderr(), Store.open(url, create=create, migrate=False) as store:
            try:
                with audit.acting(f"fairpost {command}", actor=audit.COMMAND):
                    yield store
            except BadKey as error:
                raise CommandError(str(error)) from None
            except ServiceError as error:
                raise CommandError(f"--registry {store.url}: {error.message}") from None
    except StoreError as error:
        raise CommandError(f"--registry {error}") from None


@app.command(
    epilog="\n\n".join(
        [
            "Examples:",
            "fairpost keys create feed-service --role checker --expires 90d",
            "fairpost keys create ci --role publisher --registry postgresql://fairpost@db/registry -o ci.key",
        ]
    )
)
def create(
    name: Annotated[str, typer.Argument(help="Who will use it, for example a service's name; no personal data.")],
    registry: Url,
    role: Annotated[
        list[str], typer.Option(help="checker, registrar, moderator, publisher, ops or auditor; may be repeated.")
    ],
    expires: Expires = None,
    output: Output = None,
    make_registry: Annotated[
        bool, typer.Option("--make-registry", help="Make the registry if there is none yet: before the first start.")
    ] = False,
) -> None:
    """Make a key. It is printed once, on standard output alone; nothing can show it again."""
    with open_store(registry, "keys create", create=make_registry) as store:
        from fairpost.server.access import keys

        text, key = keys.create(store, name, role, expires_at=_when(expires))
    _give(text, key, output)


@app.command(name="list")
def list_(
    registry: Url,
    all_: Annotated[bool, typer.Option("--all", help="Also those that were revoked or have expired.")] = False,
) -> None:
    """List the keys, without their secrets. A last use is known to the hour."""
    from rich.table import Table

    with open_store(registry, "keys list") as store:
        from fairpost.server.access import keys
        from fairpost.server.store import now_ms

        with store.read() as connection:
            found = keys.listed(connection)
        now = now_ms()
    shown = [key for key in found if all_ or key.state(now) == "good"]
    console = render.make_console()
    if not shown:
        console.print("no keys; 'fairpost keys create' makes one" if not found else "no key is good; see --all")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "roles", "state", "made", "expires", "last used"):
        table.add_column(heading, overflow="fold")
    for key in shown:
        times = (_time(at) for at in (key.created_at, key.expires_at, key.last_used_at))
        table.add_row(key.key_id, key.name, ", ".join(sorted(key.roles)), key.state(now), *times)
    console.print(table)


@app.command(epilog="Example: fairpost keys rotate 1a2b3c4d --overlap 1d -o feed.key")
def rotate(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Its id: the part between 'fp_' and the second '_'.")],
    registry: Url,
    overlap: Annotated[
        str, typer.Option(metavar="TIME", help="For how long the old one stays good: 30m, 12h, 1d, 0d.")
    ] = "1d",
    expires: Expires = None,
    output: Output = None,
) -> None:
    """Make a new key with the name and roles of an old one, which expires after the overlap."""
    with open_store(registry, "keys rotate") as store:
        from fairpost.server.access import keys

        span = _span(overlap, "--overlap")
        text, key, old = keys.rotate(
            store, key_id, overlap_ms=round(span.total_seconds() * 1000), expires_at=_when(expires)
        )
    _give(text, key, output)
    render.make_console(stderr=True).print(f"key {old.key_id} expires {_time(old.expires_at)}", highlight=False)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Its id: the part between 'fp_' and the second '_'.")],
    registry: Url,
) -> None:
    """Refuse a key from now on; servers see it within two seconds, and end its calls that last."""
    with open_store(registry, "keys revoke") as store:
        from fairpost.server.access import keys

        key = keys.revoke(store, key_id)
    render.make_console().print(f"key {key.key_id} ({key.name}) is revoked", highlight=False, markup=False)


def _give(text: str, key: ApiKey, output: Path | None) -> None:
    errors = render.make_console(stderr=True)
    if output is None:
        print(text)
    else:
        try:
            descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                os.fchmod(descriptor, 0o600)
                file.write(text + "\n")
        except OSError as error:
            raise CommandError(
                f"--output {output}: cannot be written: {error.strerror}. Key {key.key_id} was made and is lost: "
                f"revoke it with 'fairpost keys revoke {key.key_id}'"
            ) from None
    until = f"until {_time(key.expires_at)}" if key.expires_at is not None else "until it is revoked"
    errors.print(
        f"key {key.key_id} ({key.name}): {', '.join(sorted(key.roles))}; good {until}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _time(at: int | None) -> str:
    return "never" if at is None else datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _span(text: str, option: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([mhd])", text)
    if not found:
        raise CommandError(f"{option} {text}: no time; write for example 30m, 12h or 90d")
    return int(found[1]) * _UNITS[found[2]]


def _when(text: str | None) -> int | None:
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return round((day + timedelta(days=1)).timestamp() * 1000)
    return round((datetime.now(UTC) + _span(text, "--expires")).timestamp() * 1000)
