"""`fairpost serve`: the options of the server's configuration, as flags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fairpost.cli.errors import CommandError, require, require_installed

__all__ = ["EPILOG", "serve"]

EPILOG = "\n\n".join(
    [
        "Examples:",
        "fairpost serve",
        "fairpost serve --port 0 --port-file port.txt --data-dir ./registry",
        "FAIRPOST_LOG_FORMAT=json fairpost serve --rules rules.fpb",
        "fairpost serve --config fairpost.toml --workers 4 --http-port 8080",
        "fairpost serve --host 0.0.0.0 --tls-cert server.pem --tls-key server.key",
        "Every setting can also be given in the environment (FAIRPOST_PORT=50051) or in the file of --config; flags "
        "win, then the environment. SIGTERM stops the server after the calls in flight; SIGHUP reads settings again.",
    ]
)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one; default 50051.")] = None,
    port_file: Annotated[Path | None, typer.Option(help="File that gets the port once the server listens.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings in TOML, by their names; read again on SIGHUP. Flags win."),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes; default: one for each core.")] = None,
    pin: Annotated[
        bool | None,
        typer.Option("--pin/--no-pin", help="Whether each worker keeps to a core; default: if each has its own."),
    ] = None,
    worker_timeout: Annotated[
        float | None, typer.Option(help="Seconds after which a worker that does not answer is killed.")
    ] = None,
    http_host: Annotated[str | None, typer.Option(help="Address of the HTTP side; default 127.0.0.1.")] = None,
    http_port: Annotated[
        int | None, typer.Option(help="Port of pages, feeds, probes, metrics; 0 takes a free one; default: none.")
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where readers have the pages, as https://example.com.")
    ] = None,
    trusted_proxies: Annotated[
        str | None, typer.Option(metavar="NETWORKS", help="Proxies whose X-Forwarded-For is believed: 10.0.0.0/8,...")
    ] = None,
    console: Annotated[
        bool | None,
        typer.Option("--console/--no-console", help="Whether the console is served at the HTTP port; default: yes."),
    ] = None,
    console_idle_seconds: Annotated[
        float | None, typer.Option(help="Until an unused session of the console ends; default 1800.")
    ] = None,
    console_seconds: Annotated[
        float | None, typer.Option(help="Age at which a session of the console ends; default 28800.")
    ] = None,
    oidc_issuer: Annotated[
        str | None, typer.Option(metavar="URL", help="OpenID Connect provider for logins to the console.")
    ] = None,
    oidc_client_id: Annotated[str | None, typer.Option(help="What the provider knows this server as.")] = None,
    oidc_client_secret_file: Annotated[
        Path | None, typer.Option(help="File with the secret of that; none: a public client.")
    ] = None,
    oidc_scopes: Annotated[str | None, typer.Option(help="Scopes of a login; default: openid profile email.")] = None,
    oidc_roles_claim: Annotated[
        str | None, typer.Option(metavar="CLAIM", help="Claim with groups: groups (default), realm_access.roles...")
    ] = None,
    oidc_roles: Annotated[
        list[str] | None,
        typer.Option("--oidc-role", metavar="VALUE=ROLE,...", help="Roles of a value of that claim; may be repeated."),
    ] = None,
    http_port_file: Annotated[Path | None, typer.Option(help="File that gets the HTTP side's port.")] = None,
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
    rules_public_keys: Annotated[
        list[Path] | None,
        typer.Option(
            "--rules-public-key", metavar="FILE", help="Take only rule sets signed with this key, or another one given."
        ),
    ] = None,
    rules_source: Annotated[
        str | None, typer.Option(metavar="URL", help="File, folder or URL from which new rule sets are taken.")
    ] = None,
    rules_source_seconds: Annotated[float | None, typer.Option(help="Time between two looks there.")] = None,
    record_violations: Annotated[
        bool | None,
        typer.Option(
            "--record-violations/--no-record-violations",
            help="Whether SHIELD and BLOCK go into the seller's log, with strikes; default: yes.",
        ),
    ] = None,
    review_actions: Annotated[
        str | None,
        typer.Option(metavar="ACTIONS", help="Verdicts whose posts people look at; default REVIEW; '' for none."),
    ] = None,
    review_pending: Annotated[
        int | None, typer.Option(help="Most posts that wait for a decision; default 100000.")
    ] = None,
    review_days: Annotated[int | None, typer.Option(help="Days until an undecided review lapses.")] = None,
    review_text_days: Annotated[int | None, typer.Option(help="Days for which reviewed posts are kept.")] = None,
    on_unavailable: Annotated[
        str | None,
        typer.Option(help="What a seller is judged as of whom the registry cannot tell: neutral or unregistered."),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads that answer calls; default 4.")] = None,
    max_streams: Annotated[int | None, typer.Option(help="Streams served at a time; default 32.")] = None,
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
    require_notice: Annotated[
        bool, typer.Option("--require-notice", help="Refuse stricter rules until their notice has been public.")
    ] = False,
    notice_days: Annotated[
        int | None, typer.Option(help="Days for which a notice is public before; default 7.")
    ] = None,
    registration_documents: Annotated[
        str | None, typer.Option(metavar="IDS", help="Documents that sellers accept when they register.")
    ] = None,
    reinstatement_documents: Annotated[
        str | None, typer.Option(metavar="IDS", help="Documents that sellers accept when they are reinstated.")
    ] = None,
    receivers: Annotated[
        Path | None, typer.Option(help="File (YAML) of webhooks and folders that are told of what is published.")
    ] = None,
    private_webhooks: Annotated[
        bool, typer.Option("--private-webhooks", help="Webhooks may go into private networks, and to http.")
    ] = False,
    drain_seconds: Annotated[float | None, typer.Option(help="Time for calls in flight when stopping.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain (PEM); read anew when it changes.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(help="Roots (PEM) of the certificates that clients must have: mutual TLS.")
    ] = None,
    client_identities: Annotated[
        list[str] | None,
        typer.Option(
            "--client-identity",
            metavar="NAME=ROLE,...",
            help="Roles of a client certificate, by its name; may be repeated.",
        ),
    ] = None,
    require_authentication: Annotated[
        bool | None,
        typer.Option(
            "--require-authentication/--no-require-authentication",
            help="Whether callers need a key or certificate; default: unless on loopback without TLS.",
        ),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen on any address without TLS or authentication.")
    ] = False,
    queue_target_ms: Annotated[
        float | None, typer.Option(help="Waiting time above which a standing queue is shed; 0: never; default 5.")
    ] = None,
    max_in_flight: Annotated[int | None, typer.Option(help="Calls in flight, waiting ones included.")] = None,
    max_calls_per_connection: Annotated[int | None, typer.Option(help="Calls in flight on one connection.")] = None,
    max_connections: Annotated[int | None, typer.Option(help="Open connections.")] = None,
    connection_idle_seconds: Annotated[float | None, typer.Option(help="Until an unused connection is closed.")] = None,
    connection_age_seconds: Annotated[float | None, typer.Option(help="Age at which connections are closed.")] = None,
    connection_age_grace_seconds: Annotated[
        float | None, typer.Option(help="Time for calls to end when their connection is closed for its age.")
    ] = None,
    stream_idle_seconds: Annotated[float | None, typer.Option(help="Until a silent stream is ended.")] = None,
    receive_seconds: Annotated[float | None, typer.Option(help="Time that a request may take to come.")] = None,
    max_unread_bytes: Annotated[int | None, typer.Option(help="Large answers not read yet, in all.")] = None,
    quota_messages: Annotated[float | None, typer.Option(help="Messages a second of one caller; 0: any.")] = None,
    quota_bytes: Annotated[float | None, typer.Option(help="Bytes a second of one caller; 0: any.")] = None,
    traces: Annotated[
        bool, typer.Option("--traces", help="OpenTelemetry spans; OTEL_* variables say where they go.")
    ] = False,
    decision_log: Annotated[Path | None, typer.Option(help="Folder of the decision log; default: none.")] = None,
    decision_log_texts: Annotated[
        bool, typer.Option("--decision-log-texts", help="Log the posts' texts too; `fairpost replay` needs them.")
    ] = False,
    decision_log_masked: Annotated[
        str | None, typer.Option(metavar="FIELDS", help="Logged as a hash only: seller_id, post_id; default seller_id.")
    ] = None,
    decision_log_sample: Annotated[
        str | None, typer.Option(metavar="ACTION=SHARE,...", help="Shares that are logged; default ALLOW=0.01.")
    ] = None,
    decision_log_file_bytes: Annotated[int | None, typer.Option(help="Size at which a file is closed.")] = None,
    decision_log_file_seconds: Annotated[float | None, typer.Option(help="Age at which a file is closed.")] = None,
    decision_log_keep_days: Annotated[
        float | None, typer.Option(help="Days until closed files are removed; 0: never.")
    ] = None,
    decision_log_queue_bytes: Annotated[
        int | None, typer.Option(help="Bytes that may wait to be logged; more is dropped.")
    ] = None,
    decision_log_share: Annotated[
        float | None, typer.Option(help="Share of one core that the decision log may take.")
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Serve gRPC: filter, registry, rules, health and reflection, in one worker process for each core. Without TLS on
    the loopback interface alone."""
    given: dict[str, Any] = {
        name: value
        for name, value in locals().items()
        if value is not None
        and value != []
        and (value is not False or name in ("record_violations", "pin", "require_authentication", "console"))
    }
    if client_identities:
        given["client_identities"] = dict(_roles("--client-identity", each) for each in client_identities)
    if oidc_roles:
        given["oidc_roles"] = dict(_roles("--oidc-role", each) for each in oidc_roles)
    require("pydantic_settings", "server", "serve")
    require("structlog", "server", "serve")
    for module in ("grpc", "sqlalchemy", "uvicorn"):  # the supervisor itself does not load them
        require_installed(module, "server", "serve")
    from pydantic import ValidationError

    import fairpost.server
    from fairpost.server.config import StartError, faults

    try:
        settings = fairpost.server.Config(**given)
    except ValidationError as error:
        raise CommandError("\n  ".join(["wrong settings:", *faults(error)])) from None
    except StartError as error:
        raise CommandError(str(error)) from None
    raise typer.Exit(fairpost.server.serve(settings))


def _roles(option: str, text: str) -> tuple[str, list[str]]:
    name, equals, roles = text.rpartition("=")
    if not equals or not name:
        example = "feed.example=checker" if option == "--client-identity" else "reviewers=moderator"
        raise CommandError(f"{option} {text}: is not NAME=ROLE,..., for example {example}")
    return name, [role.strip() for role in roles.split(",") if role.strip()]
