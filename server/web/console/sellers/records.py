"""What registrars do: register a seller, change the record, record that a document was accepted, export and erase a
person's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from fairpost.engine.vocabulary import LICENCES
from fairpost.server.errors import PermissionDenied, ServiceError, Violation, invalid_fields
from fairpost.server.web.console.desk import Desk, Given, back_to, for_staff
from fairpost.server.web.console.sellers.file import FILE, show_file
from fairpost.server.web.console.words import choices, code, number_of
from fairpost.v1 import bulletin_pb2, registry_pb2, seller_pb2

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

__all__ = ["routes"]

NEW: Final = "/console/sellers/new"
EDIT: Final = "/console/sellers/edit"
_KINDS: Final = seller_pb2.DESCRIPTOR.enum_types_by_name["SellerKind"]
_LICENCE_ROWS: Final = 4


def routes() -> list[BaseRoute]:
    return [
        Route(NEW, for_staff(show_new), methods=["GET"]),
        Route(NEW, for_staff(register), methods=["POST"]),
        Route(EDIT, for_staff(show_edit), methods=["GET"]),
        Route(EDIT, for_staff(update), methods=["POST"]),
        Route(f"{FILE}/acknowledge", for_staff(acknowledge), methods=["POST"]),
        Route(f"{FILE}/export", for_staff(export), methods=["POST"]),
        Route(f"{FILE}/erase", for_staff(erase), methods=["POST"]),
        *(Route(f"{FILE}/{name}", back_to(FILE), methods=["GET"]) for name in ("acknowledge", "export", "erase")),
    ]


def _form(desk: Desk, method: str, **values: Any) -> Response:
    if not desk.may(f"RegistryService/{method}"):
        raise HTTPException(403)
    return desk.page(
        "seller_form.html", kinds=choices(_KINDS), scopes=LICENCES, licence_rows=range(_LICENCE_ROWS), **values
    )


def _record(given: Given) -> registry_pb2.RegisterSellerRequest:
    contacts = seller_pb2.Contacts(**{name: given.text(name) for name in ("phone", "email", "address")})
    return registry_pb2.RegisterSellerRequest(
        kind=number_of(_KINDS, given.text("kind")),  # type: ignore[arg-type]
        categories=given.lines("categories"),
        contacts=contacts if contacts.ByteSize() else None,
        name=given.text("name"),
        identity_number=given.text("identity_number"),
        credit_code=given.text("credit_code"),
        exempt_reason=given.text("exempt_reason"),
    )


async def show_new(desk: Desk) -> Response:
    return _form(desk, "RegisterSeller", seller=None)


async def register(desk: Desk) -> Response:
    given = await desk.form()
    request = _record(given)
    request.request_id, request.seller_id = given.text("request_id"), given.text("id")
    for row in range(_LICENCE_ROWS):
        fields = {
            name: given.text(f"licence_{name}_{row}") for name in ("scope", "number", "valid_from", "valid_until")
        }
        if any(fields.values()):
            request.licences.add(**fields)
    try:
        await desk.calls.registry.RegisterSeller(request)
    except ServiceError as error:
        return _form(desk, "RegisterSeller", seller=None, error=error, given=given)
    return desk.went(FILE, "registered", id=request.seller_id)


async def _seller(desk: Desk, seller_id: str) -> seller_pb2.Seller:
    seller: seller_pb2.Seller = (
        await desk.calls.registry.GetSeller(registry_pb2.GetSellerRequest(seller_id=seller_id))
    ).seller
    return seller


async def show_edit(desk: Desk) -> Response:
    seller = await _seller(desk, desk.query.text("id"))
    values = {name: getattr(seller.contacts, name) for name in ("phone", "email", "address")}
    values |= {name: getattr(seller, name) for name in ("name", "credit_code", "exempt_reason")}
    values |= {"kind": code(seller, "kind"), "categories": "\n".join(seller.categories)}
    return _form(desk, "UpdateSeller", seller=seller, given=Given(values))


async def update(desk: Desk) -> Response:
    """Replace those fields whose values differ. The identity number is shown to nobody: a new one is given, or none."""
    given = await desk.form()
    seller = await _seller(desk, desk.query.text("id"))
    record = _record(given)
    before = {"kind": seller.kind, "categories": list(seller.categories), "contacts": seller.contacts}
    after = {"kind": record.kind, "categories": list(record.categories), "contacts": record.contacts}
    fields = [name for name in before if before[name] != after[name]]
    fields += [
        name for name in ("name", "credit_code", "exempt_reason") if getattr(seller, name) != getattr(record, name)
    ]
    fields += ["identity_number"] if record.identity_number else []
    request = registry_pb2.UpdateSellerRequest(
        request_id=given.text("request_id"),
        seller_id=seller.seller_id,
        expected_version=given.number("version"),
        fields=fields,
        actor=desk.actor,
        reason=given.text("reason"),
        record=record,
    )
    try:
        await desk.calls.registry.UpdateSeller(request)
    except ServiceError as error:
        return _form(desk, "UpdateSeller", seller=seller, error=error, given=given)
    return desk.went(FILE, "updated", id=seller.seller_id)


async def acknowledge(desk: Desk) -> Response:
    given = await desk.form()
    request = bulletin_pb2.AcknowledgeRequest(
        request_id=given.text("request_id"),
        seller_id=desk.query.text("id"),
        document_id=given.text("document"),
        number=given.number("number"),
        actor=desk.actor,
    )
    try:
        await desk.calls.bulletin.Acknowledge(request)
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await show_file(desk, request.seller_id, error, given)
    return desk.went(FILE, "acknowledged", id=request.seller_id)


async def export(desk: Desk) -> Response:
    """All that is kept about a person, as a file; the export is an event of their log."""
    given = await desk.form()
    request = registry_pb2.ExportPersonRequest(
        request_id=given.text("request_id"),
        seller_id=desk.query.text("id"),
        actor=desk.actor,
        reason=given.text("reason"),
    )
    try:
        answer = await desk.calls.registry.ExportPerson(request)
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await show_file(desk, request.seller_id, error, given)
    name = quote(f"seller-{request.seller_id}.json", safe="")
    return Response(
        answer.content,
        media_type="application/json",
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "Cache-Control": "no-store"},
    )


async def erase(desk: Desk) -> Response:
    given = await desk.form()
    seller_id = desk.query.text("id")
    request = registry_pb2.ErasePersonRequest(
        request_id=given.text("request_id"), seller_id=seller_id, actor=desk.actor, reason=given.text("reason")
    )
    try:
        if given.text("repeated") != seller_id:
            raise invalid_fields([Violation("repeated", "is not the seller's id: nothing was erased")])
        await desk.calls.registry.ErasePerson(request)
    except PermissionDenied:
        raise
    except ServiceError as error:
        return await show_file(desk, seller_id, error, given)
    return desk.went(FILE, "erased", id=seller_id)
