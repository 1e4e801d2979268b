# ruff: noqa: E501 - the table reads better in long lines
"""What services say in refusals is said in Chinese to who reads Chinese: all of it, and nothing they say no more."""

from __future__ import annotations

import ast
import re
import string
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from reference.strategies import examples

from fairpost.server import errors
from fairpost.server.web.catalogue import messages
from fairpost.server.web.phrases import in_chinese, localised

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = Path(__file__).resolve().parents[3] / "server"
ELSEWHERE = {"access/inner.py"}
"""Says nothing to those who read pages."""
CONTENT = yaml.safe_load((resources.files("fairpost.server.web") / "messages" / "phrases.zh.yaml").read_text("utf-8"))
PHRASES: dict[str, str] = CONTENT["phrases"]
REFUSALS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
AT = {"Violation": 1, "no_such_document": 1, "_wrong": 1, "invalid_bundle": 0, "_self_test": 0, "SourceFault": 0}
"""Which argument says it, of what else is called."""
NAMED = {"fault", "what", "why", "message", "description"}
"""Variables that hold it."""
FIELD = re.compile(r"(\{\}|[a-z_.]+): ")
OF_ANY = {"bundle: {fault}", "rules_source: {fault}"}
"""Phrases for what begins so."""


# ---- what services say, as their code has it, with {} for values --------------------------------------------------


def texts(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=values):
            yield "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in values)
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
            yield from texts(one)
            yield from texts(other)
        case ast.BoolOp(values=values):
            for each in values:
                yield from texts(each)


def told_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="faults" | "self"), attr="add"), args=[_, text]):
            yield from texts(text)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments):
            at = 1 if name in REFUSALS else AT.get(name, len(arguments))
            for text in arguments[at : at + 1]:
                yield from texts(text)
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in NAMED:
            yield from texts(value)
        case ast.FunctionDef(name=name) if name.endswith("fault"):
            for each in ast.walk(node):
                if isinstance(each, ast.Return) and each.value is not None:
                    yield from texts(each.value)


@cache
def told() -> dict[str, str]:
    """By what is said, where."""
    found = {}
    for file in sorted(SERVER.rglob("*.py")):
        path = str(file.relative_to(SERVER))
        if path in ELSEWHERE:
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            for text in told_by(node):
                # What is put together of values alone says nothing by itself.
                if re.search("[a-z]{2}", FIELD.sub("", text)):
                    found[text] = path
    return found


def filled(text: str) -> tuple[str, list[str]]:
    """With values, and these."""
    parts = text.split("{}")
    values = [f"v{letter}v" for letter in string.ascii_lowercase[: len(parts) - 1]]
    return "".join(part + value for part, value in zip(parts, [*values, ""], strict=True)), values


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_all_is_said_in_chinese() -> None:
    assert len(told()) > 150, "they were not found"
    unknown, lost = [], []
    for text, path in told().items():
        whole, values = filled(text)
        chinese = in_chinese(whole)
        if chinese is None:
            unknown.append(f"{path}: {text}")
        elif missing := [value for value in values if value not in chinese and not whole.startswith(f"{value}: ")]:
            lost.append((text, chinese, missing))
    assert not unknown
    # Of what is not said by design there is one place in each.
    assert all(len(missing) == 1 for *_, missing in lost), lost
    assert len(lost) == sum("{_" in phrase for phrase in PHRASES), lost


def test_nothing_else_is_there() -> None:
    used = set()
    for text in told():
        used |= {each.replace("{}{}", "{}") for each in (text, FIELD.sub("", text, count=1))}
    idle = [phrase for phrase in PHRASES if re.sub(r"\{\w+\}", "{}", phrase) not in used]
    assert set(idle) == OF_ANY


def test_places() -> None:
    known = messages("zh")
    for phrase, chinese in (PHRASES | CONTENT["words"]).items():
        assert places(chinese) == {name for name in places(phrase) if not name.startswith("_")}, phrase
        for _, _, how, _ in string.Formatter().parse(chinese):
            assert not how or how == "said" or any(key.startswith(f"{how}.") for key in known), (phrase, how)
        assert re.search("[\u4e00-\u9fff]", re.sub(r"\{[^}]*\}", "有" if "console.role" in chinese else "", chinese)), (
            phrase
        )


# ---- how it is read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("is required", "必须填写"),
        ("has 300 characters; at most 256 are taken", "有 300 个字符，最多 256 个"),
        ("is 12; at most 10", "是 12，最大为 10"),
        ("'2026-1-3' is no day; write YYYY-MM-DD, as in 2026-01-31", "'2026-1-3' 不是日期，应写成 YYYY-MM-DD，如 2026-01-31"),
        ("is required of a natural person (18 characters, GB 11643)", "自然人必须填写（18 位，GB 11643）"),
        (
            "complaint_id: the complaint is resolved; it can be assigned while it is filed or assigned or answered",
            "投诉的状态是“已办结”，不能改为“已分派”；可以这样改的状态是：已受理、已分派、已答复",
        ),
        ("review_id: the review is lapsed; it can be claimed while it is pending", "这条帖子的状态已是“逾期”；只有待审的才能领取"),
        (
            "expected_version: the seller is at version 4, not 3: somebody else has changed it meanwhile; read it again, "
            "and repeat the request if it still makes sense",
            "经营者的资料现在是版本 4，不是 3：其间有人改动过。请重新打开，看过之后再做",
        ),
        ("seller_id: complaint 1f is open: what it is about is still needed; end it first", "投诉 1f 尚未办结：所涉资料仍需保留，请先办结"),
        ("seller_id: appeal 2e is not decided: what it is about is still needed; end it first", "申诉 2e 尚未决定：所涉资料仍需保留，请先办结"),
        ("the registry's store cannot be written at present (OperationalError); ask again", "登记处的数据库暂时不能写入（OperationalError），请稍后再试"),
        ("/fairpost.v1.X/Y needs one of the roles ops, auditor; key/li has none", "/fairpost.v1.X/Y 需要角色：运维、审计之一；key/li 的角色：无"),
        ("fairpost.v1.X/Y needs role ops; key/li has checker", "fairpost.v1.X/Y 需要角色：运维；key/li 的角色：检查"),
        ("the caller's quota of 5 messages a second is used up; go on in 0.2 s", "每秒 5 条消息的限额已用完，请在 0.2 秒后再试"),
        ("bundle: is cut off at byte 3", "规则集文件有问题：is cut off at byte 3"),
        ("self-test: a score is outside its range", "规则集没有通过自检：有分数超出范围"),
        ("rules_source: /rules: no such file or folder", "规则集来源有问题：/rules：没有这个文件或文件夹"),
        ("no such thing was ever said", None),
        ("", None),
        ("is required" * 1000, None),
    ],
)  # fmt: skip
def test_examples(text: str, chinese: str | None) -> None:
    assert in_chinese(text) == chinese
    assert localised(text, "zh") == (chinese or text)
    assert localised(text, "en") == text


def test_notice_required() -> None:
    said = (
        "the rule set may be stricter than the active one (a.b and 3 more), and its notice n1 has been public for less "
        "than 7 days; activate it from 2026-03-08T00:00+08:00 on, or activate it as an emergency with a reason "
        "(emergency_reason), which goes onto the notice"
    )
    assert in_chinese(said) == (
        "规则集可能比现行的更严（a.b 等，另有 3 项）。它的公示 n1 还不满 7 日，可以自 2026-03-08T00:00+08:00 起启用，"
        "或者写明理由紧急启用，理由会写进公示"
    )


@examples(300)
@given(st.lists(st.one_of(st.sampled_from([*PHRASES, *CONTENT["words"], "bundle: ", "a: "]), st.text()), max_size=30))
def test_any_text(parts: list[str]) -> None:
    """Whatever a message quotes, it is told, in words or as it is."""
    text = "".join(parts)
    assert bool(localised(text, "zh")) == bool(text)
