"""Dialects that come near to a file that none fits, and what each lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sentinel_batch.ingestion.dialects.catalogue import list_dialects
from sentinel_batch.ingestion.dialects.dialect import Dialect
from sentinel_batch.ingestion.proposal.table import Table
from sentinel_batch.ingestion.reading.recognition import fold_columns

SHOWN = 3
_NEAR = 0.5
_WORDS = {
    "caller_number": "a caller",
    "callee_number": "a callee",
    "call_timestamp": "a time",
    "duration_seconds": "a duration",
}


@dataclass(frozen=True)
class NearMiss:
    """A dialect that nearly fits.

    Parameters
    ----------
    dialect
        Its name.
    found
        Columns of the file that it knows, as they are spelt.
    lacks
        Fields of a call that it finds no column for.
    lacks_columns
        Columns that it is recognised by and the file does not have.
    candidates
        Field to the columns that could feed it, and what they hold.
    """

    dialect: str
    found: tuple[str, ...]
    lacks: tuple[str, ...]
    lacks_columns: tuple[str, ...]
    candidates: Mapping[str, Mapping[str, str]]

    def __str__(self) -> str:
        wanted = [_WORDS[field] for field in self.lacks] + [f"the column {name}" for name in self.lacks_columns]
        told = [f"{column} holds {held}" for columns in self.candidates.values() for column, held in columns.items()]
        return f"{self.dialect} lacks only {' and '.join(wanted)}" + "".join(f"; {text}" for text in told) + "."


def find_misses(table: Table, candidates: Mapping[str, Mapping[str, str]]) -> tuple[NearMiss, ...]:
    """Return the dialects that come nearest to a table, at most three.

    Parameters
    ----------
    table
        The file as a table.
    candidates
        Field to columns that could feed it, and what they hold.
    """
    if table.header_line is None:
        return ()
    near = [(_score(miss), miss) for dialect in list_dialects() if (miss := _compare(dialect, table.names, candidates))]
    return tuple(miss for _, miss in sorted(near, key=lambda pair: pair[0])[:SHOWN])


def _score(miss: NearMiss) -> tuple[int, int]:
    return len(miss.lacks) + len(miss.lacks_columns), -len(miss.found)


def _compare(dialect: Dialect, names: Sequence[str], candidates: Mapping[str, Mapping[str, str]]) -> NearMiss | None:
    spelt = dict(zip(reversed(fold_columns(names, dialect)), reversed(names), strict=True))
    columns = set(spelt)
    lacks, absent = dialect.misses(columns), [name for name in dialect.recognised_by if name not in columns]
    fed = [name for names in dialect.fields.values() for name in names if name in columns]
    marks: Sequence[str] = dialect.recognised_by or ("caller", "callee", "time", "duration")
    had = len(marks) - len(absent) if dialect.recognised_by else len(marks) - len(lacks)
    if had < _NEAR * len(marks) or not (lacks or absent):
        return None
    shown = {field: candidates[field] for field in lacks if candidates.get(field)}
    found = tuple(spelt[name] for name in dict.fromkeys(fed))
    return NearMiss(dialect.name, found, tuple(lacks), tuple(absent), shown)
