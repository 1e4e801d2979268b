"""The file of receivers (YAML): webhooks, and folders of the account in files.

receivers:
  - name: shop-front
    webhook: https://example.com/hooks/bulletin
    secrets: [whsec_...]            # or secret_files: [/run/secrets/hook]
    kinds: [rule-change, notice]    # none: all
    categories: [MEDICAL]           # none: all
  - name: account
    folder: /srv/account
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fairpost.server.bulletin.account import Account, FileAccount
from fairpost.server.bulletin.network import target_of
from fairpost.server.bulletin.receivers import Interests, Receiver
from fairpost.server.bulletin.webhooks import Webhook, secret_key
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KINDS", "ReceiverFileError", "read_receivers"]

KINDS = {
    name.removeprefix("DOCUMENT_KIND_").lower().replace("_", "-"): number
    for name, number in bulletin_pb2.DocumentKind.items()
    if number
}
"""Words for kinds of documents: "rule-change", ..."""


class ReceiverFileError(Exception):
    """The file cannot be used; the message names each fault with its place, and no secret."""


class _Receiver(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=64)]
    webhook: str = ""
    secrets: tuple[str, ...] = ()
    secret_files: tuple[Path, ...] = ()
    folder: Path | None = None
    kinds: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_of_two(self) -> _Receiver:
        if bool(self.webhook) == (self.folder is not None):
            raise ValueError("has to name one of webhook and folder")
        if self.webhook and not (self.secrets or self.secret_files):
            raise ValueError("a webhook needs secrets or secret_files, by which its receiver knows us")
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            raise ValueError(f"kinds: {unknown[0]!r} is none of {', '.join(KINDS)}")
        return self


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    receivers: tuple[_Receiver, ...]


def read_receivers(path: Path, *, allow_private: bool = False) -> list[Receiver]:
    """The receivers of a file.

    Args:
        allow_private: webhooks may go to addresses that are not of the public internet, and to http.

    Raises:
        ReceiverFileError: it cannot be read, or something in it is wrong.
    """
    try:
        content: Any = yaml.safe_load(path.read_text("utf-8"))
        found = _File.model_validate(content).receivers
    except OSError as error:
        raise ReceiverFileError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError):
        raise ReceiverFileError(f"{path}: is no YAML in UTF-8") from None  # errors of the parser quote the text
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False)]
        raise ReceiverFileError("\n  ".join([f"{path}: is wrong:", *lines])) from None
    names = [each.name for each in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ReceiverFileError(f"{path}: receiver {twice!r} is there twice")
    return [_receiver(path, each, allow_private) for each in found]


def _receiver(path: Path, each: _Receiver, allow_private: bool) -> Receiver:
    interests = Interests(frozenset(KINDS[kind] for kind in each.kinds), frozenset(each.categories))
    if each.folder is not None:
        return Account(each.name, FileAccount(path.parent / each.folder), interests)
    try:
        target_of(each.webhook, allow_private=allow_private)
        keys = [secret_key(secret) for secret in _secrets(path, each)]
    except ValueError as error:
        raise ReceiverFileError(f"{path}: receiver {each.name!r}: {error}") from None
    return Webhook(each.name, each.webhook, keys, interests, allow_private=allow_private)


def _secrets(path: Path, each: _Receiver) -> Iterator[str]:
    yield from each.secrets
    for name in each.secret_files:
        try:
            yield (path.parent / name).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ReceiverFileError(f"{path}: receiver {each.name!r}: {name} cannot be read") from None
