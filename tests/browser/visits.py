"""A visitor of the pages: a browser context of their own, which notes everything that goes wrong in it."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

__all__ = ["PHONE", "WIDE", "Visit"]

PHONE = 390, 844
WIDE = 1280, 900
_AXE = Axe()
_addresses = itertools.count()
_PATIENCE_MS = 30_000
_RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


class Visit:
    """`page` is Playwright's. Paths are of the site; other addresses must not be asked for anything."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        size: tuple[int, int] = WIDE,
        language: str = "zh-CN",
        javascript: bool = True,
        dark: bool = False,
    ) -> None:
        self.url = url
        self.faults: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        width, height = size
        number = next(_addresses)
        self.context = browser.new_context(
            viewport={"width": width, "height": height},
            locale=language,
            timezone_id="Asia/Shanghai",
            java_script_enabled=javascript,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            extra_http_headers={"X-Forwarded-For": f"198.18.{number // 250}.{number % 250 + 1}"},
        )
        self.context.set_default_timeout(_PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.context.on("console", self._console)
        self.context.on("weberror", lambda error: self._note(f"uncaught: {error.error}"))
        self.context.on("requestfailed", self._failed)
        self.context.on("response", self._responded)
        self.context.on("request", self._asked)

    def expect_fault(self, pattern: str) -> None:
        """A fault that the test provokes; only one that it said counts for nothing."""
        self._expected.append(re.compile(pattern))

    def go(self, path: str, *, status: int = 200) -> Page:
        """Open a path of the site; it must answer with this status."""
        if status >= 400:
            self.expect_fault(rf"{status}\b.*{re.escape(urlsplit(path).path)}|status of {status}")
        response = self.page.goto(self.url + path)
        assert response is not None
        assert response.status == status, f"{path}: {response.status}, not {status}\n{self.page.inner_text('body')}"
        return self.page

    def violations(self) -> list[str]:
        """What axe-core finds on this page against WCAG 2.2 AA, if serious or critical."""
        found = _AXE.run(self.page, options=_RULES).response["violations"]
        return [
            f"{rule['id']} ({rule['impact']}): {rule['help']}: {[node['target'] for node in rule['nodes'][:5]]}"
            for rule in found
            if rule["impact"] in ("serious", "critical")
        ]

    def close(self) -> list[str]:
        """End the visit; gives what went wrong in it and was not expected."""
        self.context.close()
        return self.unexpected()

    def unexpected(self) -> list[str]:
        """What went wrong so far and was not expected."""
        return [fault for fault in self.faults if not any(pattern.search(fault) for pattern in self._expected)]

    def _note(self, what: str) -> None:
        self.faults.append(f"{self.page.url}: {what}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._note(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _failed(self, request: Request) -> None:
        # A page that is left cancels what it was fetching.
        if request.failure != "net::ERR_ABORTED":
            self._note(f"request failed: {request.method} {request.url}: {request.failure}")

    def _responded(self, response: Response) -> None:
        if response.status >= 400:
            self._note(f"answered {response.status}: {response.request.method} {response.url}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:", "about:")):
            self._note(f"another address was asked: {request.url}")
