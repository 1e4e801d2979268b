"""All kinds of evasion, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from . import forms, noise, shapes, sounds
from .cells import Cell
from .writing import Writing

__all__ = ["KINDS", "Kind"]


@dataclass(frozen=True)
class Kind:
    """One kind of evasion. `apply` rewrites cells in place and says whether it changed a hit."""

    name: str
    example: str
    apply: Callable[[Sequence[Cell], Random, Writing], bool]


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("width", "ＶＸ１２ for VX12", forms.width),
        Kind("case", "wEChat for wechat", forms.case),
        Kind("script", "根治糖尿病 in traditional characters", forms.script),
        Kind("separators", "根*治 for 根治", noise.separators),
        Kind("zero-width", "characters of no width inside words", noise.zero_width),
        Kind("inserted-emoji", "根🌸治 for 根治", noise.inserted_emoji),
        Kind("repeats", "根治治治 for 根治", noise.repeats),
        Kind("styled", "ⓋⓍ, 𝐕𝐗 for VX", forms.styled),
        Kind("upside-down", "ʌx for vx", forms.upside_down),
        Kind("digits", "①③⑨ for 139", forms.digits),
        Kind("contact", "葳信, ν❤, 壹叁玖 for 微信, 139", shapes.contact),
        Kind("homophone", "跟治 for 根治", sounds.homophone),
        Kind("pinyin", "genzhi for 根治", sounds.pinyin),
        Kind("mixed-pinyin", "gen治 for 根治", sounds.mixed_pinyin),
        Kind("split", "木艮治 for 根治", shapes.split),
        Kind("look-alike", "根冶 for 根治", shapes.look_alike),
        Kind("martian", "伱恏 for 你好", shapes.martian),
        Kind("emoji", "💰 for 钱, 薇❤ for 微信", shapes.emoji),
    )
}
