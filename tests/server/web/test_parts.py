"""Parts of the HTTP side by themselves: who asks, forms' tokens, messages, marking, differences, limits."""

from __future__ import annotations

import re
import string
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.strategies import examples
from starlette.datastructures import Headers

from fairpost.engine.vocabulary import CATEGORIES, LICENCES
from fairpost.server.config import Config
from fairpost.server.errors import Aborted, Internal, InvalidArgument, ResourceExhausted, ServiceError, Violation
from fairpost.server.web.catalogue import language_of_header, messages
from fairpost.server.web.clients import Clients
from fairpost.server.web.limits import Limit, Limits
from fairpost.server.web.public.check import _ACTIONS
from fairpost.server.web.public.complaints import KINDS as COMPLAINT_KINDS
from fairpost.server.web.public.differences import differences
from fairpost.server.web.public.documents import KINDS, page_body
from fairpost.server.web.public.marking import marked
from fairpost.server.web.public.rules import SEVERITIES
from fairpost.v1 import reason_pb2

WEB = Path(__file__).resolve().parents[3] / "server" / "web"
KEY = re.compile(r"""(?:\bt\(|message\((?:language|\w+), )\s*["']([a-z_]+\.[\w.-]+)["']\s*[,)]""")
COMPUTED = {
    "kind": KINDS,
    "category": CATEGORIES,
    "licence": LICENCES,
    "severity": SEVERITIES.values(),
    "action": _ACTIONS.values(),
}
"""Messages whose keys are put together, by what they begin with."""


# ---- messages -----------------------------------------------------------------------------------------------


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def test_both_languages_say_the_same_things() -> None:
    zh, en = messages("zh"), messages("en")
    assert zh.keys() == en.keys(), sorted(zh.keys() ^ en.keys())
    for key in zh:
        assert places(zh[key]) == places(en[key]), key
        assert zh[key].strip(), key
        assert en[key].strip(), key
        assert not re.search("[\u4e00-\u9fff]", en[key]), key


def test_what_the_counter_puts_its_number_in() -> None:
    # In YAML a number sign begins a comment, unless the text is quoted.
    assert all("#" in messages(language)["check.counted"] for language in ("zh", "en"))


def test_every_message_that_is_asked_for_is_there() -> None:
    sources = [*(WEB / "templates").rglob("*.html"), *WEB.rglob("*.py")]
    asked = {key for source in sources for key in KEY.findall(source.read_text(encoding="utf-8"))}
    assert len(asked) > 100
    assert asked - messages("zh").keys() == set()
    for prefix, names in COMPUTED.items():
        assert {f"{prefix}.{name}" for name in names} <= messages("zh").keys()
    assert {f"complaint.kind_{name}" for name in COMPLAINT_KINDS} <= messages("zh").keys()
    assert {f"check.action_{name}" for name in _ACTIONS.values()} <= messages("zh").keys()


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "zh"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("fr, en;q=0.3, zh;q=0.2", "en"),
        ("fr", "zh"),
        ("en;q=0", "zh"),
        ("en;q=x, zh;q=0.1", "zh"),
        ("enx", "zh"),
    ],
)
def test_the_browsers_language(accept: str, language: str) -> None:
    assert language_of_header(accept) == language


# ---- who asks -----------------------------------------------------------------------------------------------


def client(clients: Clients, peer: str, **headers: str) -> Any:
    raw = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return clients.client_of({"type": "http", "scheme": "http", "client": (peer, 1)}, raw)


def test_only_trusted_proxies_are_believed() -> None:
    clients = Clients("", "127.0.0.1, 10.0.0.0/8")
    direct = client(clients, "192.0.2.1", x_forwarded_for="198.51.100.1", x_forwarded_proto="https")
    assert (direct.peer, direct.secure, direct.forwarded) == ("ipv4:192.0.2.1", False, False)
    behind = client(
        clients, "127.0.0.1", x_forwarded_for="203.0.113.9, 198.51.100.1, 10.2.3.4", x_forwarded_proto="https"
    )
    assert (behind.peer, behind.secure, behind.forwarded) == ("ipv4:198.51.100.1", True, True)
    # What a client says itself stands to the left of what the first proxy has seen.
    assert client(clients, "10.1.1.1", x_forwarded_for="127.0.0.1, 198.51.100.7").peer == "ipv4:198.51.100.7"
    assert client(clients, "127.0.0.1", x_forwarded_for="<script>").peer == "ipv4:0.0.0.0"
    assert client(clients, "127.0.0.1").peer == "ipv4:127.0.0.1"
    assert client(clients, "127.0.0.1", x_forwarded_for="198.51.100.7:4711").peer == "ipv4:198.51.100.7"


def test_an_ipv6_network_is_one_client() -> None:
    clients = Clients("", "::1")
    one = client(clients, "::1", x_forwarded_for="2001:db8:1:2:3:4:5:6")
    other = client(clients, "::1", x_forwarded_for="[2001:db8:1:2::9]:443")
    assert (one.peer, one.bucket) == ("ipv6:[2001:db8:1:2:3:4:5:6]", "2001:db8:1:2::/64")
    assert other.bucket == one.bucket
    assert client(clients, "::ffff:192.0.2.1").peer == "ipv4:192.0.2.1"


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost:8080", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("192.0.2.7", True),
        ("Bulletin.Example.com", True),
        ("bulletin.example.com:443", True),
        ("evil.example", False),
        ("bulletin.example.com.evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("user@evil.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_hosts_that_these_pages_are_of(host: str, ours: bool) -> None:
    assert Clients("https://bulletin.example.com").is_ours(host) is ours


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"public_url": "bulletin.example.com"}, "write https://example.com"),
        ({"public_url": "javascript:alert(1)"}, "write https://example.com"),
        ({"public_url": "https://example.com/pages"}, "write https://example.com"),
        ({"trusted_proxies": "10.0.0.0/8, proxy"}, "'proxy' is no network; write 10.0.0.0/8, or one address"),
        ({"trusted_proxies": "10.0.0.1/8"}, "'10.0.0.1/8' is no network"),
    ],
)
def test_wrong_settings(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Config(**settings)


# ---- limits -------------------------------------------------------------------------------------------------


def test_limits_are_each_clients_own() -> None:
    now = 0.0
    limits = Limits({"check": Limit(0.5, 3.0), "page": Limit(1.0, 1.0)}, clock=lambda: now)

    def asks(name: str, who: str) -> Any:
        return SimpleNamespace(state=SimpleNamespace(client=SimpleNamespace(bucket=who)))

    for _ in range(3):
        limits.take("check", asks("check", "a"))
    with pytest.raises(
        ResourceExhausted, match="too many requests of this kind from one address; go on in 2 s"
    ) as caught:
        limits.take("check", asks("check", "a"))
    assert (caught.value.retry_after, caught.value.metadata) == (2.0, {"limit": "check"})
    limits.take("check", asks("check", "b"))
    limits.take("page", asks("page", "a"))
    now = 2.0
    limits.take("check", asks("check", "a"))


# ---- errors -------------------------------------------------------------------------------------------------


def test_a_refusal_is_what_it_was_at_the_service() -> None:
    refused = InvalidArgument(
        reason_pb2.REASON_INVALID_FIELD,
        "m",
        violations=[Violation("a", "is required")],
        metadata={"x": "1"},
        retry_after=1.5,
    )
    again = ServiceError.of_status(refused.to_status())
    assert isinstance(again, InvalidArgument)
    assert (again.reason, again.message, again.violations) == (refused.reason, "m", refused.violations)
    assert (again.metadata, again.retry_after) == ({"x": "1"}, 1.5)
    assert isinstance(ServiceError.of_status(Aborted(reason_pb2.REASON_CONFLICT, "m").to_status()), Aborted)
    status = refused.to_status()
    status.code = 2
    assert isinstance(ServiceError.of_status(status), Internal)


# ---- marking ------------------------------------------------------------------------------------------------


def test_marks_may_overlap() -> None:
    text = "祖传药膏，根治牛皮癣"
    pieces = marked(text, [(0, 4, 1), (2, 4, 2), (5, 10, 3)])
    assert [(piece.text, piece.reasons) for piece in pieces] == [
        ("祖传", (1,)),
        ("药膏", (1, 2)),
        ("，", ()),
        ("根治牛皮癣", (3,)),
    ]
    assert [piece.text for piece in marked("", [])] == []
    assert marked("abc", [(1, 1, 1), (2, 9, 2)]) == [("ab", ()), ("c", (2,))]


spans = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 4)), max_size=6)


@examples(100)
@given(st.text(max_size=10), spans)
def test_marks_lose_nothing(text: str, found: list[tuple[int, int, int]]) -> None:
    pieces = marked(text, found)
    assert "".join(piece.text for piece in pieces) == text
    place = 0
    for piece in pieces:
        for at in range(place, place + len(piece.text)):
            assert set(piece.reasons) == {number for begin, end, number in found if begin <= at < end}
        place += len(piece.text)


# ---- documents ----------------------------------------------------------------------------------------------


def test_headings_of_a_document_are_below_the_pages_own() -> None:
    html = page_body("# One\n\n###### Six\n\n<h1>not ours</h1>\n\n| a |\n|---|\n| 1 |\n\n<table>", "en")
    assert "<h2>One</h2>" in html
    assert "<h6>Six</h6>" in html
    assert "&lt;h1&gt;not ours&lt;/h1&gt;" in html
    assert html.count("<table>") == html.count("</table></div>") == 1


def test_differences_inside_of_lines() -> None:
    old = "\n".join(["a", *"0123456789", "不得宣称治疗", "z"])
    new = "\n".join(["a", *"0123456789", "不得宣称能治疗", "z", "新"])
    lines = differences(old, new)
    assert [(line.way, line.left_out) for line in lines] == [
        ("left-out", 8),
        ("same", 0),
        ("same", 0),
        ("same", 0),
        ("removed", 0),
        ("added", 0),
        ("same", 0),
        ("added", 0),
    ]
    assert lines[5].parts == (("不得宣称", False), ("能", True), ("治疗", False))


@examples(60)
@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_differences_give_both_texts(before: list[str], after: list[str]) -> None:
    lines = differences("\n".join(before), "\n".join(after))
    if any(line.way == "left-out" for line in lines):
        return

    def side(*ways: str) -> list[str]:
        return ["".join(text for text, _ in line.parts) for line in lines if line.way in ways]

    assert side("same", "removed") == "\n".join(before).splitlines()
    assert side("same", "added") == "\n".join(after).splitlines()


def test_what_would_take_too_long_to_compare_is_shown_whole() -> None:
    old, new = "\n".join(map(str, range(6000))), "\n".join(map(str, range(1, 6001)))
    ways = [line.way for line in differences(old, new)]
    assert (ways.count("removed"), ways.count("added")) == (6000, 6000)
    long = differences("甲" * 3000, "甲" * 3001)
    assert [line.parts for line in long] == [(("甲" * 3000, True),), (("甲" * 3001, True),)]
