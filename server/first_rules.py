"""The rule set that a server starts with: --rules, else what was active before, else the shipped packs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fairpost.server.config import StartError
from fairpost.server.errors import ServiceError
from fairpost.server.signatures import KeyInvalid, Signature, signature_path

if TYPE_CHECKING:
    from pathlib import Path

    from fairpost.server.activation import RuleSets
    from fairpost.server.config import Config

__all__ = ["first_rules", "read_rules"]


def first_rules(rule_sets: RuleSets, config: Config) -> None:
    """Activate what the server is to start with.

    What was active before and cannot be loaded is not replaced by something else: the server starts without rules,
    and its status says why. The shipped packs are not signed: a server that asks for signatures does not fall back on
    them.

    Raises:
        StartError: the rules that were asked for are not usable, or there are none that may be.
    """
    restored = False
    with contextlib.suppress(ServiceError):
        restored = rule_sets.restore()
    failed = rule_sets.last_failure is not None
    if config.rules is not None:
        try:
            content, signature = read_rules(config.rules)
            # Chosen by name on the command line: no guard against a smaller rule set.
            rule_sets.activate(content, source=config.rules.name, force=True, signature=signature)
        except ServiceError as error:
            raise StartError(f"{config.rules}: {error.message}") from None
    elif not restored and not failed and not config.no_rules:
        if rule_sets.keys:
            if config.rules_source:
                return  # it brings what is signed
            raise StartError(
                "the shipped packs are not signed, and with rules_public_keys only signed rule sets are served; sign "
                "them (fairpost rules compile -o rules.fpb; fairpost rules sign rules.fpb --key KEY) and start with "
                "--rules rules.fpb, or wait for an activation with --no-rules"
            )
        try:
            rule_sets.activate(_shipped_rules(), source="shipped packs")
        except ServiceError as error:
            raise StartError(f"shipped packs: {error.message}") from None


def read_rules(path: Path) -> tuple[bytes, Signature | None]:
    """A bundle's bytes, from its file or from the packs of a folder, and the signature beside it.

    Raises:
        StartError: it cannot be read, or does not compile.
    """
    from fairpost.rules import PackErrors, compile_packs

    try:
        if path.is_dir():
            return compile_packs(path), None
        content = path.read_bytes()
    except PackErrors as found:
        raise StartError("\n".join([f"{path}: the packs do not compile", *map(str, found.errors)])) from None
    except OSError as error:
        raise StartError(f"{path}: cannot be read: {error.strerror}") from None
    beside = signature_path(path)
    try:
        return content, Signature.parse(beside.read_text("ascii"), str(beside))
    except FileNotFoundError:
        return content, None
    except OSError as error:
        raise StartError(f"{beside}: cannot be read: {error.strerror}") from None
    except (KeyInvalid, UnicodeDecodeError) as error:
        raise StartError(str(error)) from None


def _shipped_rules() -> bytes:
    from fairpost.rules import PackErrors
    from fairpost.rules.shipped import shipped_bundle

    try:
        return shipped_bundle().read_bytes()
    except PackErrors as found:
        raise StartError("\n".join(["the shipped packs do not compile", *map(str, found.errors)])) from None
    except OSError as error:
        raise StartError(f"shipped packs: {error.filename}: {error.strerror}; see FAIRPOST_CACHE") from None
