"""How else a word may be written: homophones, pinyin, look-alikes, parts and emoji in a bundle.

The words of lists whose folds name `phonetic`, `glyph` or `emoji` are told in disguise, and the text is *restored*: it
is matched once more as what it was meant to say. This package makes the sections for it (kernels/reading.h,
vocabulary.h, restore.h).
"""

from .sections import LIKEST, evasion_sections, passes_for, rare_code_points
from .spelling import Spelling
from .usual import usual_bits, usual_pairs, with_words
from .vocabulary import MOST_FORMS, Vocabulary, can_be_disguised, classes_of

__all__ = [
    "LIKEST",
    "MOST_FORMS",
    "Spelling",
    "Vocabulary",
    "can_be_disguised",
    "classes_of",
    "evasion_sections",
    "passes_for",
    "rare_code_points",
    "usual_bits",
    "usual_pairs",
    "with_words",
]
