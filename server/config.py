"""Configuration: arguments, then environment (FAIRPOST_PORT=...), then the defaults below."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Config"]

KIB = 1024
MIB = 1024 * KIB


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "fairpost"


class Config(BaseSettings):
    """What `serve` needs to know. The defaults give a server that needs nothing else."""

    model_config = SettingsConfigDict(env_prefix="FAIRPOST_", frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on. There is no authentication yet: keep it local.")
    port: int = Field(50051, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    port_file: Path | None = Field(None, description="File that gets the bound port once the server listens.")
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
    on_unavailable: Literal["neutral", "unregistered"] = Field(
        "neutral", description="What a post is judged as whose seller the registry cannot tell anything about."
    )
    rules: Path | None = Field(
        None, description="Bundle, or folder of packs, to activate at the start instead of the one active before."
    )
    no_rules: bool = Field(
        False, description="Do not fall back on the shipped packs: without an earlier activation the server waits."
    )
    threads: int = Field(4, ge=2, le=64, description="Threads that answer calls; 4 is best on one core.")
    max_streams: int | None = Field(
        None, ge=1, description="Streams served at a time; default: one thread fewer than there are."
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
    drain_seconds: float = Field(10.0, ge=0, description="Time that calls in flight get when the server is stopped.")
    log_format: Literal["console", "json"] = Field("console", description="How log lines look on standard error.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")

    @field_validator("max_streams")
    @classmethod
    def _leave_a_thread(cls, value: int | None, info: ValidationInfo) -> int | None:
        # A stream holds its thread while it is open. With all threads held, not even a health check is answered.
        threads = info.data.get("threads", 4)
        if value is not None and value >= threads:
            raise ValueError(f"must be less than threads ({threads}), so that calls other than streams are answered")
        return value

    @property
    def streams(self) -> int:
        return self.max_streams if self.max_streams is not None else self.threads - 1
