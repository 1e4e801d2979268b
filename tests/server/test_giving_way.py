"""Short turns while background work is done, and the usual ones after it."""

from __future__ import annotations

import sys

import pytest

from fairpost.server.giving_way import giving_way


def test_turns_are_short_inside_and_as_before_after() -> None:
    usual = sys.getswitchinterval()
    with giving_way():
        assert sys.getswitchinterval() == pytest.approx(0.0005)
        with giving_way():  # another thread's would overlap in the same way
            pass
        assert sys.getswitchinterval() == pytest.approx(0.0005)
    assert sys.getswitchinterval() == usual
    with pytest.raises(KeyError), giving_way():
        raise KeyError
    assert sys.getswitchinterval() == usual
