"""Matches: what a scan has found, as columns."""

import numpy as np

from fairpost.engine.export cimport export_array, export_schema, export_stream

__all__ = ["Matches"]

_NAMES = ("post", "pattern", "begin", "end")
_ROWS = 4096  # turned into Python objects at a time


class Matches:
    """The matches in a batch of n texts, by text, then begin, then end, then pattern.

    Attributes:
        post: uint32[m], number of the text.
        pattern: uint32[m], number of the pattern, as given to `compile`.
        begin, end: uint32[m], where it is in the text, half open, in `unit`.
        ill_formed: uint32[k], numbers of the texts that are not UTF-8, ascending; nothing was looked for in them.
        ill_formed_byte: uint32[k], the byte at which each goes wrong.
        texts: n.
        unit: "codepoints", "utf8" or "utf16".

    The arrays are read-only. It is an Arrow record batch of the first four columns for all that speaks the PyCapsule
    interface, without a copy: `pyarrow.record_batch(matches)`, `polars.DataFrame(matches)`,
    `pandas.DataFrame.from_arrow(matches)`.
    """

    __slots__ = ("begin", "end", "ill_formed", "ill_formed_byte", "pattern", "post", "texts", "unit")

    def __init__(self, columns, ill_formed, texts, unit):
        self.post, self.pattern, self.begin, self.end = columns
        self.ill_formed, self.ill_formed_byte = ill_formed
        self.texts = texts
        self.unit = unit
        for array in (*columns, *ill_formed):
            array.flags.writeable = False

    def __len__(self):
        """The number of matches."""
        return self.post.size

    def __iter__(self):
        """(post, pattern, begin, end) of each match, as int."""
        for row in range(0, len(self), _ROWS):
            yield from zip(*(column[row:row + _ROWS].tolist() for column in self._columns()))

    def __getitem__(self, row):
        """(post, pattern, begin, end) of match number `row`."""
        row = range(len(self))[row]
        return tuple(int(column[row]) for column in self._columns())

    def __repr__(self):
        return f"<Matches: {len(self)} in {self.texts} texts, in {self.unit}>"

    def of(self, post):
        """[(pattern, begin, end)] of text number `post`."""
        if not 0 <= post < self.texts:
            raise IndexError(f"text {post} of {self.texts}")
        # The number in the column's own type: another one would make searchsorted convert the column.
        first = int(np.searchsorted(self.post, np.uint32(post), "left"))
        last = int(np.searchsorted(self.post, np.uint32(post), "right"))
        return list(zip(*(column[first:last].tolist() for column in self._columns()[1:])))

    def _columns(self):
        return self.post, self.pattern, self.begin, self.end

    def __arrow_c_schema__(self):
        """Arrow's type of the columns: struct<post, pattern, begin, end: uint32>, without nulls."""
        return export_schema(_NAMES)

    def __arrow_c_array__(self, requested_schema=None):
        """The columns as one Arrow struct array (a record batch). They are not cast to a requested schema."""
        return export_array(_NAMES, self._columns())

    def __arrow_c_stream__(self, requested_schema=None):
        """The same as a stream of one batch."""
        return export_stream(_NAMES, self._columns())
