"""The console: pages for staff under /console. Every read and every action is a call of the services in the name of who
has logged in, so that permissions and the audit log are those of gRPC; what a page offers follows from the same table
of roles (server/access/roles.py).

console.py   what all pages share: sessions, the provider, the history of counts
sessions.py  who has logged in
login.py     login and logout; oidc.py: by OpenID Connect
desk.py      one request of somebody who has logged in
words.py     values of messages in the reader's words
overview/    what happens now
reviews/     posts that wait for a person
cases/       complaints and appeals
sellers/     sellers and their files
rules/       rule sets
bulletin/    the official account's editor
audit.py     the audit log
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairpost.server.web.console import audit, login
from fairpost.server.web.console.bulletin import deliveries, documents, editor
from fairpost.server.web.console.cases import appeals, complaints
from fairpost.server.web.console.console import Console
from fairpost.server.web.console.overview import page as overview
from fairpost.server.web.console.reviews import one, queue
from fairpost.server.web.console.rules import comparison, shadow, status
from fairpost.server.web.console.sellers import decisions, file, records, search

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

__all__ = ["Console", "routes"]

_PARTS = (
    *(login, overview, queue, one, complaints, appeals, search, file, decisions, records),
    *(status, comparison, shadow, documents, editor, deliveries, audit),
)


def routes() -> list[BaseRoute]:
    return [route for part in _PARTS for route in part.routes()]
