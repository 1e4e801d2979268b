"""Notices of rule changes, made from two bundles: what is announced is what will be enforced.

book.py         Book: what a bundle enforces, as plain data
difference.py   differences(old, new), and apply: the old book becomes the new one
effects.py      which way each change goes for sellers; implication.py compares conditions
notice.py       Notice: changes by rule, list and value
text.py         the notice in Chinese and English, as Markdown; phrases.py has its words
"""

from .book import Book
from .notice import Entry, Notice
from .phrases import LANGUAGES, Language
from .text import cited, markdown, title

__all__ = ["LANGUAGES", "Book", "Entry", "Language", "Notice", "cited", "markdown", "title"]
