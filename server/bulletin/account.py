"""The account of the platform on which sellers read: an interface, and a form of it in files.

A platform's own API is adapted by a class with the two methods of `AccountPlatform`; both may be called again with the
same article, and must then change nothing more.

In files: FOLDER/DOCUMENT_ID/NUMBER/{zh,en}.{md,html}, and FOLDER/DOCUMENT_ID/article.json, which says what is public.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from google.protobuf.json_format import MessageToDict

from fairpost.server.bulletin.html import html_of
from fairpost.server.bulletin.receivers import DeliveryFailed, Interests, Told
from fairpost.server.bulletin.texts import body_in, title_in
from fairpost.server.files import write_durably
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Account", "AccountPlatform", "Article", "FileAccount"]

_WITHDRAWN: Final = bulletin_pb2.DOCUMENT_STATE_WITHDRAWN
_LANGUAGES: Final = ("zh", "en")


@dataclass(frozen=True)
class Article:
    """A version of a document as platforms take it. sequence: of the step; an article with a greater one is newer.
    titles, markdown, html: by language."""

    document: bulletin_pb2.Document
    sequence: int
    titles: dict[str, str]
    markdown: dict[str, str]
    html: dict[str, str]

    @classmethod
    def of(cls, entry: bulletin_pb2.BulletinEntry) -> Article:
        document = entry.document
        markdown = {language: body_in(document, language) for language in _LANGUAGES}
        return cls(
            document,
            entry.sequence,
            {language: title_in(document, language) for language in _LANGUAGES},
            markdown,
            {language: html_of(text) for language, text in markdown.items()},
        )


class AccountPlatform(Protocol):
    """A platform with an official account."""

    def publish(self, article: Article) -> None:
        """Make the article public in the place of the document's earlier ones.

        Raises:
            DeliveryFailed: it is not public.
        """

    def take_down(self, article: Article) -> None:
        """Take the document's articles back; withdrawal_reason says why.

        Raises:
            DeliveryFailed: they are still there.
        """


class Account:
    """A receiver that is told through a platform."""

    def __init__(self, name: str, platform: AccountPlatform, interests: Interests) -> None:
        self.name = name
        self._platform = platform
        self._interests = interests

    def wants(self, document: bulletin_pb2.Document) -> bool:
        return self._interests.wants(document)

    def deliver(self, told: Told) -> None:
        """
        Raises:
            DeliveryFailed: the platform did not take it.
        """
        article = Article.of(told.entry)
        if article.document.state == _WITHDRAWN:
            self._platform.take_down(article)
        else:
            self._platform.publish(article)


class FileAccount:
    """A platform of files. Safe to be killed at any moment: article.json is replaced last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def publish(self, article: Article) -> None:
        try:
            if self._is_old(article):
                return
            folder = self._of(article) / str(article.document.number)
            folder.mkdir(parents=True, exist_ok=True)
            for language in _LANGUAGES:
                write_durably(folder / f"{language}.md", article.markdown[language].encode("utf-8", "replace"))
                write_durably(folder / f"{language}.html", article.html[language].encode("utf-8", "replace"))
            self._say(article)
        except OSError as error:
            raise DeliveryFailed(f"{self._folder}: {error.strerror}") from None

    def take_down(self, article: Article) -> None:
        try:
            if not self._is_old(article):
                self._of(article).mkdir(parents=True, exist_ok=True)
                self._say(article)
        except OSError as error:
            raise DeliveryFailed(f"{self._folder}: {error.strerror}") from None

    def _of(self, article: Article) -> Path:
        return self._folder / article.document.document_id

    def _is_old(self, article: Article) -> bool:
        """Whether a later step was told already: deliveries that are tried again may come out of order."""
        try:
            known: Any = json.loads((self._of(article) / "article.json").read_text("utf-8"))
            return int(known["sequence"]) > article.sequence
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False

    def _say(self, article: Article) -> None:
        document = bulletin_pb2.Document()
        document.CopyFrom(article.document)
        document.content.ClearField("body")
        content = {"sequence": article.sequence, "document": MessageToDict(document, preserving_proto_field_name=True)}
        text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        write_durably(self._of(article) / "article.json", text.encode("utf-8", "replace"))
