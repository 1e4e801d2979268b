"""A document as an e-mail that is ready to be sent: plain text and HTML of the same (multipart/alternative)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from typing import TYPE_CHECKING, Final, Literal

from fairpost.server.bulletin.html import html_of
from fairpost.server.bulletin.texts import body_in, language_of, title_in, withdrawn_in
from fairpost.v1 import bulletin_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["mail"]

_WITHDRAWN: Final = bulletin_pb2.DOCUMENT_STATE_WITHDRAWN


def mail(
    document: bulletin_pb2.Document,
    language: Literal["zh", "en"],
    *,
    sender: str = "bulletin@localhost",
    to: Sequence[str] = (),
) -> EmailMessage:
    """The message; `bytes(message)` is what SMTP takes. A withdrawn document's says that it is.

    Args:
        sender, to: addresses, as in name@example.com.

    Raises:
        ValueError: an address is none.
    """
    author = _address(sender)
    title, body = title_in(document, language), body_in(document, language)
    if document.state == _WITHDRAWN:
        title, body = withdrawn_in(document, language), document.withdrawal_reason
    at = document.withdrawn_at if document.state == _WITHDRAWN else document.published_at
    message = EmailMessage(policy=SMTP)
    message["Subject"] = title
    message["From"] = author
    if to:
        message["To"] = [_address(each) for each in to]
    message["Date"] = datetime.fromtimestamp(at.ToMilliseconds() / 1000, UTC)
    message["Message-ID"] = f"<{document.document_id}.{document.number}.{document.state}.{language}@{author.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{title}\n\n{body}\n", cte="base64")
    lang = language_of(document, language)
    page = (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
        f"<body><h1>{escape(title)}</h1>\n{html_of(body)}</body></html>\n"
    )
    message.add_alternative(page, subtype="html", cte="base64")
    message["Content-Language"] = lang  # setting contents removes what is said of them
    return message


def _address(text: str) -> Address:
    """
    Raises:
        ValueError: it is no address.
    """
    try:
        return Address(addr_spec=text)
    except (HeaderParseError, ValueError, IndexError):  # whichever its parser comes to
        raise ValueError(f"{text!r} is no e-mail address; write name@example.com") from None
