"""The regression case of an overturned violation: a pack that says its rules must not fire on the post."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["case_pack"]


def case_pack(appeal_id: str, sequence: int, post: Mapping[str, Any]) -> str:
    """YAML of a pack of cases only, which is put beside the packs as it is.

    Args:
        sequence: of the violation.
        post: as `violations.post_of` gives it.
    """
    texts = [text for text in post["texts"] if text]
    case: dict[str, Any] = {"text": texts[0]}
    if len(texts) > 1:
        case["extra_texts"] = texts[1:]
    case["seller"] = {name: value for name, value in post["seller"].items() if value not in ([], {}, 0)}
    if post["channel"]:
        case["channel"] = post["channel"]
    if post["language"]:
        case["language"] = post["language"]
    case["date"] = post["day"]  # which decides what rules and what versions of laws are in force
    pack = {
        "pack": f"appeal-{appeal_id}",
        "description": {
            "zh": f"申诉 {appeal_id}：事件 {sequence} 的处理已撤销，下列规则不应命中该内容。",
            "en": f"Appeal {appeal_id} overturned event {sequence}: these rules must not fire on its post.",
        },
        "cases": {rule: {"pass": [case]} for rule in post["rules"]},
    }
    head = f"# Judged by revision {post['revision']} of the rules.\n"
    return head + yaml.dump(pack, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        # No anchors: the same case stands at each of its rules, to be changed there alone.
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Other styles fold the rarer ends of line (U+0085, U+2028) into spaces.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _text)
