"""`fairpost serve`: the options of the server's configuration, as flags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fairpost.cli.errors import CommandError, require

__all__ = ["EPILOG", "serve"]

EPILOG = "\n\n".join(
    [
        "Examples:",
        "fairpost serve",
        "fairpost serve --port 0 --port-file port.txt --data-dir ./registry",
        "FAIRPOST_LOG_FORMAT=json fairpost serve --rules rules.fpb",
        "Every setting can also be given in the environment (FAIRPOST_PORT=50051); flags win. "
        "SIGTERM stops the server after the calls in flight.",
    ]
)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one; default 50051.")] = None,
    port_file: Annotated[Path | None, typer.Option(help="File that gets the port once the server listens.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the registry and of activated rule sets.")] = None,
    registry: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Registry: sqlite:///path or postgresql://...; default: in data dir."),
    ] = None,
    registry_key_file: Annotated[
        Path | None, typer.Option(help="Keys of personal data; the same for all servers of one registry.")
    ] = None,
    snapshot_seconds: Annotated[float | None, typer.Option(help="Time between two snapshots of all standings.")] = None,
    ladder: Annotated[Path | None, typer.Option(help="Penalty ladder (YAML) instead of the shipped one.")] = None,
    rules: Annotated[
        Path | None, typer.Option(help="Bundle or folder of packs to start with; default: what was active before.")
    ] = None,
    no_rules: Annotated[
        bool, typer.Option("--no-rules", help="Start without rules: posts are refused until a bundle is activated.")
    ] = False,
    record_violations: Annotated[
        bool | None,
        typer.Option(
            "--record-violations/--no-record-violations",
            help="Whether SHIELD and BLOCK go into the seller's log, with strikes; default: yes.",
        ),
    ] = None,
    on_unavailable: Annotated[
        str | None,
        typer.Option(help="What a seller is judged as of whom the registry cannot tell: neutral or unregistered."),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads that answer calls; default 4.")] = None,
    max_streams: Annotated[int | None, typer.Option(help="Streams served at a time; default: threads - 1.")] = None,
    max_watchers: Annotated[int | None, typer.Option(help="WatchSellers and GetSnapshot served at a time.")] = None,
    max_request_bytes: Annotated[int | None, typer.Option(help="Largest request, but for ActivateBundle.")] = None,
    max_bundle_bytes: Annotated[int | None, typer.Option(help="Largest ActivateBundle request.")] = None,
    max_posts: Annotated[int | None, typer.Option(help="Most posts in one request or batch.")] = None,
    max_characters: Annotated[int | None, typer.Option(help="Longest post, in code points.")] = None,
    lookup_ttl: Annotated[int | None, typer.Option(help="Seconds a cache may keep a known seller's standing.")] = None,
    missing_ttl: Annotated[int | None, typer.Option(help="Seconds a cache may keep 'not found'.")] = None,
    verification_days: Annotated[int | None, typer.Option(help="Days until a registration is verified again.")] = None,
    answer_days: Annotated[
        int | None, typer.Option(help="Days that a repeated request_id gets the first answer.")
    ] = None,
    keep_revisions: Annotated[int | None, typer.Option(help="Activated rule sets kept for RollBack.")] = None,
    drain_seconds: Annotated[float | None, typer.Option(help="Time for calls in flight when stopping.")] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Serve gRPC: filter, registry, rules, health and reflection. There is no authentication yet: keep it local."""
    given: dict[str, Any] = {
        name: value
        for name, value in locals().items()
        if value is not None and (value is not False or name == "record_violations")
    }
    require("grpc", "server", "serve")
    require("sqlalchemy", "server", "serve")
    require("pydantic_settings", "server", "serve")
    from pydantic import ValidationError

    import fairpost.server

    try:
        config = fairpost.server.Config(**given)
    except ValidationError as error:
        raise CommandError("\n  ".join(["wrong settings:", *map(_setting, error.errors())])) from None
    raise typer.Exit(fairpost.server.serve(config))


def _setting(error: Any) -> str:
    name = str(error["loc"][0]) if error["loc"] else "?"
    return f"--{name.replace('_', '-')} (FAIRPOST_{name.upper()}) {error['input']!r}: {error['msg']}"
