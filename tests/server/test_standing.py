"""Standing derived from the event log, the table beside the engine, and the sample sellers end to end."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import fairpost.rules
from fairpost.engine.dates import LAW_ZONE
from fairpost.engine.vocabulary import (
    CATEGORIES,
    ENFORCEMENT,
    LISTING,
    REGISTRATION,
    SELLER_NONE,
    SELLER_NOT_FOUND,
    SELLER_RECORD_DTYPE,
    SELLER_UNAVAILABLE,
    STANDING_DTYPE,
)
from fairpost.server.registry import Keys, Registry
from fairpost.server.registry.lookups import load_table
from fairpost.server.registry.records import EventRecord, LicenceRecord, SellerRecord
from fairpost.server.registry.standing import derive
from fairpost.server.store import Store, StoreError
from fairpost.server.table import SellerTable
from fairpost.v1 import registry_pb2, seller_event_pb2, seller_pb2

DAY = date(2026, 6, 15)


def record(*events: tuple[Any, ...], **fields: Any) -> SellerRecord:
    """events: (kind, body, days from DAY to effective[, days to expiry])."""
    entries = []
    for sequence, (kind, body, effective, *expiry) in enumerate(events, 1):
        expires = DAY + timedelta(days=expiry[0]) if expiry else None
        entries.append(EventRecord(sequence, kind, body, DAY + timedelta(days=effective), expires))
    values: dict[str, Any] = {"kind": 3, "name": "n", "credit_code": "", "categories": ("tea",)}
    values |= {"exempt_reason": "", "registered_at": 0, "events": tuple(entries)} | fields
    return SellerRecord(seller_id="s", **values)


REGISTERED = ("registration", {"state": "active", "next_verification": "2099-01-01"}, -100)


def state(name: str, effective: int, *expiry: int, kind: str = "enforcement") -> tuple[Any, ...]:
    return (kind, {"state": name}, effective, *expiry)


@pytest.mark.parametrize(
    ("events", "registration", "enforcement", "listing", "tenure"),
    [
        ([], "draft", "none", "none", 0),
        ([REGISTERED], "active", "none", "none", 100),
        ([state("active", 1, kind="registration")], "draft", "none", "none", 0),
        ([REGISTERED, state("active", -900, kind="registration")], "active", "none", "none", 900),
        ([REGISTERED, state("lapsed", -5, kind="registration")], "lapsed", "none", "none", 100),
        ([REGISTERED, state("closed", 0, kind="registration")], "closed", "none", "none", 0),
        (
            [REGISTERED, state("closed", -50, kind="registration"), state("active", -20, kind="registration")],
            "active",
            "none",
            "none",
            20,
        ),
        ([REGISTERED, ("verification", {"next_verification": "2026-06-14"}, -9)], "lapsed", "none", "none", 100),
        ([REGISTERED, ("verification", {"next_verification": "2026-06-15"}, -9)], "active", "none", "none", 100),
        # The last to take effect decides; after its expiry the one before does again.
        ([REGISTERED, state("warned", -9), state("suspended", -5, 0)], "active", "suspended", "none", 100),
        ([REGISTERED, state("warned", -9), state("suspended", -5, -1)], "active", "warned", "none", 100),
        ([REGISTERED, state("suspended", 1), state("warned", 0)], "active", "warned", "none", 100),
        ([REGISTERED, state("limited", 0), state("none", 0)], "active", "none", "none", 100),
        ([REGISTERED, state("shielded", 0), state("none", -1)], "active", "shielded", "none", 100),
        ([REGISTERED, state("blacklisted", -3, kind="listing")], "active", "none", "blacklisted", 100),
    ],
)
def test_axes(events: list[Any], registration: str, enforcement: str, listing: str, tenure: int) -> None:
    standing = derive(record(*events), DAY, {})
    found = (REGISTRATION[standing.registration], ENFORCEMENT[standing.enforcement], LISTING[standing.listing])
    assert (*found, (DAY - standing.since).days if standing.since else 0) == (
        registration,
        enforcement,
        listing,
        tenure,
    )


def test_strikes_expire_and_saturate() -> None:
    strikes = [("strike", {"category": "MEDICAL", "weight": 10}, -5)] * 30
    expired = [
        ("strike", {"category": "DIVERT", "weight": 3}, -50, -1),
        ("strike", {"category": "DIVERT", "weight": 1}, 0, 0),
    ]
    (row,) = np.frombuffer(derive(record(REGISTERED, *strikes, *expired), DAY, {}).packed(), SELLER_RECORD_DTYPE)
    assert row["strikes"][CATEGORIES.index("MEDICAL")] == 255
    assert row["strikes"][CATEGORIES.index("DIVERT")] == 1
    assert row["strikes"].sum() == 256


@pytest.mark.parametrize(
    ("begin", "end", "registration", "deadline"),
    [
        (-10, 10, "active", 10),
        (-10, 0, "active", 0),
        (-10, -1, "lapsed", None),
        (1, 10, "pending", None),
        (-1, None, "active", None),
    ],
)
def test_required_licence(begin: int, end: int | None, registration: str, deadline: int | None) -> None:
    until = None if end is None else DAY + timedelta(days=end)
    licence = LicenceRecord("prepackaged-food", "1", DAY + timedelta(days=begin), until)
    standing = derive(
        record(state("active", -9, kind="registration"), categories=("food",), licences=(licence,)), DAY, {}
    )
    assert REGISTRATION[standing.registration] == registration
    assert standing.requirements.deadline == (None if deadline is None else DAY + timedelta(days=deadline))
    assert bool(standing.licences) == (registration == "active")


def packed(since_day: int) -> np.ndarray:
    rows = np.zeros(1, SELLER_RECORD_DTYPE)
    rows["since_day"] = since_day
    return rows


def test_table() -> None:
    table = SellerTable(clock=lambda: date(1970, 1, 1) + timedelta(days=5000))
    views = []
    for i in range(3000):
        table.apply(i, [f"s{i % 700}"], packed(i))
        if i % 50 == 0:
            views.append((i, table.view([f"s{i % 700}", "nobody", ""])))
    for i, view in views:  # what a batch has seen stays as it was
        assert view.sellers.dtype == np.int32
        assert view.sellers.tolist()[1:] == [SELLER_NOT_FOUND, SELLER_NONE]
        assert view.standings.dtype == STANDING_DTYPE
        assert view.standings[view.sellers[0]]["tenure_days"] == 5000 - i
        assert view.sequence == i
    assert len(table) == 700
    found = table.view([f"s{k}" for k in range(700)])
    assert sorted(found.standings[found.sellers]["tenure_days"].tolist()) == list(range(2001, 2701))
    table.available = False
    assert table.view(["s1", ""]).sellers.tolist() == [SELLER_UNAVAILABLE, SELLER_NONE]
    table.available = True
    table.replace(9999, ["a"], packed(1))
    assert (len(table), table.view(["a", "s1"]).sellers.tolist()[1]) == (1, SELLER_NOT_FOUND)


def test_table_under_concurrent_reads() -> None:
    """A writer gives all sellers the same standing at one sequence; no reader may see two, or another sequence."""
    table, stop = SellerTable(clock=lambda: date(1970, 1, 1)), threading.Event()
    faults: list[object] = []
    ids = [f"s{i}" for i in range(100)]
    same = np.zeros(100, SELLER_RECORD_DTYPE)
    table.replace(0, ids, same.copy())

    def read() -> None:
        try:
            while not stop.is_set():
                view = table.view(ids)
                if (view.standings[view.sellers]["licences"] != view.sequence).any():
                    faults.append(view)
        except Exception as error:
            faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for i in range(1, 2000):
        same["licences"] = i
        (table.replace if i % 500 == 0 else table.apply)(i, ids, same.copy())
    stop.set()
    for reader in readers:
        reader.join()
    assert not faults


def test_sample_sellers(inside: Any) -> None:
    """Every sample seller can be registered and brought to its standing through the API."""
    path = Path(fairpost.rules.__file__).parent / "samples" / "sellers.yaml"
    samples = yaml.safe_load(path.read_text(encoding="utf-8"))
    running = inside().start()
    client = running.client

    def record_event(seller_id: str, **change: Any) -> None:
        event = seller_event_pb2.SellerEvent(actor="test", reason="sample", **change)
        client.record_event(seller_id, event)

    # What the ladder made of the strikes is over.
    long_ago = (datetime.now(LAW_ZONE).date() - timedelta(days=100)).isoformat()
    for sample in samples["sellers"]:
        wanted = sample["standing"]
        licences = [
            seller_pb2.Licence(**{name: str(value) for name, value in licence.items() if value is not None})
            for licence in sample["licences"]
        ]
        request = registry_pb2.RegisterSellerRequest(
            seller_id=sample["id"],
            kind=seller_pb2.SellerKind.Value(f"SELLER_KIND_{sample['kind'].upper().replace('-', '_')}"),
            name=sample["name"],
            identity_number=sample.get("identity_number", ""),
            credit_code=sample.get("credit_code", ""),
            categories=sample["categories"],
            licences=licences,
            exempt_reason=sample.get("exempt_reason", ""),
        )
        client.register(request)
        effective = (datetime.now(LAW_ZONE).date() - timedelta(days=wanted["tenure_days"])).isoformat()
        registered = {"state": "REGISTRATION_ACTIVE"}
        record_event(sample["id"], registration=registered, effective=effective)
        if wanted["registration"] == "closed":
            record_event(sample["id"], registration={"state": "REGISTRATION_CLOSED"})
        if wanted["enforcement"] != "none":
            record_event(sample["id"], enforcement={"state": f"ENFORCEMENT_{wanted['enforcement'].upper()}"})
        if wanted["listing"] != "none":
            permanent = wanted["listing"] == "blacklisted"
            listing = {"state": f"LISTING_{wanted['listing'].upper()}", "permanent": permanent}
            record_event(sample["id"], listing=listing)
        for category, count in wanted["strikes"].items():
            record_event(sample["id"], strike={"category": category, "weight": count}, effective=long_ago)
    for sample in samples["sellers"]:
        wanted = sample["standing"]
        found = client.lookup(sample["id"]).standing
        assert REGISTRATION[found.registration - 1] == wanted["registration"], sample["id"]
        assert ENFORCEMENT[found.enforcement - 1] == wanted["enforcement"], sample["id"]
        assert LISTING[found.listing - 1] == wanted["listing"], sample["id"]
        assert {s.category: s.count for s in found.strikes} == wanted["strikes"], sample["id"]
        if wanted["registration"] in ("active", "lapsed"):
            assert abs(found.tenure_days - wanted["tenure_days"]) <= 1, sample["id"]
    # The same without a server, as `fairpost check --registry` reads it.
    table = SellerTable()
    url = f"sqlite:///{running.data_dir / 'registry.sqlite'}"
    with Store.open(url, create=False) as store, store.read() as connection:
        load_table(table, connection)
    assert len(table) == len(samples["sellers"])
    with pytest.raises(StoreError, match=r"nothing here\.sqlite: there is no registry here"):
        Store.open(f"sqlite:///{running.data_dir / 'nothing here.sqlite'}", create=False)
    assert not (running.data_dir / "nothing here.sqlite").exists()


def test_a_new_day_is_noticed(tmp_path: Path, registration: Any) -> None:

    days = [DAY]
    registry = Registry(Store.open(f"sqlite:///{tmp_path / 'r.sqlite'}"), Keys.make(), clock=lambda: days[0])
    registry.start()
    licence = seller_pb2.Licence(scope="food", number="1", valid_from="2026-01-01", valid_until=DAY.isoformat())
    registry.sellers.register(registration("s", licences=[licence]))
    view = registry.lookups.table.view(["s"])
    assert view.standings[view.sellers[0]]["registration"] == REGISTRATION.index("active")
    days[0] += timedelta(days=1)
    deadline = threading.Event()
    for _ in range(100):
        view = registry.lookups.table.view(["s"])
        if view.standings[view.sellers[0]]["registration"] == REGISTRATION.index("lapsed"):
            break
        deadline.wait(0.1)
    else:
        pytest.fail("the table still shows yesterday")
    registry.close()


def test_store_that_fails(tmp_path: Path, registration: Any) -> None:
    """While the store cannot be read, an answer that would need it is UNAVAILABLE; writes say so without details."""
    import sqlite3

    from fairpost.server.errors import Unavailable

    path = tmp_path / "r.sqlite"
    registry = Registry(Store.open(f"sqlite:///{path}"), Keys.make())
    registry.lookups.reload()
    registry.sellers.register(registration("s"))
    connection = sqlite3.connect(path)
    connection.execute("ALTER TABLE head RENAME TO elsewhere")
    connection.commit()
    fully = registry_pb2.Consistency(fully_consistent=True)
    answer = registry.lookups.lookup(registry_pb2.LookupSellerRequest(seller_id="s", consistency=fully)).answer
    assert (answer.outcome, answer.HasField("standing")) == (3, False)
    assert registry.lookups.lookup(registry_pb2.LookupSellerRequest(seller_id="s")).answer.outcome == 1
    with pytest.raises(Unavailable) as caught:
        registry.sellers.register(registration("t"))
    assert caught.value.message == ("the registry's store cannot be written at present (OperationalError); ask again")
    connection.execute("ALTER TABLE elsewhere RENAME TO head")
    connection.commit()
    connection.close()
    assert (
        registry.lookups.lookup(registry_pb2.LookupSellerRequest(seller_id="s", consistency=fully)).answer.outcome == 1
    )
    registry.sellers.register(registration("t"))
    registry.close()
