"""What was active here, on disk, so that a restart serves the very same.

    rules/3f9c...e1.fpb      the exact bytes of an activated bundle, by its revision
    rules/3f9c...e1.fpb.sig  its signature, if it has one
    rules/activations.json   which were active when, latest last; replaced by rename

A bundle file is never written in place: the engine maps it into memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairpost.engine import InvalidBundle, RuleSet
from fairpost.server.errors import InvalidArgument, ServiceError, Unavailable
from fairpost.server.files import rename_durably, write_durably
from fairpost.server.signatures import KeyInvalid, Signature, signature_path
from fairpost.v1 import reason_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ARRIVING: Final = "arriving-"
_GIVEN_UP_SECONDS: Final = 3600.0
"""After that whoever wrote it has died."""

__all__ = ["Activation", "Kept", "history_of", "history_text", "invalid_bundle", "trimmed"]


@dataclass(frozen=True, slots=True)
class Activation:
    """A rule set that was active here. `activated_at` in milliseconds since 1970; signed_by: key id, or ""."""

    revision: str
    digest: str
    name: str
    size_bytes: int
    rule_count: int
    pattern_count: int
    activated_at: int
    source: str
    signed_by: str = ""

    @classmethod
    def of(cls, rule_set: RuleSet, source: str, signed_by: str) -> Activation:
        """As of now."""
        return cls(
            revision=rule_set.revision,
            digest=rule_set.digest,
            name=str(rule_set.meta.get("name", "")),
            size_bytes=rule_set.size,
            rule_count=len(rule_set.meta["rules"]),
            pattern_count=rule_set.pattern_count,
            activated_at=time.time_ns() // 1_000_000,
            source=source,
            signed_by=signed_by,
        )


def history_text(history: Sequence[Activation]) -> str:
    """What activations.json holds."""
    entries = [asdict(activation) for activation in history]
    return json.dumps({"version": 1, "activations": entries}, ensure_ascii=False, indent=1)


def history_of(text: str) -> list[Activation]:
    """
    Raises:
        ValueError, TypeError, KeyError: it is not what `history_text` wrote.
    """
    return [Activation(**entry) for entry in json.loads(text)["activations"]]


def trimmed(history: Sequence[Activation], revisions: int) -> list[Activation]:
    """Activations of the latest so many revisions, and not many of each."""
    latest = list(dict.fromkeys(activation.revision for activation in reversed(history)))[:revisions]
    return [activation for activation in history if activation.revision in latest][-10 * revisions :]


class Kept:
    """The folder. Writing is for one at a time, in all processes; `RuleSets` sees to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, revision: str) -> Path:
        return self.folder / f"{revision}.fpb"

    def open(self, revision: str, *, checked: str = "") -> RuleSet:
        """The rule set, its file mapped into memory and verified. checked: see `RuleSet.open`.

        Raises:
            InvalidArgument: there is none, or it is damaged.
            Unavailable: it cannot be read at present.
        """
        try:
            return RuleSet.open(self.path(revision), checked=checked)
        except InvalidBundle as error:
            raise invalid_bundle(str(error)) from None
        except OSError as error:
            raise _unreadable(f"{revision}.fpb", error) from None

    def read(self, revision: str) -> tuple[bytes, Signature | None]:
        """A bundle's bytes and its signature.

        Raises:
            InvalidArgument: there is none, or it is damaged.
            Unavailable: it cannot be read at present.
        """
        path = self.path(revision)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _unreadable(path.name, error) from None
        beside = signature_path(path)
        try:
            return content, Signature.parse(beside.read_text("ascii"), beside.name)
        except FileNotFoundError:
            return content, None
        except OSError as error:
            raise _unreadable(beside.name, error) from None
        except (KeyInvalid, UnicodeDecodeError) as error:
            raise invalid_bundle(str(error)) from None

    @contextlib.contextmanager
    def arriving(self, bundle: bytes) -> Iterator[Path]:
        """The bytes as a file of the folder, for `put`; removed at the end if they were not put.

        Raises:
            OSError: it cannot be written.
        """
        self.make()
        descriptor, name = tempfile.mkstemp(prefix=_ARRIVING, dir=self.folder)
        path = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(bundle)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def put(self, revision: str, arrived: Path, signature: Signature | None) -> None:
        """Keep what has arrived, on disk when this returns.

        Raises:
            OSError: it cannot be written.
        """
        path = self.path(revision)
        beside = signature_path(path)
        if signature is None:
            beside.unlink(missing_ok=True)
        else:
            write_durably(beside, signature.line().encode())
        rename_durably(arrived, path)

    def history(self) -> list[Activation]:
        """
        Raises:
            InvalidArgument: there is none, or it is damaged.
            Unavailable: it cannot be read at present.
        """
        path = self.folder / "activations.json"
        try:
            return history_of(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError) as error:
            # Serving anything else than what was active before would be a silent change of the rules.
            raise invalid_bundle(f"{path.name}: cannot be read ({type(error).__name__}: {error})") from None

    def note(self, history: Sequence[Activation]) -> None:
        """Write down which there are, on disk when this returns.

        Raises:
            OSError: it cannot be written.
        """
        write_durably(self.folder / "activations.json", history_text(history).encode())

    def sweep(self, history: Sequence[Activation]) -> None:
        """Remove files of revisions that are not in `history`. A mapping of a removed file stays valid."""
        wanted = {self.path(activation.revision).name for activation in history}
        for path in self.folder.glob("*.fpb*"):
            if path.name.removesuffix(".sig") not in wanted:
                path.unlink(missing_ok=True)
        for path in self.folder.glob(_ARRIVING + "*"):
            with contextlib.suppress(FileNotFoundError):  # another worker's, put or given up meanwhile
                if path.stat().st_mtime < time.time() - _GIVEN_UP_SECONDS:
                    path.unlink()


def invalid_bundle(message: str) -> InvalidArgument:
    return InvalidArgument(reason_pb2.REASON_INVALID_BUNDLE, f"bundle: {message}")


def _unreadable(name: str, error: OSError) -> ServiceError:
    if isinstance(error, FileNotFoundError):
        return invalid_bundle(f"{name}: {error.strerror}")
    # Too many open files, say: another time it may be read, and what it holds is not in doubt.
    return Unavailable(
        reason_pb2.REASON_STORE_UNAVAILABLE, f"{name} in the data directory cannot be read: {error.strerror}"
    )
