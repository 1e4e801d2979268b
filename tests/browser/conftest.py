"""One site and one browser for the session; a context, which is like a browser of its own, for each test.

Playwright's blocking interface keeps an event loop running in the thread that uses it, in which other tests could not
run theirs. So all of it, bodies of tests included, happens in one further thread.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from browser.site import FLAGS, Site
from browser.visits import Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

HOW_TO_GET = (
    "no Chromium here: tests in a browser are left out. On Debian: apt-get install chromium (make test does, as root)"
)


@pytest.fixture(scope="session")
def browser_thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1, thread_name_prefix="browser") as thread:
        yield thread


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object:
    """Tests that use the browser run in its thread."""
    thread = pyfuncitem.funcargs.get("browser_thread")
    if not isinstance(thread, ThreadPoolExecutor):
        return None
    wanted = pyfuncitem._fixtureinfo.argnames
    thread.submit(pyfuncitem.obj, **{name: pyfuncitem.funcargs[name] for name in wanted}).result()
    return True


@pytest.fixture(scope="session")
def browser(browser_thread: ThreadPoolExecutor) -> Iterator[Browser]:
    """Debian's Chromium. Where there is none the test is left out, with a message; with FAIRPOST_BROWSER=required, as
    .ci/run has it, that is a failure."""
    program = shutil.which("chromium")
    if program is None:
        (pytest.fail if os.environ.get("FAIRPOST_BROWSER") == "required" else pytest.skip)(HOW_TO_GET)
    from playwright.sync_api import sync_playwright

    playwright = browser_thread.submit(sync_playwright().start).result()
    try:
        made = browser_thread.submit(playwright.chromium.launch, executable_path=program, args=FLAGS).result()
        yield made
        browser_thread.submit(made.close).result()
    finally:
        browser_thread.submit(playwright.stop).result()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Filled with samples. Tests share it: what they add has names of their own."""
    made = Site(tmp_path_factory.mktemp("site"))
    try:
        made.start().fill()
        yield made
    finally:
        made.stop()


@pytest.fixture
def new_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes sites of a test's own, with settings by name: for what cannot be undone, as a clock moved on."""
    made: list[Site] = []

    def make(**options: Any) -> Site:
        made.append(Site(tmp_path / f"site{len(made)}", options))
        return made[-1].start()

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def visit(browser: Browser, browser_thread: ThreadPoolExecutor, site: Site) -> Iterator[Callable[..., Visit]]:
    """Makes visitors, each with cookies of their own: `visit()`, `visit(role="moderator")`. At the end each must have
    seen no error in the browser's console and no failed request but those it said it expects."""
    made: list[Visit] = []

    def make(url: str = "", **options: Any) -> Visit:
        made.append(Visit(browser, url or site.url, **options))
        return made[-1]

    yield make
    faults = [fault for each in made for fault in browser_thread.submit(each.close).result()]
    assert not faults, "\n".join(faults)
