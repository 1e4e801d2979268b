"""What the other tests here rely on: that faults of a page are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from browser.site import Site
    from browser.visits import Visit
    from playwright.sync_api import Browser


def test_faults_of_a_page_are_seen(browser: Browser, site: Site) -> None:
    from browser.visits import Visit

    seen = Visit(browser, site.url)
    seen.page.route("**/broken", lambda route: route.fulfill(content_type="text/html", body=BROKEN))
    seen.page.goto(site.url + "/broken")
    seen.page.wait_for_function("document.title === 'done'")
    violations = seen.violations()
    faults = "\n".join(seen.close())
    assert any(line.startswith("image-alt") for line in violations), violations
    for fault in ("uncaught: thrown", "console error: said", "answered 404", "another address was asked"):
        assert fault in faults


BROKEN = """<!doctype html><title>x</title><img src="/no-such-image"><script>
console.error("said"); setTimeout(() => { throw new Error("thrown") });
fetch("http://127.0.0.1:9/").catch(() => setTimeout(() => { document.title = "done" }));
</script>"""


def test_probes_answer_in_a_browser(visit: Callable[..., Visit]) -> None:
    visitor = visit()
    visitor.expect_fault("favicon")  # which JSON names none of
    assert "ready" in visitor.go("/readyz").inner_text("body")
