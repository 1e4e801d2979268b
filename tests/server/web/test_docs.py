"""What docs/pages.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.routing import Route

from fairpost.server.web import forms, public
from fairpost.server.web.public import check
from fairpost.server.web.site import LIMITS

TEXT = (Path(__file__).parents[3] / "docs" / "pages.md").read_text(encoding="utf-8")
ROWS = {"page": "pages and feeds", "check": "checks", "seller": "look-ups of sellers", "complaint": "complaints"}


def test_every_page_is_told_of() -> None:
    addresses = TEXT.partition("| address |")[2].partition("\n\n")[0]
    for route in public.routes():
        assert isinstance(route, Route)
        path = re.sub(r"\{document_id\}", "ID", route.path)
        path = re.sub(r"\{number:int\}", "N", re.sub(r"\{rule\}", "RULE", path))
        if path in ("/bulletin", "/bulletin/ID"):  # lead to documents
            continue
        found = path in addresses or path.removeprefix("/documents/ID") in addresses
        assert found, path


def test_limits_and_sizes() -> None:
    for name, row in ROWS.items():
        limit = LIMITS[name]
        rate = "one a minute" if limit.rate == 1 / 60 else f"{limit.rate:g}"
        assert f"| {row} | {rate} | {limit.burst:g} |" in TEXT
    assert f"{forms.LARGEST // 1024} KiB, {check._BYTES // 1024} KiB for a post" in TEXT
    assert f"A post may have {check._MOST:,} characters" in TEXT
