"""A draft of a dialect for a file that none fits: columns by their names, else by what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from batch_base.suggestions import find_nearest
from sentinel_batch.ingestion.dialects.catalogue import load_dialect
from sentinel_batch.ingestion.dialects.dialect import Dialect
from sentinel_batch.ingestion.proposal.table import Table
from sentinel_batch.ingestion.values.words import fold_word

REQUIRED = {
    "caller_number": "number",
    "callee_number": "number",
    "call_timestamp": "time",
    "duration_seconds": "duration",
}
"""Fields that a call needs, and what their columns hold."""

PLACEHOLDER = "FILL IN the column of {}"


@dataclass(frozen=True)
class Draft:
    """A dialect that is partly guessed.

    Parameters
    ----------
    dialect
        The dialect; a field without a column has a placeholder.
    guessed
        Field to the reason why its column was taken: all to be checked.
    missing
        Fields that a call needs and that no column seems to hold.
    candidates
        Field to the columns that could feed it, and what they hold.
    remarks
        What is to be said above the dialect.
    """

    dialect: Dialect
    guessed: Mapping[str, str]
    missing: tuple[str, ...]
    candidates: Mapping[str, Mapping[str, str]]
    remarks: tuple[str, ...] = ()


def draft_dialect(table: Table, name: str) -> Draft:
    """Guess a dialect.

    Parameters
    ----------
    table
        The file as a table.
    name
        What to call the dialect.
    """
    generic = load_dialect("generic")
    columns = tuple(map(fold_word, table.names))
    fields = {field: kept for field, names in generic.fields.items() if (kept := _present(names, columns))}
    lacks = [field for field in generic.misses(set(columns)) if field in REQUIRED]
    taken = {column for names in fields.values() for column in names}
    held = {
        spelt: table.describe(place)
        for place, spelt in enumerate(table.names)
        if columns[place] and columns[place] not in taken and columns.index(columns[place]) == place
    }
    candidates = {field: _find_candidates(held, REQUIRED[field]) for field in lacks}
    guessed: dict[str, str] = {}
    for field in lacks:
        taken |= {column for names in fields.values() for column in names}
        free = [spelt for spelt in candidates[field] if fold_word(spelt) not in taken]
        best = _choose(free, generic.fields[field])
        if best is not None:
            fields[field] = (fold_word(best),)
            guessed[field] = f"GUESSED, as it holds {candidates[field][best]}: check it"
    missing = tuple(field for field in lacks if field not in fields)
    fields |= {field: (fold_word(PLACEHOLDER.format(field)),) for field in missing}
    headed = table.header_line is not None
    dialect = replace(
        generic,
        name=name,
        description="",
        fields=fields,
        delimiter=table.delimiter,
        header="required" if headed else "none",
        layouts=() if headed else (columns,),
    )
    return Draft(dialect, guessed, missing, candidates)


def _present(names: tuple[str, ...], columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name in columns)


_LIKELIER = {"duration": ("number", "time"), "time": (), "number": ("time",)}
"""What a column that could be this is taken for instead if it could be that too."""


def _find_candidates(held: Mapping[str, Mapping[str, str]], kind: str) -> dict[str, str]:
    """Return the columns that hold one kind of values, and these in words."""
    return {
        spelt: kinds[kind]
        for spelt, kinds in held.items()
        if kind in kinds and kinds.keys().isdisjoint(_LIKELIER[kind])
    }


def _choose(columns: list[str], names: tuple[str, ...]) -> str | None:
    """Return the column whose name is most like one of a field's; else the first."""
    near = next((column for column in columns if find_nearest(fold_word(column), names)), None)
    return near or next(iter(columns), None)
