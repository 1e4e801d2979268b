"""A bundle as if its shadow rules were enforced: to see, on posts of today, what switching them on would do."""

from __future__ import annotations

import json
from typing import Final

import numpy as np

from fairpost.engine.image import Image
from fairpost.engine.seal import assemble
from fairpost.engine.vocabulary import MODES

__all__ = ["enforce_shadows"]

_ENFORCE: Final = MODES.index("enforce")
_SHADOW: Final = MODES.index("shadow")


def enforce_shadows(bundle: bytes) -> bytes:
    """The same bundle with every shadow rule enforced; nothing else changes, but its revision.

    Raises:
        fairpost.engine.InvalidBundle: it is no sound bundle.
    """
    sections = dict(Image(bundle).sections)
    rules = sections["RULE"].copy()
    rules["mode"][rules["mode"] == _SHADOW] = _ENFORCE
    meta = json.loads(sections["META"].tobytes())
    for rule in meta.get("rules", ()):
        if rule.get("mode") == MODES[_SHADOW]:
            rule["mode"] = MODES[_ENFORCE]
    text = json.dumps(meta, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return assemble({**sections, "RULE": rules, "META": np.frombuffer(text.encode(), np.uint8)})
