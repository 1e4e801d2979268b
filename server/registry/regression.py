"""The regression case of a post that was judged wrongly: a pack that says its rules must not fire on the post."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["case_pack"]


def case_pack(name: str, description: Mapping[str, str], post: Mapping[str, Any]) -> str:
    """YAML of a pack of cases only, which is put beside the packs as it is.

    Args:
        description: why it is there, by language.
        post: as `violations.post_of` gives it; its seller may also be "unknown", "unavailable" or None.
    """
    texts = [text for text in post["texts"] if text]
    case: dict[str, Any] = {"text": texts[0]}
    if len(texts) > 1:
        case["extra_texts"] = texts[1:]
    if isinstance(post["seller"], dict):
        case["seller"] = {name: value for name, value in post["seller"].items() if value not in ([], {}, 0)}
    elif post["seller"]:
        case["seller"] = post["seller"]
    if post["channel"]:
        case["channel"] = post["channel"]
    if post["language"]:
        case["language"] = post["language"]
    case["date"] = post["day"]  # which decides what rules and what versions of laws are in force
    pack = {
        "pack": name,
        "description": dict(description),
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
