"""One YAML file with the place of everything in it.

PyYAML's `compose` gives nodes with marks; `Document` turns them into plain Python for pydantic and
finds the place of any path again. Scalars are kept as they are written (`off`, `no`, `100`, `1.50`
stay words): the schema decides what is a number or a date, not YAML 1.1's guesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import yaml

from .problems import Place, Problems

__all__ = ["Document", "read_document", "read_text"]

_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_MAX_DEPTH: Final = 32
_BREAKS: Final = re.compile("[\n\x85\u2028\u2029]")
"""What YAML 1.1 counts as the end of a line, and so do its marks."""

Path = Sequence[str | int]


class Document:
    """A composed YAML file: `value` is plain Python, `place(path)` says where a part of it stands."""

    def __init__(self, file: str, text: str, root: yaml.Node) -> None:
        self.file = file
        self.root = root
        self.value: Any = None
        self.repaired: list[tuple[Any, ...]] = []
        """Paths at which `validate` put a stand-in; checks of what lies around them would be guesses."""
        self._lines = _BREAKS.split(text)

    def place(self, path: Path = ()) -> Place:
        """Place of the value at `path`; of the deepest part that exists where it does not."""
        return self._place_of(self._node(path)[0])

    def key_place(self, path: Path) -> Place:
        """Place of the key that ends `path`; of the value where it is an item of a sequence."""
        node, key = self._node(path)
        return self._place_of(key if key is not None else node)

    def scalar_places(self, path: Path) -> list[Place]:
        """Place of every character of the string at `path`, plus one for its end.

        YAML folds white space, so the n-th character that is not white space in the value is taken
        for the n-th one in the file; white space gets the place before the next such character.
        """
        node, _ = self._node(path)
        if not isinstance(node, yaml.ScalarNode):
            return []
        source = list(self._scalar_source(node))
        places: list[Place] = []
        at = 0
        for character in node.value:
            if character.isspace():
                previous = places[-1] if places else self._place_of(node)
                places.append(Place(self.file, previous.line, previous.column + bool(places)))
            else:
                places.append(source[at] if at < len(source) else self._place_of(node))
                at += 1
        last = places[-1] if places else self._place_of(node)
        places.append(Place(self.file, last.line, last.column + bool(places)))
        return places

    def _scalar_source(self, node: yaml.ScalarNode) -> Iterator[Place]:
        line, column = node.start_mark.line, node.start_mark.column
        end = (node.end_mark.line, node.end_mark.column)
        if node.style in ("|", ">"):  # the header ("|2-") is not part of the text
            line, column = line + 1, 0
        elif node.style in ("'", '"'):
            column += 1
            end = (end[0], end[1] - 1)
        while (line, column) < end and line < len(self._lines):
            text = self._lines[line]
            stop = min(end[1], len(text)) if line == end[0] else len(text)
            while column < stop:
                character = text[column]
                start = column
                if (node.style, character) in (('"', "\\"), ("'", "'")):  # it escapes the next
                    column += 1
                if not character.isspace():
                    yield Place(self.file, line + 1, start + 1)
                column += 1
            line, column = line + 1, 0

    def _node(self, path: Path) -> tuple[yaml.Node, yaml.Node | None]:
        node, key = self.root, None
        for part in path:
            if isinstance(node, yaml.MappingNode):
                for candidate, value in node.value:
                    if candidate.value == part:
                        node, key = value, candidate
                        break
                # a part that is not there is a tag that pydantic put into its location: skip it
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and 0 <= part < len(node.value):
                node, key = node.value[part], None
        return node, key

    def _place_of(self, node: yaml.Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)


def read_text(data: bytes, file: str, problems: Problems) -> str | None:
    """UTF-8 text of a source file; an error with line and column where it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        problems.error(
            Place(file, line, column),
            f"byte 0x{data[error.start]:02x} is not valid UTF-8 here; save the file in UTF-8",
        )
        return None


def read_document(data: bytes, file: str, problems: Problems) -> Document | None:
    """Compose `data`; `None`, with the problem reported, where it is no YAML at all."""
    text = read_text(data, file, problems)
    if text is None:
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        context = f" ({error.context})" if error.context else ""
        problems.error(place, f"not valid YAML: {error.problem or 'cannot be read'}{context}")
        return None
    except yaml.reader.ReaderError as error:
        position = error.position if isinstance(error.position, int) else 0
        before = text[:position]
        place = Place(file, before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
        problems.error(place, f"not valid YAML: {error.reason}")
        return None
    except RecursionError:
        problems.error(Place(file), f"nested too deep: at most {_MAX_DEPTH} levels")
        return None
    if root is None:
        problems.error(Place(file), "the file is empty; a pack starts with 'pack: NAME'")
        return None
    document = Document(file, text, root)
    document.value = _plain(document, root, problems, ())
    return document


def _plain(document: Document, node: yaml.Node, problems: Problems, above: tuple[yaml.Node, ...]) -> Any:
    place = Place(document.file, node.start_mark.line + 1, node.start_mark.column + 1)
    if len(above) > _MAX_DEPTH or any(node is parent for parent in above):
        problems.error(place, f"nested too deep: at most {_MAX_DEPTH} levels, and no alias of its own parent")
        return None
    inside = (*above, node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(document, item, problems, inside) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        first: dict[str, yaml.Node] = {}
        for key, value in node.value:
            key_place = Place(document.file, key.start_mark.line + 1, key.start_mark.column + 1)
            if not isinstance(key, yaml.ScalarNode):
                problems.error(key_place, "a key must be a word, not a list or a mapping")
                continue
            if key.value in first:
                line = first[key.value].start_mark.line + 1
                problems.error(key_place, f"duplicate key {key.value!r}: line {line} has it already; keep one of them")
                continue
            if key.value == "<<":
                problems.error(key_place, "merge keys ('<<') are not supported; write the keys out")
                continue
            first[key.value] = key
            result[key.value] = _plain(document, value, problems, inside)
        return result
    if isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NULLS:
        return None
    return node.value
