"""The public pages: what everybody may read, check and file.

home.py        the official account's first page
documents.py   the bulletin: lists, documents, their versions, and what differs between two (differences.py)
feeds.py       the same as Atom and JSON Feed
rules.py       the rules in force, explained
check.py       a post is checked before it is published (advice.py: which words to change; marking.py: its text
                   with those marked)
sellers.py     what the law lets be public of a seller's standing
complaints.py  a complaint is filed
glossary.py    names of laws and categories, as the active rule set has them
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairpost.server.web.public import check, complaints, documents, feeds, home, rules, sellers

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

__all__ = ["routes"]


def routes() -> list[BaseRoute]:
    # Feeds first: their addresses look like those of documents.
    parts = (home, feeds, documents, rules, check, sellers, complaints)
    return [route for part in parts for route in part.routes()]
