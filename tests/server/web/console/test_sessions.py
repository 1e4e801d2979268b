"""Sessions: ids, ends, bounds."""

from __future__ import annotations

import pytest

from fairpost.server.web.console.sessions import Session, Sessions


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def session(actor: str = "oidc:li", key: str = "") -> Session:
    return Session(actor, frozenset({"moderator"}), "Li", key)


def test_each_login_has_an_id_of_its_own_that_is_not_kept() -> None:
    sessions = Sessions(60, 600)
    first, second = sessions.begin(session()), sessions.begin(session())
    assert first != second
    assert len(first) >= 43
    assert sessions.find(first) is not sessions.find(second)
    assert first.encode() not in repr(vars(sessions)).encode()
    assert sessions.find("") is None
    assert sessions.find(first[:-1]) is None
    assert sessions.find("\udc80") is None


def test_an_unused_session_ends_and_a_used_one_at_its_age() -> None:
    clock = Clock()
    sessions = Sessions(60, 600, clock)
    unused, used = sessions.begin(session()), sessions.begin(session())
    for _ in range(10):
        clock.now += 59
        assert sessions.find(used) is not None
    assert sessions.find(unused) is None
    clock.now += 10
    assert sessions.find(used) is None
    assert len(sessions) == 0


def test_a_page_that_refreshes_itself_keeps_no_session_going() -> None:
    clock = Clock()
    sessions = Sessions(60, 600, clock)
    text = sessions.begin(session())
    for _ in range(12):
        clock.now += 5
        found = sessions.find(text, is_use=False)
    assert found is None


def test_logout_ends_it() -> None:
    sessions = Sessions(60, 600)
    text = sessions.begin(session())
    ended = sessions.end(text)
    assert ended is not None
    assert ended.actor == "oidc:li"
    assert sessions.find(text) is None
    assert sessions.end(text) is None


def test_one_actor_cannot_push_others_out() -> None:
    sessions = Sessions(60, 600)
    other = sessions.begin(session("oidc:wang"))
    texts = [sessions.begin(session()) for _ in range(30)]
    assert sessions.find(other) is not None
    assert [sessions.find(text) is not None for text in texts] == [False] * 10 + [True] * 20


def test_the_longest_unused_one_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairpost.server.web.console.sessions._MOST", 50)
    sessions = Sessions(60, 600)
    texts = [sessions.begin(session(f"oidc:{i}")) for i in range(50)]
    assert sessions.find(texts[0]) is not None
    sessions.begin(session("oidc:new"))
    assert len(sessions) == 50
    assert sessions.find(texts[0]) is not None
    assert sessions.find(texts[1]) is None


def test_a_session_shows_no_key() -> None:
    assert "fp_" not in repr(session(key="fp_1a2b3c4d_00"))
