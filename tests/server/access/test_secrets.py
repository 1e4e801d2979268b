"""Whatever happens, no log line and no error holds a key, a secret or an identity number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest

from fairpost.client import CallFailed, Client

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBER = "110105" + "19491231002X"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_run_with_every_kind_of_fault(
    server: Callable[..., Any], registration: Any, bundle: Any, log_format: str
) -> None:
    running = server(log_format=log_format, log_level="debug", require_authentication=True).start()
    good = running.api_key
    wrong = good[:-4] + "0000"
    checker = running.make_key("checker")
    said: list[str] = []

    def fails(call: Any, *arguments: Any, **fields: Any) -> None:
        with pytest.raises((CallFailed, grpc.RpcError)) as caught:
            call(*arguments, **fields)
        said.append(str(caught.value))

    running.client.activate(bundle({"根治": 0.97}))
    person = registration("seller-1", kind=1, credit_code="", identity_number=NUMBER, name="张三丰")
    running.client.register(person)
    running.client.check("根治糖尿病，电话13800138000", seller_id="seller-1")
    running.client.export_person("seller-1", actor="m", reason="asked")
    address = f"127.0.0.1:{running.port}"
    for text in (wrong, checker, "fp_nothing"):
        with Client(address, api_key=text, retry=None) as client:
            fails(client.register, person)
            fails(client.roll_back)
            fails(client.activate, b"fp_" + b"0" * 100)
    fails(running.client.register, registration("seller-2", kind=1, credit_code="", identity_number=NUMBER[:-1] + "1"))
    fails(running.client.register, person)
    fails(running.client.register, registration("seller-3", kind=1, credit_code="", identity_number=NUMBER * 20))
    malformed = running.client.channel.unary_unary("/fairpost.v1.RegistryService/RegisterSeller")
    fails(malformed, NUMBER.encode() + b"\xff", metadata=[("authorization", f"Bearer {good}")], timeout=5)
    running.stop()
    printed = running.printed()
    assert "draining" in printed or "stopped" in printed or "registry loaded" in printed
    for text in (printed, *said):
        for secret in (good, wrong, checker):
            assert secret not in text
            assert secret[12:] not in text
        for private in (NUMBER, NUMBER[:-1], "张三丰", "seller-1", "糖尿病", "13800138000"):
            assert private not in text or text in said, private
    for text in said:
        assert NUMBER not in text
