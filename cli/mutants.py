"""Mutants as a table: a row for each text that `rules mutate` made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from fairpost.cli.writers import open_parquet

if TYPE_CHECKING:
    from fairpost.rules.mutation import Mutant

__all__ = ["MUTANTS", "MutantWriter"]

MUTANTS: Final = pa.schema(
    [
        ("origin", pa.string()),
        ("rule", pa.string()),
        ("category", pa.string()),
        ("kinds", pa.list_(pa.string())),
        ("text", pa.string()),
        ("mutant", pa.string()),
        ("kept", pa.bool_()),
    ]
)
"""`origin` is "case" or "post"; `rule` and `category` are null for posts; `kept`: the rule, or the action, held."""

ROWS: Final = 8192


class MutantWriter:
    """Writes rows of `MUTANTS`, some thousand at a time; the file appears when it is whole."""

    def __init__(self, path: Path) -> None:
        self._output = open_parquet(path, MUTANTS)
        self._rows: list[tuple[Any, ...]] = []

    def __enter__(self) -> MutantWriter:
        self._output.__enter__()
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        if kind is None:
            self._flush()
        self._output.__exit__(kind, value, trace)

    def write(self, origin: str, mutant: Mutant) -> None:
        rule, category = mutant.rule or None, mutant.category or None
        self._rows.append((origin, rule, category, mutant.kinds, mutant.text, mutant.written, mutant.kept))
        if len(self._rows) == ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            columns = [
                pa.array(list(column), field.type)
                for column, field in zip(zip(*self._rows, strict=True), MUTANTS, strict=True)
            ]
            self._output.write(pa.RecordBatch.from_arrays(columns, schema=MUTANTS))
            self._rows.clear()
