"""What strikes lead to, against the reference that sums them up anew for each strike."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from reference import penalties as reference

from fairpost.server.registry.ladder import Ladder, default_ladder
from fairpost.server.registry.penalties import penalties_of
from fairpost.server.registry.records import EventRecord

DAY = date(2026, 1, 1)
STRICT = Ladder.model_validate(
    default_ladder().content
    | {"rungs": [{"from": 1, "penalty": "suspended", "days": 2}, {"from": 4, "penalty": "blacklisted", "days": 9}]}
)
LADDERS = {"default": default_ladder(), "strict": STRICT}

BODIES = st.one_of(
    st.fixed_dictionaries(
        {"category": st.just("MEDICAL"), "weight": st.integers(0, 5)}, optional={"ladder": st.sampled_from([*LADDERS])}
    ).map(lambda body: ("strike", body)),
    st.sampled_from(["none", "suspended"]).map(lambda state: ("enforcement", {"state": state})),
    st.sampled_from(["none", "rehabilitated", "blacklisted"]).map(lambda state: ("listing", {"state": state})),
)
EVENTS = st.lists(st.tuples(BODIES, st.integers(0, 30), st.one_of(st.none(), st.integers(0, 30))), max_size=14)


@settings(deadline=None)
@given(EVENTS)
def test_penalties(drawn: list[Any]) -> None:
    events = []
    for sequence, ((kind, body), effective, lasts) in enumerate(drawn, 1):
        begin = DAY + timedelta(days=effective)
        events.append(
            EventRecord(sequence, kind, body, begin, None if lasts is None else begin + timedelta(days=lasts))
        )
    ordered = sorted(events, key=lambda event: (event.effective, event.sequence))
    assert penalties_of(ordered, LADDERS) == reference.penalties_of(ordered, LADDERS)
