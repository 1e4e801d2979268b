"""Configuration: arguments, then environment (FAIRPOST_PORT=...), then a TOML file, then the defaults below."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from fairpost.server.observe.shares import shares_of

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

__all__ = ["RELOADABLE", "Config", "StartError", "faults"]

MASKABLE = ("seller_id", "post_id")
"""Fields of the decision log of which a hash may stand for the value."""
REVIEWABLE = ("LIMIT", "REVIEW", "SHIELD", "BLOCK")
"""Actions whose posts may be queued for review."""
KIB = 1024
MIB = 1024 * KIB


RELOADABLE: Final = frozenset(
    {
        *("drain_seconds", "keep_revisions", "log_format", "log_level", "worker_timeout"),
        *("rules_public_keys", "rules_source", "rules_source_seconds"),
        *("quota_messages", "quota_bytes"),
    }
)
"""Settings that SIGHUP changes in a running server. The others take effect when it is started again."""


class StartError(Exception):
    """The server cannot start, or not take over new settings; the message says why and what to do."""


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "fairpost"


class _File(PydanticBaseSettingsSource):
    """What the file says that `config` names."""

    def get_field_value(self, _field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        path = self.current_state.get("config")
        if not path:
            return {}
        try:
            with open(path, "rb") as file:
                values = tomllib.load(file)
        except OSError as error:
            raise StartError(f"{path}: cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise StartError(f"{path}: no TOML: {error}") from None
        if "config" in values:
            raise StartError(f"{path}: 'config' names another file; settings come from one file")
        return values


class Config(BaseSettings):
    """What `serve` needs to know. The defaults give a server that needs nothing else."""

    model_config = SettingsConfigDict(env_prefix="FAIRPOST_", frozen=True, extra="forbid")

    _arguments: dict[str, Any] = PrivateAttr(default_factory=dict)

    config: Path | None = Field(
        None, description="TOML file with any of these settings by name; read again on SIGHUP. Flags, environment win."
    )
    host: str = Field(
        "127.0.0.1", description="Address to listen on; others than loopback need TLS and authentication."
    )
    port: int = Field(50051, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    port_file: Path | None = Field(None, description="File that gets the bound port once the server listens.")
    workers: int | None = Field(
        None, ge=1, le=256, description="Worker processes on the port; default: one for each core that may be used."
    )
    pin: bool | None = Field(
        None,
        description="Whether each worker keeps to a core of its own; default: where there are as many workers as cores "
        "and all cores may be used.",
    )
    worker_timeout: float = Field(
        10.0, gt=0, description="Seconds after which a worker that does not answer its supervisor is killed."
    )
    http_host: str = Field("127.0.0.1", description="Address of the HTTP side.")
    http_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port of the HTTP side (pages, feeds, /healthz, /metrics); 0 takes a free one; default: none.",
    )
    public_url: str = Field(
        "", description="Address at which readers have the pages, as https://example.com; default: the host they name."
    )
    trusted_proxies: str = Field(
        "", description="Networks of proxies whose X-Forwarded-For is believed, separated by commas."
    )
    console: bool = Field(True, description="Serve the console under /console of the HTTP side.")
    console_idle_seconds: float = Field(
        1800.0, gt=0, description="A session of the console ends that nobody used for this time."
    )
    console_seconds: float = Field(
        28_800.0, gt=0, description="A session of the console ends at this age, used or not."
    )
    oidc_issuer: str = Field(
        "", description="Provider (OpenID Connect) for logins to the console: https://id.example.com; needs public_url."
    )
    oidc_client_id: str = Field("", description="What the provider knows this server as.")
    oidc_client_secret_file: Path | None = Field(
        None, description="File with the secret of oidc_client_id; none: a public client, with PKCE alone."
    )
    oidc_scopes: str = Field("openid profile email", description="Scopes that a login asks for.")
    oidc_roles_claim: str = Field(
        "groups", description="Claim of the ID token with groups; dots lead into objects: realm_access.roles."
    )
    oidc_roles: dict[str, list[str]] = Field(
        default_factory=dict, description="Roles here, by value of oidc_roles_claim."
    )
    http_port_file: Path | None = Field(None, description="File that gets the HTTP side's port.")
    data_dir: Path = Field(
        default_factory=_default_data_dir, description="Registry, its key and activated rule sets; made if missing."
    )
    registry: str = Field(
        "",
        description="Store of the registry: sqlite:///path or postgresql://user@host/database; default: in data_dir.",
    )
    registry_key_file: Path | None = Field(
        None,
        description="File with the keys of personal data; default: in data_dir. FAIRPOST_REGISTRY_KEYS holds keys "
        "themselves.",
    )
    snapshot_seconds: float = Field(
        3600.0, gt=0, description="Time between two snapshots of all standings, from which a server starts quickly."
    )
    ladder: Path | None = Field(None, description="Penalty ladder (YAML) instead of the shipped one.")
    record_violations: bool = Field(
        True, description="Record each post of a registered seller whose verdict is SHIELD or BLOCK, with its strike."
    )
    review_actions: str = Field(
        "REVIEW",
        description="Verdicts whose posts are queued for people to decide on: any of LIMIT, REVIEW, SHIELD, BLOCK, "
        "separated by commas; empty: none.",
    )
    review_pending: int = Field(
        100_000, ge=1, description="Most posts that wait for a decision; further ones are left out and counted."
    )
    review_days: int = Field(
        30, ge=1, le=3650, description="Days after which a review that nobody has decided on lapses."
    )
    review_text_days: int = Field(
        90,
        ge=0,
        le=1095,
        description="Days for which the posts of ended reviews are kept, to try rules on.",
    )
    on_unavailable: Literal["neutral", "unregistered"] = Field(
        "neutral", description="What a post is judged as whose seller the registry cannot tell anything about."
    )
    rules: Path | None = Field(
        None, description="Bundle, or folder of packs, to activate at the start instead of the one active before."
    )
    no_rules: bool = Field(
        False, description="Do not fall back on the shipped packs: without an earlier activation the server waits."
    )
    rules_public_keys: Annotated[tuple[Path, ...], NoDecode] = Field(
        (),
        description="Files of Ed25519 public keys (in the environment separated by colons); with any, a bundle counts "
        "only when it is signed with one of them.",
    )
    rules_source: str = Field(
        "", description="File, folder or URL (http, https, or any of fsspec) from which new rule sets are taken."
    )
    rules_source_seconds: float = Field(
        60.0, ge=0.1, description="Time between two looks at rules_source; spread by a fifth, longer after failures."
    )
    threads: int = Field(3, ge=2, le=64, description="Threads that answer calls; 3 are best on one core.")
    max_streams: int = Field(
        32, ge=1, le=1000, description="Streams served at a time in each worker; each has a thread."
    )
    max_watchers: int = Field(
        8, ge=1, le=1000, description="Streams of the registry (WatchSellers, GetSnapshot) served at a time; more wait."
    )
    max_request_bytes: int = Field(4 * MIB, ge=KIB, description="Largest request message, but for ActivateBundle.")
    max_bundle_bytes: int = Field(64 * MIB, ge=KIB, description="Largest ActivateBundle message.")
    max_posts: int = Field(10_000, ge=1, description="Most posts in one request or batch, most ids in one lookup.")
    max_characters: int = Field(100_000, ge=1, le=100_000, description="Longest post, in code points.")
    lookup_ttl: int = Field(60, ge=0, description="Seconds that a cache may keep the standing of a known seller.")
    missing_ttl: int = Field(10, ge=0, description="Seconds that a cache may keep NOT_FOUND.")
    verification_days: int = Field(183, ge=1, description="Days after which a registration is to be verified again.")
    answer_days: int = Field(7, ge=1, description="Days for which a repeated request_id gets the first answer again.")
    keep_revisions: int = Field(10, ge=2, description="Activated rule sets kept for RollBack.")
    require_notice: bool = Field(
        False, description="Refuse rules that may be stricter until their notice has been public for notice_days."
    )
    notice_days: int = Field(7, ge=0, le=365, description="Days for which a notice is public before its rules apply.")
    registration_documents: str = Field(
        "", description="Ids of documents that sellers must accept when they register, separated by commas."
    )
    reinstatement_documents: str = Field(
        "", description="Ids of documents that sellers must accept when they are reinstated, separated by commas."
    )
    receivers: Path | None = Field(
        None, description="File (YAML) that names the webhooks and folders that are told of what is published."
    )
    private_webhooks: bool = Field(
        False, description="Webhooks may go to addresses that are not of the public internet, and to http."
    )
    drain_seconds: float = Field(10.0, ge=0, description="Time that calls in flight get when the server is stopped.")
    require_authentication: bool | None = Field(
        None,
        description="Whether callers need a key or certificate; default: unless it listens on loopback without TLS.",
    )
    insecure: bool = Field(
        False, description="Listen on any address without TLS or authentication: something in front has both."
    )
    tls_cert: Path | None = Field(None, description="Certificate chain (PEM), the server's own first; read anew.")
    tls_key: Path | None = Field(None, description="Private key (PEM) of the certificate.")
    tls_client_ca: Path | None = Field(
        None, description="Roots (PEM) of the certificates that clients must have: mutual TLS."
    )
    client_identities: dict[str, list[str]] = Field(
        default_factory=dict, description="Roles of client certificates, by subject alternative or common name."
    )
    queue_target_ms: float = Field(
        5.0, ge=0, description="Waiting time above which a queue that stands is shed; 0: never."
    )
    max_in_flight: int = Field(
        2000, ge=1, description="Calls in flight, streams and those that wait included; more are refused at once."
    )
    max_calls_per_connection: int = Field(
        100, ge=1, description="Calls in flight on one connection; clients queue what goes beyond."
    )
    max_connections: int = Field(10_000, ge=1, description="Open connections.")
    connection_idle_seconds: float = Field(900.0, gt=0, description="Unused connections are closed after this time.")
    connection_age_seconds: float = Field(
        3600.0, gt=0, description="Connections are closed at this age, so that clients spread over servers anew."
    )
    connection_age_grace_seconds: float = Field(
        300.0, gt=0, description="Time that calls get to end when their connection is closed for its age."
    )
    stream_idle_seconds: float = Field(
        60.0, gt=0, description="A stream on which nothing comes, or answers are not read, is ended after this time."
    )
    receive_seconds: float = Field(10.0, gt=0, description="Time that a request may take to come, per 4 MiB allowed.")
    max_unread_bytes: int = Field(64 * MIB, ge=MIB, description="Large answers that callers have not read yet.")
    quota_messages: float = Field(0.0, ge=0, description="Messages a second of one caller in one process; 0: any.")
    quota_bytes: float = Field(0.0, ge=0, description="Bytes a second of one caller in one process; 0: any.")
    log_format: Literal["console", "json"] = Field("console", description="How log lines look on standard error.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._arguments = values

    def reread(self) -> Config:
        """The settings as they are now: the same arguments, with the environment and the file read again.

        Raises:
            pydantic.ValidationError, StartError: they are wrong.
        """
        return type(self)(**self._arguments)

    def to_json(self) -> dict[str, Any]:
        """For another process; `of_json` makes the same settings of it."""
        return self.model_dump(mode="json")

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> Config:
        # Every setting is given, so that neither environment nor file counts.
        return cls(**(content | {"config": None}))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _File(settings_cls)

    @field_validator("rules_public_keys", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    traces: bool = Field(
        False, description="Make OpenTelemetry spans; the OTEL_* variables say where they go. Needs the extra otel."
    )
    decision_log: Path | None = Field(None, description="Folder of the decision log; without one there is none.")
    decision_log_texts: bool = Field(
        False, description="Write the posts' texts into the decision log, without which no decision can be replayed."
    )
    decision_log_masked: str = Field(
        "seller_id", description="Of which of seller_id, post_id the decision log has only a hash; comma-separated."
    )
    decision_log_sample: str = Field(
        "ALLOW=0.01", description="Shares of the decisions that are logged, by action; others are logged whole."
    )
    decision_log_file_bytes: int = Field(
        64 * MIB, ge=KIB, description="Size at which a file of the decision log is closed and another one begun."
    )
    decision_log_file_seconds: float = Field(
        86_400.0, gt=0, description="Age at which a file of the decision log is closed and another one begun."
    )
    decision_log_keep_days: float = Field(
        183.0, ge=0, description="Days after which closed files of the decision log are removed; 0: never."
    )
    decision_log_queue_bytes: int = Field(
        64 * MIB, ge=KIB, description="Bytes of messages that may wait to be logged; what is beyond is dropped."
    )
    decision_log_share: float = Field(
        0.1, gt=0, le=1, description="Share of one core's time that the decision log may take."
    )

    @field_validator("public_url")
    @classmethod
    def _address_of_pages(cls, value: str) -> str:
        from fairpost.server.web.clients import public_host

        public_host(value)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        from fairpost.server.web.clients import networks_of

        networks_of(value)
        return value

    @field_validator("registration_documents", "reinstatement_documents")
    @classmethod
    def _ids(cls, value: str) -> str:
        from fairpost.server.bulletin.ids import document_ids

        return ",".join(document_ids(value))

    @field_validator("review_actions")
    @classmethod
    def _actions(cls, value: str) -> str:
        names = [name.strip() for name in value.split(",") if name.strip()]
        for name in names:
            if name not in REVIEWABLE:
                raise ValueError(f"{name!r} is none of {', '.join(REVIEWABLE)}")
        return ",".join(name for name in REVIEWABLE if name in names)

    @field_validator("decision_log_masked")
    @classmethod
    def _maskable(cls, value: str) -> str:
        for name in filter(None, (name.strip() for name in value.split(","))):
            if name not in MASKABLE:
                raise ValueError(f"{name!r} is none of {', '.join(MASKABLE)}")
        return value

    @field_validator("decision_log_sample")
    @classmethod
    def _shares(cls, value: str) -> str:
        shares_of(value)
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        from fairpost.server.access.exposure import is_loopback

        parts = urlsplit(value)
        plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
        if value and (not (plain or parts.scheme == "https") or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("is no issuer; write https://id.example.com, as its tokens have it in iss")
        return value

    @model_validator(mode="after")
    def _whole_login(self) -> Config:
        if self.oidc_issuer:
            for name in ("oidc_client_id", "oidc_roles", "public_url"):
                if not getattr(self, name):
                    raise ValueError(f"oidc_issuer needs {name}, too")
        return self

    @field_validator("client_identities", "oidc_roles")
    @classmethod
    def _known_roles(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        from fairpost.server.access.roles import ROLES

        for name, roles in value.items():
            if not roles:
                raise ValueError(f"{name!r} has no role; give it some of {', '.join(ROLES)}")
            for role in roles:
                if role not in ROLES:
                    raise ValueError(f"{name!r}: {role!r} is no role; one of {', '.join(ROLES)}")
        return value

    @property
    def cores(self) -> list[int]:
        """Cores that this process may use."""
        return sorted(os.sched_getaffinity(0))

    @property
    def worker_count(self) -> int:
        return self.workers if self.workers is not None else len(self.cores)

    @property
    def pins(self) -> list[int] | None:
        """The core of each worker, by its number; None: they are not pinned."""
        cores = self.cores
        usual = self.worker_count == len(cores) == os.cpu_count()
        if not (usual if self.pin is None else self.pin):
            return None
        return [cores[i % len(cores)] for i in range(self.worker_count)]


def faults(error: ValidationError) -> list[str]:
    """What is wrong, a line for each setting."""
    lines = []
    for fault in error.errors():
        name = str(fault["loc"][0]) if fault["loc"] else "?"
        if fault["type"] == "extra_forbidden":
            lines.append(f"{name}: no such setting; see docs/serving.md for those there are")
        else:
            lines.append(f"--{name.replace('_', '-')} (FAIRPOST_{name.upper()}) {fault['input']!r}: {fault['msg']}")
    return lines
