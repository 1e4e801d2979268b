"""The registry on SQLite: bulk import, single writes, batch lookups as the server does them."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from stdnum.cn import ric

from fairpost.engine.dates import today
from fairpost.server.registry import Keys, Registry
from fairpost.server.registry.importing import ImportRow, import_sellers
from fairpost.server.registry.verify import verify
from fairpost.server.store import Store
from fairpost.v1 import registry_pb2, seller_pb2

# Commits wait for the disk.
pytestmark = pytest.mark.benchmark(timer=time.perf_counter)

SELLERS = 50_000
COUNTIES = ("110105", "440524", "310101", "330106")


def request(number: int, random_: random.Random) -> registry_pb2.RegisterSellerRequest:
    """A natural person with a valid number and a telephone; every third one sells food under a licence."""
    born = date(1950, 1, 1) + timedelta(days=random_.randrange(20_000))
    digits = f"{random_.choice(COUNTIES)}{born:%Y%m%d}{random_.randrange(1000):03}"
    found = registry_pb2.RegisterSellerRequest(
        seller_id=f"seller-{number}",
        kind=seller_pb2.SELLER_KIND_NATURAL_PERSON,
        name=f"示例{number}",
        identity_number=digits + ric.calc_check_digit(digits + "0"),
        categories=["tea"],
        contacts=seller_pb2.Contacts(phone="13800000000"),
    )
    if number % 3 == 0:
        found.categories.append("food")
        found.licences.add(scope="food", number=f"JY{number}", valid_from="2024-01-01", valid_until="2099-12-31")
    return found


@pytest.fixture(scope="module")
def sellers() -> list[ImportRow]:
    random_ = random.Random(20261128)
    return [ImportRow(number, request(number, random_)) for number in range(1, SELLERS + 1)]


@pytest.fixture
def new_registry(tmp_path: Path) -> Iterator[Callable[[], Registry]]:
    made: list[Registry] = []

    def make() -> Registry:
        made.append(Registry(Store.open(f"sqlite:///{tmp_path / f'{len(made)}.sqlite'}"), Keys.make()))
        made[-1].lookups.reload()
        return made[-1]

    yield make
    for registry in made:
        registry.close()


def fill(registry: Registry, rows: list[ImportRow]) -> int:
    refused: list[Any] = []
    done = import_sellers(
        registry.core, rows, verify_by=today() + timedelta(days=183), refuse=lambda row, faults: refused.append(faults)
    )
    assert not refused
    return done.taken


def test_import(measure: Callable[..., Any], new_registry: Callable[[], Registry], sellers: list[ImportRow]) -> None:
    """Fifty thousand sellers into a new registry: validated, encrypted, derived, on disk, in the lookups."""
    taken = measure(
        "registry", "import of a seller", "SQLite", lambda: fill(new_registry(), sellers), per=SELLERS, rounds=3
    )
    assert taken == SELLERS


def test_verify(measure: Callable[..., Any], new_registry: Callable[[], Registry], sellers: list[ImportRow]) -> None:
    """Deriving everything again from the log."""
    registry = new_registry()
    fill(registry, sellers[:10_000])
    found = measure("registry", "verification of a seller", "SQLite", verify, registry.core, per=10_000, rounds=2)
    assert (found.sellers, found.differences) == (10_000, [])


def test_register(measure: Callable[..., Any], new_registry: Callable[[], Registry]) -> None:
    """One registration, acknowledged when it is on disk and in the lookups."""
    registry, numbers, random_ = new_registry(), itertools.count(1), random.Random(1)
    answer = measure(
        "registry",
        "RegisterSeller, on disk",
        "SQLite",
        lambda: registry.sellers.register(request(next(numbers), random_)),
        rounds=200,
    )
    assert registry.lookups.table.sequence == 200 == answer.seller.version


def test_another_server_follows(measure: Callable[..., Any], tmp_path: Path) -> None:
    """One registration, until the standing table of another server on the same store has it."""
    path, keys = tmp_path / "shared.sqlite", Keys.make()
    writer, follower = (Registry(Store.open(f"sqlite:///{path}"), keys) for _ in range(2))
    numbers, random_ = itertools.count(1), random.Random(1)

    def written_and_seen() -> int:
        answer = writer.sellers.register(request(next(numbers), random_))
        while follower.lookups.table.sequence < writer.lookups.table.sequence:
            time.sleep(0.0005)
        return int(answer.seller.version)

    try:
        for each in (writer, follower):
            each.start()
        measure("registry", "RegisterSeller, until another server has it", "SQLite", written_and_seen, rounds=50)
        assert follower.lookups.table.sequence == writer.lookups.table.sequence == next(numbers) - 1
    finally:
        for each in (writer, follower):
            each.close()


def test_batch_lookup(
    measure: Callable[..., Any], new_registry: Callable[[], Registry], sellers: list[ImportRow]
) -> None:
    """A thousand ids, nine in ten of them known: from the request's bytes to the answer's."""
    registry = new_registry()
    fill(registry, sellers[:20_000])
    ids = [f"seller-{number}" for number in random.Random(7).sample(range(1, 22_222), 1000)]
    content = registry_pb2.BatchLookupSellersRequest(seller_ids=ids).SerializeToString()

    def answer() -> bytes:
        return registry.lookups.batch_bytes(content)

    found = registry_pb2.BatchLookupSellersResponse.FromString(
        measure("registry", "BatchLookupSellers, 1,000 ids", "SQLite", answer)
    )
    assert [each.seller_id for each in found.answers] == ids
    known = [each.outcome == 1 for each in found.answers]
    assert known == [int(seller_id.partition("-")[2]) <= 20_000 for seller_id in ids]
