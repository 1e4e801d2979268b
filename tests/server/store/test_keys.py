"""Where the keys come from, what they refuse, and how they are exchanged."""

from __future__ import annotations

import base64
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from fairpost.server.errors import Unavailable
from fairpost.server.registry import KeyFileError, Keys, Registry, rotation
from fairpost.server.registry.ciphers import CIPHERS
from fairpost.server.registry.keys import ENVIRONMENT, UnknownKey
from fairpost.server.store import Store, schema
from fairpost.v1 import registry_pb2, seller_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_file_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    begin, found = threading.Barrier(4), []

    def read() -> None:
        begin.wait()
        found.append(Keys.open(path))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(keys == found[0] for keys in found)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["keys"]
    assert found[0].text == path.read_text()
    assert "Keys(active=" in repr(found[0])
    assert base64.b64encode(found[0].hash_key).decode() not in repr(found[0])


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys.make()
    monkeypatch.setenv(ENVIRONMENT, keys.text)
    assert Keys.open(tmp_path / "keys") == keys
    assert not (tmp_path / "keys").exists()
    monkeypatch.setenv(ENVIRONMENT, "{secret")
    with pytest.raises(KeyFileError, match=f"^{ENVIRONMENT}: no registry keys; expected JSON") as caught:
        Keys.open(tmp_path / "keys")
    assert "{secret" not in str(caught.value)


def test_the_first_stores_key_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(bytes(range(32)))
    path.chmod(0o600)
    keys = Keys.open(path)
    assert keys.hash_key == bytes(range(32))
    assert Keys.open(path) == keys
    assert json.loads(path.read_text())["active"] == keys.active


def test_keys_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    good = json.loads(Keys.make().text)
    short = good | {"hash": base64.b64encode(b"short").decode()}
    other = good | {"active": "00000000"}
    named = good | {"encryption": {"xyz": good["hash"]}, "active": "xyz"}
    wrong = good | {"encryption": {"00000000": "AAAA"}, "active": "00000000"}
    for content in (
        b"",
        b"[]",
        b"{}",
        b"\xff" * 40,
        b'{"hash": 1}',
        *(json.dumps(each).encode() for each in (short, other, named, wrong)),
    ):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(KeyFileError, match=r"keys: no registry keys; expected JSON .* Restore it from a backup$"):
            Keys.open(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match=r"keys: others may read these keys; run: chmod 600 "):
        Keys.open(path)


def test_ciphers_are_bound_to_their_place() -> None:
    keys = Keys.make()
    cipher = keys.encrypt(b"110", "number:s1")
    assert keys.decrypt(cipher, "number:s1") == b"110"
    assert cipher != keys.encrypt(b"110", "number:s1")
    for place, changed in (
        ("number:s2", cipher),
        ("number:s1", cipher[:-1] + bytes([cipher[-1] ^ 1])),
        ("number:s1", cipher[:-20]),
    ):
        with pytest.raises(UnknownKey, match=r"personal data do not fit key [0-9a-f]{8} and their place \(number\)"):
            keys.decrypt(changed, place)
    with pytest.raises(UnknownKey, match=f"key {keys.active}, which is not among the registry's keys"):
        Keys.make().decrypt(cipher, "number:s1")
    with pytest.raises(UnknownKey):
        keys.decrypt(b"", "number:s1")


@pytest.fixture
def filled(registries: Callable[..., Registry], registration: Any, tmp_path: Path, monkeypatch: Any) -> Any:
    """(registry, path of its keys), with something in several columns of ciphers."""
    monkeypatch.setattr(rotation, "_PART", 3)
    path = tmp_path / "registry-keys"
    registry = registries(keys=Keys.open(path))
    for number in range(8):
        contacts = seller_pb2.Contacts(phone=f"1390000000{number}")
        person = {"kind": 1, "credit_code": "", "identity_number": "11010519491231002X"}
        registry.sellers.register(registration(f"s{number}", request_id=f"r{number}", contacts=contacts, **person))
    return registry, path


def used(store: Store) -> dict[str, set[str]]:
    """Ids of the keys in each column of ciphers that is not empty."""
    found = {}
    with store.read() as connection:
        for cipher in CIPHERS:
            query = sa.select(cipher.column).where(cipher.column.is_not(None))
            if names := {bytes(content)[1:5].hex() for content in connection.execute(query).scalars()}:
                found[f"{cipher.table.name}.{cipher.column.name}"] = names
    return found


def test_every_column_of_ciphers_is_rotated() -> None:
    named = {
        f"{table.name}.{column.name}"
        for table in schema.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_cipher")
    }
    assert named == {f"{cipher.table.name}.{cipher.column.name}" for cipher in CIPHERS}
    contexts = {f"{cipher.table.name}.{cipher.column.name}": cipher.context for cipher in CIPHERS}
    for name, context in (
        ("violations.post_cipher", "violation-post:x"),
        ("complaints.statement_cipher", "complaint-statement:x"),
        ("complaints.contact_cipher", "complaint-contact:x"),
        ("appeals.statement_cipher", "appeal-statement:x"),
        ("archives.content_cipher", "archive:x"),
        ("persons.number_cipher", "number:x"),
        ("persons.contacts_cipher", "contacts:x"),
        ("requests.response_cipher", "request:x"),
    ):
        assert contexts[name].format("x") == context


def test_rotation(filled: Any, registries: Callable[..., Registry], registration: Any) -> None:
    registry, path = filled
    before = Keys.open(path)
    beside = registries(keys=Keys.open(path))
    written = rotation.rotate(registry.core, path)
    assert written == {"persons.number_cipher": 8, "persons.contacts_cipher": 8, "requests.response_cipher": 8}
    after = Keys.open(path)
    assert (after.hash_key, len(after.encryption)) == (before.hash_key, 1)
    assert after.active != before.active
    assert set().union(*used(registry.core.store).values()) == {after.active}
    # A server that was running all the while, with the same file: reads, and writes with the new key.
    seller = beside.sellers.get(registry_pb2.GetSellerRequest(seller_id="s3")).seller
    assert seller.contacts.phone == "13900000003"
    beside.sellers.register(registration("new", request_id="new"))
    request = registration("s0", request_id="r0", contacts={"phone": "13900000000"}, kind=1, credit_code="")
    request.identity_number = "11010519491231002X"
    assert beside.sellers.register(request).seller.seller_id == "s0"
    assert set().union(*used(registry.core.store).values()) == {after.active}
    # One with the old keys alone can neither read nor write.
    old = registries(keys=before)
    before.path = None
    for call in (
        lambda: old.sellers.get(registry_pb2.GetSellerRequest(seller_id="s3")),
        lambda: old.sellers.register(registration("other")),
        old.start,
    ):
        with pytest.raises(Unavailable, match=f"key {after.active}, which"):
            call()


@pytest.mark.parametrize("parts", [0, 1, 4, 7])
def test_rotation_that_is_interrupted(filled: Any, registries: Callable[..., Registry], parts: int) -> None:
    registry, path = filled
    before = Keys.open(path)

    class Killed(Exception):
        pass

    left = iter(range(parts))

    def after_part(_written: Any) -> None:
        if next(left, None) is None:
            raise Killed

    with pytest.raises(Killed):
        rotation.rotate(registry.core, path, after_part=after_part)
    halfway = Keys.open(path)
    assert len(halfway.encryption) == 2
    again = registries(keys=Keys.open(path))
    seller = again.sellers.get(registry_pb2.GetSellerRequest(seller_id="s7")).seller
    assert seller.contacts.phone == "13900000007"
    rotation.rotate(again.core, path)
    assert Keys.open(path).encryption.keys() == {halfway.active}
    assert before.active not in set().union(*used(registry.core.store).values())


def test_rotation_needs_the_file(filled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, path = filled
    with pytest.raises(KeyFileError, match="holds the keys of another registry"):
        rotation.rotate(registry.core, tmp_path / "elsewhere")
    monkeypatch.setenv(ENVIRONMENT, registry.core.keys.text)
    with pytest.raises(KeyFileError, match=f"{ENVIRONMENT} is set: keys are rotated in a file"):
        rotation.rotate(registry.core, path)
