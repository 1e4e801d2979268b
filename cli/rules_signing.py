"""`fairpost rules keygen`, `sign`, `verify`: Ed25519 signatures of bundles."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairpost.cli import render
from fairpost.cli.errors import CommandError, require
from fairpost.cli.rule_sets import open_bundle

if TYPE_CHECKING:
    from fairpost.server.signatures import Signature, SigningKey

__all__ = [
    "KEYGEN_EPILOG",
    "SIGN_EPILOG",
    "VERIFY_EPILOG",
    "keygen",
    "sign",
    "signature_beside",
    "signing_key",
    "verify",
]

KEYGEN_EPILOG = "Example: fairpost rules keygen rules-key.pem, then fairpost serve --rules-public-key rules-key.pub.pem"
SIGN_EPILOG = "Example: fairpost rules sign rules.fpb --key rules-key.pem"
VERIFY_EPILOG = "Example: fairpost rules verify rules.fpb --key rules-key.pub.pem. Exit status: 0 it is signed, 1 not."

Bundle = Annotated[Path, typer.Argument(metavar="BUNDLE", help="Compiled rule set.")]


def keygen(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes, in PEM.")] = Path(
        "rules-key.pem"
    ),
) -> None:
    """Make a key to sign rule sets with. The public half, for servers, lies beside it as FILE.pub.pem."""
    require("cryptography", "server", "rules keygen")
    from fairpost.server.signatures import SigningKey

    key = SigningKey.generate()
    public = path.with_name(f"{path.name.removesuffix('.pem')}.pub.pem")
    for each in (path, public):
        if each.exists():
            raise CommandError(f"{each}: exists already; a key that is lost cannot be made again, so it is left alone")
    _write_new(path, key.private_pem(), 0o600)
    _write_new(public, key.public_pem(), 0o644)
    console = render.make_console()
    console.print(f"{path}: private key {key.key_id}; keep it where rule sets are released, and nowhere else")
    console.print(f"{public}: public key, for `fairpost serve --rules-public-key {public}`")


def sign(
    bundle: Bundle,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Private key, as `rules keygen` writes it.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: BUNDLE.sig, where servers look.")
    ] = None,
) -> None:
    """Sign a bundle: its exact bytes, so that nobody can change it unnoticed on its way to a server."""
    signer = signing_key(key, "rules sign")
    opened = open_bundle(bundle)
    from fairpost.server.signatures import signature_path

    signature = signer.sign(bundle.read_bytes())
    path = output or signature_path(bundle)
    try:
        path.write_text(signature.line(), encoding="ascii")
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from None
    render.make_console().print(f"{path}: revision {opened.revision} signed with key {signature.key_id}")


def verify(
    bundle: Bundle,
    key: Annotated[
        list[Path], typer.Option("--key", metavar="FILE", help="Public key; several may be given, any of them counts.")
    ],
    signature: Annotated[Path | None, typer.Option("--signature", metavar="FILE", help="Default: BUNDLE.sig.")] = None,
) -> None:
    """Say whether a bundle is sound and signed with one of the keys."""
    require("cryptography", "server", "rules verify")
    from fairpost.server.errors import ServiceError
    from fairpost.server.signatures import KeyInvalid, PublicKeys

    try:
        keys = PublicKeys.read(key)
    except KeyInvalid as error:
        raise CommandError(f"--key {error}") from None
    opened = open_bundle(bundle)
    found = signature_beside(bundle, signature)
    if found is None:
        raise CommandError(f"{bundle}: not signed: there is no {bundle.name}.sig beside it", status=1)
    try:
        signed_by = keys.verify(bundle.read_bytes(), found)
    except ServiceError as error:
        raise CommandError(f"{bundle}: {error.message.removeprefix('bundle: ')}", status=1) from None
    render.make_console().print(f"{bundle}: revision {opened.revision}, signed with key {signed_by}")


def signing_key(path: Path, purpose: str) -> SigningKey:
    """
    Raises:
        CommandError: it cannot be read, or is no private key.
    """
    require("cryptography", "server", purpose)
    from fairpost.server.signatures import KeyInvalid, SigningKey

    try:
        return SigningKey.read(path)
    except OSError as error:
        raise CommandError(f"--key {path}: cannot be read: {error.strerror}") from None
    except KeyInvalid as error:
        raise CommandError(f"--key {error}") from None


def signature_beside(bundle: Path, given: Path | None = None) -> Signature | None:
    """A bundle's signature: in the given file, or beside it if there is one.

    Raises:
        CommandError: the file cannot be read, or is no signature.
    """
    from fairpost.server.signatures import KeyInvalid, Signature, signature_path

    path = given or signature_path(bundle)
    try:
        return Signature.parse(path.read_text("ascii"), str(path))
    except FileNotFoundError:
        if given is None:
            return None
        raise CommandError(f"--signature {path}: no such file") from None
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from None
    except (KeyInvalid, UnicodeDecodeError) as error:
        raise CommandError(str(error)) from None


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from None
