"""How else a pattern may be written: homophones, pinyin, look-alikes, parts and emoji in a bundle.

Lists whose folds name `phonetic`, `glyph` or `emoji` are looked for a second time, in what a text says when it is read
aloud and by its looks: each character as its main syllable (kernels/reading.h). This package makes the sections for it;
kernels/evasion.h verifies what the scan finds.
"""

from .sections import MOST_WRITINGS, Writings, can_be_disguised
from .spelling import Spelling
from .surprise import LEAST_LEVEL, fingerprint, surprise

__all__ = ["LEAST_LEVEL", "MOST_WRITINGS", "Spelling", "Writings", "can_be_disguised", "fingerprint", "surprise"]
