"""The table of methods is what the .proto files say."""

from __future__ import annotations

from typing import Any
from unittest import mock

from protocol import services

from fairpost.server.calls.call import Kind
from fairpost.server.calls.methods import methods


def test_every_method_of_every_service_is_there_once_in_its_form() -> None:
    declared = {}
    for service in services():
        for method in service.methods:
            forms = {(False, False): Kind.UNARY, (True, True): Kind.STREAM, (False, True): Kind.PARTS}
            kind = forms[method.client_streaming, method.server_streaming]
            declared[f"{service.full_name}/{method.name}"] = kind
    anything: Any = mock.MagicMock()
    table = methods(*[anything] * 6, max_request_bytes=1, max_bundle_bytes=2)
    assert len(table) == len(declared)
    assert {method.path: method.kind for method in table} == declared
    for method in table:
        assert (method.parts is None) == (method.kind is not Kind.PARTS)
        assert (method.answer is None) == (method.kind is Kind.PARTS)
