"""A draft of a dialect for a file that none fits: columns by their names, else by what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sentinel_batch.ingestion.dialects.catalogue import load_dialect
from sentinel_batch.ingestion.dialects.dialect import PLACEHOLDER, Dialect
from sentinel_batch.ingestion.proposal.choosing import (
    Found,
    choose_duration,
    choose_party,
    choose_time,
    choose_words,
)
from sentinel_batch.ingestion.proposal.table import Table
from sentinel_batch.ingestion.reading.recognition import fold_columns
from sentinel_batch.ingestion.values.words import NOT_CALLS, fold_word

REQUIRED = {
    "caller_number": "number",
    "callee_number": "number",
    "call_timestamp": "time",
    "duration_seconds": "duration",
}
"""Fields that a call needs, and what their columns hold."""


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
    columns = fold_columns(table.names, generic)
    fold = dict(zip(reversed(table.names), reversed(columns), strict=True)).__getitem__
    fields = {field: kept for field, names in generic.fields.items() if (kept := _present(names, columns))}
    lacks = [field for field in generic.misses(set(columns)) if field in REQUIRED]
    held = {name: table.describe(place) for name, place in _list_free(table, columns, fields).items()}
    candidates = {field: _find_candidates(held, REQUIRED[field]) for field in lacks}
    guessed: dict[str, str] = {}
    for field in lacks:
        free = list(_list_free(table, columns, fields))
        found = _choose(table, field, {n: what for n, what in candidates[field].items() if n in free}, free)
        fields |= {fed: (fold(column),) for fed, (column, _) in found.items()}
        guessed |= {fed: why for fed, (_, why) in found.items()}
    told = choose_words(table, list(_list_free(table, columns, fields)), fields)
    typed = told.pop("skip", None)
    fields |= {field: (fold(column),) for field, (column, _) in told.items()}
    guessed |= {field: why for field, (_, why) in told.items()}
    missing = tuple(replace(generic, fields=fields).misses(set(columns)))
    if missing:  # Else all columns that could serve are compared when the file is opened by this.
        fields = {field: names[:1] for field, names in _drop_parts(table, columns, fields).items()}
    fields |= {field: (fold_word(PLACEHOLDER.format(field)),) for field in missing}
    headed = table.header_line is not None
    dialect = replace(
        generic,
        name=name,
        description="",
        fields=fields,
        skip=generic.skip if typed is None else {**generic.skip, fold(typed[0]): (NOT_CALLS,)},
        delimiter=table.delimiter,
        header="required" if headed else "none",
        layouts=() if headed else (columns,),
    )
    return Draft(dialect, guessed, missing, candidates, () if typed is None else (f"{typed[0]}: {typed[1]}.",))


def _choose(table: Table, field: str, held: Mapping[str, str], free: Sequence[str]) -> Found:
    if field == "call_timestamp":
        return choose_time(table, held, free)
    return choose_duration(table, held, free) if field == "duration_seconds" else choose_party(field, held)


def _drop_parts(
    table: Table, columns: Sequence[str], fields: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Return the fields without the parts of a time, unless the time of a call is in two columns."""
    whole = [n for n in fields.get("call_timestamp", ()) if "time" in table.describe(columns.index(n))]
    drop = (
        {"call_date", "call_time"} if whole or not {"call_date", "call_time"} <= fields.keys() else {"call_timestamp"}
    )
    kept = {field: names for field, names in fields.items() if field not in drop}
    return {**kept, "call_timestamp": tuple(whole)} if whole else kept


def _list_free(table: Table, columns: Sequence[str], fields: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the columns that feed no field yet, as they are spelt, and their places."""
    taken = {column for names in fields.values() for column in names}
    free = {
        spelt: place
        for place, spelt in reversed(list(enumerate(table.names)))
        if columns[place] and columns[place] not in taken and columns.index(columns[place]) == place
    }
    return dict(reversed(free.items()))


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
