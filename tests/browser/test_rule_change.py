"""A rule change from its draft to the public pages: uploaded, announced, waited for, activated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from browser.pages import log_in
from browser.site import bundle

from fairpost.server.web.catalogue import messages
from fairpost.v1 import verdict_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from browser.site import Site
    from browser.visits import Visit
    from playwright.sync_api import Page

DAY = 86_400
TRICK = "量子能量杯，让水变成小分子团，199元一个"
SAID = messages("zh")


def test_a_stricter_rule_is_announced_for_seven_days_and_then_enforced(
    new_site: Callable[..., Site], visit: Callable[..., Visit], tmp_path: Path
) -> None:
    site = new_site(require_notice=True)
    stricter = tmp_path / "stricter.fpb"
    stricter.write_bytes(bundle(Path(__file__).with_name("rules") / "stricter.yaml"))
    publisher, reader = visit(site.url), visit(site.url)

    # Drafted: the new rule set is kept beside the active one, and compared with it.
    page = log_in(publisher, site.keys["publisher"])
    page.goto(f"{site.url}/console/rules")
    page.set_input_files("#bundle", stricter)
    page.locator("form[action='/console/rules/upload'] button").click()
    page.wait_for_url("**/console/rules/compare?**")
    compare = page.url
    assert "stricter.quantum" in page.inner_text("main")
    assert SAID["console.compare.tightens"] in page.inner_text("main")

    # It cannot be activated: there is no notice.
    publisher.expect_fault("409")
    activate(page)
    assert "规则集可能比现行的更严（stricter.quantum）。这项变更还没有公示" in page.inner_text("#error")
    assert site.client.check(TRICK, dry_run=True).verdict.action == verdict_pb2.ACTION_ALLOW

    # Announced: the notice is made from the difference, with an introduction that somebody writes.
    page.goto(compare)
    page.locator("a[href^='/console/bulletin/edit']").click()
    assert page.locator("#kind").input_value() == "rule_change"
    page.fill("#document", "quantum-rule")
    page.fill("#body_zh", "近来出现“量子能量”一类骗术，特增加规则。")
    page.locator("button[value=preview]").click()
    page.get_by_text("近来出现").last.wait_for()
    assert "量子、小分子团等功效没有科学依据" in page.inner_text("#preview")
    page.locator("button[value=publish]").click()
    page.wait_for_url("**/console/bulletin/document?**")

    # Public: everybody can read it, with the law and examples.
    shown = reader.go("/documents/quantum-rule").inner_text("main")
    for words in ("近来出现“量子能量”一类骗术", "stricter.quantum", "第二十八条", "量子能量杯"):
        assert words in shown
    assert "stricter.quantum" not in reader.go("/rules?q=量子").inner_text("main")

    # Waited for: the day before is too early.
    site.clock.move_to(6 * DAY)
    page.goto(compare)
    assert "quantum-rule" in page.inner_text("main")
    activate(page)
    assert "它的公示 quantum-rule 还不满 7 日" in page.inner_text("#error")

    # Enforced.
    site.clock.move_to(7 * DAY + 60)
    page.goto(compare)
    activate(page)
    page.wait_for_url("**/console/rules?**")
    assert SAID["console.done.activated"] in page.inner_text("main")
    assert site.client.check(TRICK, dry_run=True).verdict.action == verdict_pb2.ACTION_SHIELD
    assert "量子、小分子团等功效没有科学依据" in reader.go("/rules?q=量子").inner_text("main")

    # And undone: going back makes rules milder, which waits for nothing.
    page.goto(f"{site.url}/console/rules")
    page.locator("details", has=page.locator("form[action='/console/rules/rollback']")).first.locator("summary").click()
    page.locator("form[action='/console/rules/rollback'] button").first.click()
    page.wait_for_url("**/console/rules?**")
    assert site.client.check(TRICK, dry_run=True).verdict.action == verdict_pb2.ACTION_ALLOW


def activate(page: Page) -> None:
    """Ask for the activation, on the page that compares."""
    form = page.locator("form[action*='/compare/activate']")
    if not form.is_visible():
        page.locator("details", has=form).locator("summary").click()
    form.locator("button").click()
    page.wait_for_load_state()
