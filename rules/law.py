"""Laws as dated data: versions of an article must not overlap, successors must exist."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from itertools import pairwise

from .document import Document
from .problems import Place, Problems, nearest
from .schema import ArticleVersion, LawModel, LawsFile

__all__ = ["check_basis", "check_laws", "version_on"]


def version_on(law: LawModel, article: str, day: datetime.date) -> ArticleVersion | None:
    """The version of the article that is in force on `day`."""
    for version in law.articles.get(article, []):
        if version.from_ <= day and (version.until is None or day < version.until):
            return version
    return None


def check_laws(document: Document, file: LawsFile, problems: Problems) -> None:
    """Dates and successors of every article."""
    for law_id, law in file.laws.items():
        for article_id, versions in law.articles.items():
            path = ("laws", law_id, "articles", article_id)
            if any(loc[: len(path)] == path for loc in document.repaired):
                continue
            order = sorted(range(len(versions)), key=lambda index: versions[index].from_)
            for index, version in enumerate(versions):
                if version.until is not None and version.until <= version.from_:
                    problems.error(
                        document.place((*path, index, "until")),
                        f"until {version.until} is not after from {version.from_}; it is the first day not in force",
                    )
                if version.successor is not None:
                    wrong = _unknown_article(version.successor, file.laws)
                    if wrong:
                        problems.error(document.place((*path, index, "successor")), wrong)
            for earlier, later in pairwise(order):
                end = versions[earlier].until
                if end is None or end > versions[later].from_:
                    problems.error(
                        document.place((*path, later, "from")),
                        f"overlaps the version from {versions[earlier].from_} until {end or 'further notice'}: "
                        f"end that one on {versions[later].from_} at the latest",
                    )


def check_basis(basis: str, place: Place, laws: Mapping[str, LawModel], problems: Problems) -> ArticleVersion | None:
    """A rule's citation; gives the article's last version where it exists."""
    wrong = _unknown_article(basis, laws)
    if wrong:
        problems.error(place, wrong)
        return None
    law_id, _, article = basis.partition("/")
    versions = laws[law_id].articles[article]
    return max(versions, key=lambda version: version.from_)


def _unknown_article(reference: str, laws: Mapping[str, LawModel]) -> str:
    law_id, slash, article = reference.partition("/")
    if law_id not in laws:
        known_laws = ", ".join(sorted(laws)) or "none"
        return f"law {law_id!r} is not in laws.yaml{nearest(law_id, laws) or '.'} Known: {known_laws}"
    articles = laws[law_id].articles
    if not slash or article not in articles:
        what = f"article {article!r} of {law_id} is not in laws.yaml" if slash else f"{reference!r} names no article"
        listed = ", ".join(f"{law_id}/{known_article}" for known_article in articles)
        return f"{what}{nearest(article, articles) if slash else ''}; write one of {listed}"
    return ""
