"""One look at a source of rule sets: a bundle and its signature, if there is anything new.

https://host/rules.fpb   with If-None-Match or If-Modified-Since; signature at https://host/rules.fpb.sig
s3://bucket/rules.fpb    and whatever else fsspec reads (its packages bring the protocols), by ETag or time and size
/path/rules.fpb          a file, the same way
/path/folder             the newest *.fpb in it; a folder of packs is compiled
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit, urlunsplit

from fairpost.server.signatures import LARGEST_FILE, KeyInvalid, Signature

if TYPE_CHECKING:
    import httpx

__all__ = ["Found", "Source", "SourceFault", "open_source", "shown"]

_SECONDS: Final = 30.0
# What object stores and file systems call the version of an object and its time; the first that is there counts.
_VERSIONS: Final = ("ETag", "etag", "md5Hash", "version_id", "generation", "mtime", "LastModified", "last_modified")
_TIMES: Final = ("mtime", "LastModified", "last_modified", "updated", "created")


class SourceFault(Exception):
    """The source cannot be read, or holds no rule set; the message says what was wrong and where."""


class Found(NamedTuple):
    """A bundle. stamp: what tells this version from others, for the next look."""

    content: bytes
    signature: Signature | None
    stamp: str


class Source(Protocol):
    """A place with one rule set, which changes from time to time."""

    def look(self, stamp: str, limit: int) -> Found | None:
        """What is there; None if it is what `stamp` (of an earlier look; "" for none) stands for.

        Args:
            limit: most bytes of a bundle.

        Raises:
            SourceFault: it cannot be read, is too large, or holds no rule set.
        """


def open_source(name: str) -> Source:
    """
    Raises:
        SourceFault: no such protocol, or its package is not installed.
    """
    return Web(name) if urlsplit(name).scheme in ("http", "https") else Files(name)


def shown(name: str) -> str:
    """A source's name without what may be secret: user, password, query."""
    parts = urlsplit(name)
    if not parts.scheme or not parts.netloc:
        return name
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class Web:
    """A URL, http or https."""

    def __init__(self, url: str) -> None:
        import httpx

        self._url = url
        parts = urlsplit(url)
        self._beside = urlunsplit(parts._replace(path=parts.path + ".sig"))
        self._client = httpx.Client(follow_redirects=True, timeout=_SECONDS)

    def look(self, stamp: str, limit: int) -> Found | None:
        known = json.loads(stamp) if stamp else {}
        headers = {}
        if known.get("etag"):
            headers["If-None-Match"] = known["etag"]
        elif known.get("modified"):
            headers["If-Modified-Since"] = known["modified"]
        status, response, content = self._get(self._url, limit, headers)
        if status == 304 and headers:
            return None
        if status != 200:
            raise SourceFault(f"{shown(self._url)}: HTTP status {status}")
        signature = None
        status, _, text = self._get(self._beside, LARGEST_FILE, {})
        if status == 200:
            signature = _signature(text, shown(self._beside))
        elif status not in (403, 404, 410):  # object stores say 403 of what is not there
            raise SourceFault(f"{shown(self._beside)}: HTTP status {status}")
        version = {"etag": response.headers.get("ETag"), "modified": response.headers.get("Last-Modified")}
        if not any(version.values()):
            version = {"sha256": hashlib.sha256(content).hexdigest()}
            if version == known:
                return None
        return Found(content, signature, json.dumps(version))

    def _get(self, url: str, limit: int, headers: dict[str, str]) -> tuple[int, httpx.Response, bytes]:
        import httpx

        try:
            with self._client.stream("GET", url, headers=headers) as response:
                content = bytearray()
                for part in response.iter_bytes():
                    content += part
                    _check_size(len(content), limit, url)
                return response.status_code, response, bytes(content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceFault(f"{shown(url)}: {type(error).__name__}: {error}") from None


class Files:
    """A file or folder of any file system that fsspec knows."""

    def __init__(self, name: str) -> None:
        import fsspec

        self._name = name
        try:
            self._system, self._path = fsspec.url_to_fs(name)
        except (ValueError, ImportError) as error:
            raise SourceFault(f"{shown(name)}: {error}") from None

    def look(self, stamp: str, limit: int) -> Found | None:
        try:
            return self._look(stamp, limit)
        except SourceFault:
            raise
        except FileNotFoundError:
            raise SourceFault(f"{shown(self._name)}: no such file or folder") from None
        except Exception as error:  # each file system of fsspec has its own
            text = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            raise SourceFault(f"{shown(self._name)}: {text}") from None

    def _look(self, stamp: str, limit: int) -> Found | None:
        system = self._system
        system.invalidate_cache()
        info = system.info(self._path)
        if info["type"] == "directory":
            bundles = [entry for entry in system.ls(self._path, detail=True) if str(entry["name"]).endswith(".fpb")]
            if not bundles:
                return self._packs(stamp)
            info = max(bundles, key=lambda entry: (_time(entry), str(entry["name"])))
        path = str(info["name"])
        found = json.dumps([path, info.get("size"), _version(info)])
        if found == stamp:
            return None
        _check_size(info.get("size") or 0, limit, path)
        with system.open(path, "rb") as file:
            content = file.read(limit + 1)
        _check_size(len(content), limit, path)
        return Found(content, self._beside(f"{path}.sig"), found)

    def _beside(self, path: str) -> Signature | None:
        try:
            with self._system.open(path, "rb") as file:
                return _signature(file.read(LARGEST_FILE), path)
        except FileNotFoundError:
            return None

    def _packs(self, stamp: str) -> Found | None:
        from fairpost.rules import PackErrors, compile_packs

        folder = Path(self._path)
        local = "file" in self._system.protocol  # a name, or several of the same
        files = sorted(path for path in folder.rglob("*") if path.is_file()) if local else []
        if not any(path.suffix in (".yaml", ".yml") for path in files):
            raise SourceFault(f"{shown(self._name)}: neither a bundle (*.fpb) nor packs (*.yaml) are in this folder")
        states = [(path.relative_to(folder).as_posix(), path.stat()) for path in files]
        listed = [[name, state.st_size, state.st_mtime_ns] for name, state in states]
        found = hashlib.sha256(json.dumps(listed).encode()).hexdigest()
        if found == stamp:
            return None
        try:
            return Found(compile_packs(folder), None, found)
        except PackErrors as error:
            first = str(error.errors[0])
            more = f" (and {len(error.errors) - 1} more errors)" if len(error.errors) > 1 else ""
            raise SourceFault(f"{folder}: the packs do not compile: {first}{more}") from None


def _version(info: dict[str, Any]) -> str:
    found = next((info[name] for name in _VERSIONS if info.get(name) is not None), None)
    return str(found) if found is not None else str(sorted(info.items()))


def _time(info: dict[str, Any]) -> float:
    found = next((info[name] for name in _TIMES if info.get(name) is not None), 0.0)
    if isinstance(found, str):
        found = datetime.fromisoformat(found)
    return found.timestamp() if isinstance(found, datetime) else float(found)


def _signature(content: bytes, name: str) -> Signature:
    try:
        return Signature.parse(content.decode("ascii"), name)
    except (KeyInvalid, UnicodeDecodeError) as error:
        raise SourceFault(str(error)) from None


def _check_size(size: int, limit: int, name: str) -> None:
    if size > limit:
        raise SourceFault(f"{shown(name)}: larger than max_bundle_bytes ({limit})")
