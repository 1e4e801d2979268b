"""What pages offer: to each role what it may do, and nothing else; in both languages, with every message."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fairpost.engine.vocabulary import CATEGORIES, LICENCES
from fairpost.server.access.roles import METHODS, ROLES
from fairpost.server.web.catalogue import LANGUAGES, messages
from fairpost.server.web.console.sellers.decisions import KINDS
from fairpost.server.web.console.words import choices
from fairpost.v1 import (
    appeal_pb2,
    bulletin_pb2,
    complaint_pb2,
    post_pb2,
    review_pb2,
    seller_event_pb2,
    seller_pb2,
    standing_pb2,
    verdict_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Callable

WEB = Path(__file__).parents[4] / "server" / "web"
TEMPLATES = sorted((WEB / "templates" / "console").glob("*.html"))
MODULES = sorted((WEB / "console").rglob("*.py"))

PAGES = {
    "/console": "RulesService/GetStatus",
    "/console/live": "RulesService/GetStatus",
    "/console/reviews": "ReviewService/ListReviews",
    "/console/complaints": "ComplaintService/ListComplaints",
    "/console/complaints/new": "ComplaintService/FileComplaint",
    "/console/appeals": "AppealService/ListAppeals",
    "/console/sellers": "RegistryService/ListSellers",
    "/console/sellers/new": "RegistryService/RegisterSeller",
    "/console/rules": "RulesService/GetStatus",
    "/console/rules/shadow": "RulesService/ListShadowResults",
    "/console/bulletin": "BulletinService/List",
    "/console/bulletin/edit": "BulletinService/Publish",
    "/console/bulletin/deliveries": "BulletinService/ListDeliveries",
    "/console/audit": "AuditService/ListAudit",
}
"""Pages that need nothing to be there, and the method without which there is no such page."""
ACTIONS = {
    "/console/rules/upload": "RulesService/KeepBundle",
    "/console/rules/rollback": "RulesService/RollBack",
    "/console/complaints/new": "ComplaintService/FileComplaint",
    "/console/sellers/new": "RegistryService/RegisterSeller",
    "/console/sellers/by-number": "RegistryService/ListSellers",
    "/console/reviews/next": "ReviewService/ClaimReviews",
    "/console/bulletin/edit": "BulletinService/Publish",
    "/console/bulletin/deliveries/retry": "BulletinService/RetryDelivery",
}


def allowed(role: str, method: str) -> bool:
    return role in METHODS[f"fairpost.v1.{method}"].roles


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_its_pages_and_is_offered_no_others(browser: Callable[..., Any], role: str) -> None:
    staff = browser(role)
    home = staff.get("/console").text
    for address, method in PAGES.items():
        page = staff.get(address)
        assert page.status_code == (200 if allowed(role, method) else 403), address
        if page.status_code == 200:
            for action in staff.forms():
                needed = ACTIONS.get(action.partition("?")[0])
                assert needed is None or allowed(role, needed), f"{role} is offered {action} on {address}"
        if f'href="{address}"' in home:
            assert page.status_code == 200, f"{role} is led to {address}"


@pytest.mark.parametrize("role", ROLES)
def test_what_is_not_offered_is_refused_all_the_same(browser: Callable[..., Any], role: str) -> None:
    """By the service: the page's form is sent by somebody who has it from elsewhere."""
    staff = browser(role)
    staff.get("/console")
    token = staff.forms()["/console/logout"]["form_token"]
    for action, method in ACTIONS.items():
        if not allowed(role, method) and "upload" not in action:
            answer = staff.http.post(action, data={"form_token": token, "number": "91350100M000100Y43", "id": "x"})
            assert answer.status_code == 403, f"{role}: {action}"
    if not allowed(role, "RulesService/KeepBundle"):
        files = {"bundle": ("rules.fpb", b"x")}
        answer = staff.http.post("/console/rules/upload", data={"form_token": token}, files=files)
        assert answer.status_code == 403


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_speak_the_reader_s_language(browser: Callable[..., Any], language: str) -> None:
    staff = browser("all", language)
    for address in PAGES:
        page = staff.get(address)
        if address != "/console/live":
            assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in page.text
        if language == "en":
            # What others wrote is marked as Chinese, where it is.
            rest = re.sub(r'<(\w+)[^>]* lang="zh-CN".*?</\1>', "", page.text, flags=re.DOTALL)
            assert not re.findall(r"[\u4e00-\u9fff]+", rest), address


def test_methods_that_templates_ask_for_exist() -> None:
    found = set()
    for path in [*TEMPLATES, *MODULES]:
        found |= set(re.findall(r'may\(f?"(\w+Service/\w+)"\)', path.read_text(encoding="utf-8")))
    assert len(found) > 20
    assert {f"fairpost.v1.{method}" for method in found} <= METHODS.keys()


def test_messages_that_templates_and_modules_ask_for_exist() -> None:
    known = messages("en")
    for path in TEMPLATES:
        text = path.read_text(encoding="utf-8")
        for key in re.findall(r'(?<![\w.])t\("([\w.-]+)"[,)]', text):
            assert key in known, f"{path.name}: {key}"
        for prefix in re.findall(r'(?<![\w.])t\("([\w.-]+\.)" ~', text):
            assert any(key.startswith(prefix) for key in known), f"{path.name}: {prefix}"
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        for key in re.findall(r'went\(\w+, "(\w+)"', text):
            assert f"console.done.{key}" in known, f"{path.name}: {key}"
        for key in re.findall(r'"(login\.[\w.]+)"', text):
            assert f"console.{key}" in known, f"{path.name}: {key}"


def test_every_value_has_its_word() -> None:
    enums = {
        *(standing_pb2.Registration.DESCRIPTOR, standing_pb2.Enforcement.DESCRIPTOR, standing_pb2.Listing.DESCRIPTOR),
        *(seller_pb2.SellerKind.DESCRIPTOR, verdict_pb2.Action.DESCRIPTOR, post_pb2.TextSource.DESCRIPTOR),
        *complaint_pb2.DESCRIPTOR.enum_types_by_name.values(),
        *appeal_pb2.DESCRIPTOR.enum_types_by_name.values(),
        *review_pb2.DESCRIPTOR.enum_types_by_name.values(),
        *bulletin_pb2.DESCRIPTOR.enum_types_by_name.values(),
    }
    wanted = {f"words.{enum.name}.{name}" for enum in enums for name in choices(enum)}
    wanted |= {f"category.{name}" for name in CATEGORIES[1:]} | {f"licence.{name}" for name in LICENCES}
    wanted |= {f"console.role.{role}" for role in ROLES} | {f"console.record.{kind}" for kind in KINDS}
    changes = seller_event_pb2.SellerEvent.DESCRIPTOR.oneofs_by_name["change"].fields
    wanted |= {f"console.event.{field.name}" for field in changes}
    for language in LANGUAGES:
        assert wanted - messages(language).keys() == set()
