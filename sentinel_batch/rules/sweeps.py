"""Queries in two parts: what comes before a sweep, kept as tables, and all that reads the states of the sweep.

The engine works the states out itself (:mod:`sentinel_batch.rules.states`), between the two parts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sentinel_batch.rules.expansion import Line, Query, Sweep

SWEPT_STATES = "swept_states"
"""Table that the engine makes between the two parts."""

KEPT = "kept_"
"""The name of a table that keeps a part of the query's WITH begins so."""

_INSIDE = re.compile(r"\b(entering|changes|instants)\b", re.IGNORECASE)
"""Parts of the SQL sweep that a rule may read, and the engine does not make."""

_BEGIN = re.compile(r"^(?:\s*WITH )?\s*(\w+) AS \($", re.IGNORECASE)
_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|(?P<bracket>[()])", re.DOTALL)


@dataclass(frozen=True)
class SweptQuery:
    """A query whose sweep the engine does itself.

    Parameters
    ----------
    sweep
        What is swept, and how.
    kept
        Table to the query that fills it, in order: the calls that are swept, and what else both parts read.
    source
        Table of the calls that are swept.
    rest
        The query, reading those tables and :data:`SWEPT_STATES`.
    """

    sweep: Sweep
    kept: dict[str, Query]
    source: str
    rest: Query


class _Part(NamedTuple):
    """A name of a WITH, and where it stands: the lines from its name to its closing bracket."""

    name: str
    begin: int
    end: int


def split_at_sweep(query: Query) -> SweptQuery | None:
    """Return a query in two parts; None if it has no sweep, or not one that can be taken out.

    That is so if it sweeps twice, reads the inside of the sweep, names a table of the engine's, or its WITH is not
    written as steps are, each name and each closing bracket on a line of its own. The SQL sweep does all of that.
    """
    marks = [number for number, line in enumerate(query.lines) if line.sweep is not None]
    sweep = query.lines[marks[0]].sweep if len(marks) == 1 else None
    if sweep is None or _INSIDE.search(query.sql) or re.search(rf"\b{KEPT}", query.sql):
        return None
    parts = _list_parts(query.lines[: marks[0]])
    if parts is None:
        return None
    after = {word.lower() for line in query.lines[marks[0] :] for word in re.findall(r"\w+", line.text)}
    names = {part.name for part in parts}
    lines, kept = list(query.lines), {}
    for part in parts:
        if part.name == sweep.calls.lower() or part.name in after:
            kept[KEPT + part.name] = _select(lines, part)
            _keep(lines, part)
    source = KEPT + sweep.calls.lower() if sweep.calls.lower() in names else sweep.calls
    return SweptQuery(sweep, kept, source, Query(tuple(lines)))


def _select(lines: Sequence[Line], part: _Part) -> Query:
    """Return the query for one name of a WITH."""
    last = lines[part.end]
    return Query((*lines[: part.end], last._replace(text=")"), last._replace(text=f"SELECT * FROM {part.name}")))


def _keep(lines: list[Line], part: _Part) -> None:
    """Have a name of a WITH read its table; the lines that it had are left empty."""
    begin = lines[part.begin].text
    for number in range(part.begin, part.end):
        lines[number] = lines[number]._replace(text="")
    end = f"{begin} SELECT * FROM {KEPT}{part.name} {lines[part.end].text.strip()}"
    lines[part.end] = lines[part.end]._replace(text=end)


def _list_parts(lines: Sequence[Line]) -> list[_Part] | None:
    """Return the names of a WITH; None if they are not written as steps are."""
    depth, begun, parts = 0, 0, []
    for token in _TOKEN.finditer("\n".join(line.text for line in lines)):
        if not token["bracket"]:
            continue
        number = token.string.count("\n", 0, token.start())
        depth += 1 if token["bracket"] == "(" else -1
        if depth == 1 and token["bracket"] == "(":
            begun = number
        if depth == 0:
            named = _BEGIN.match(lines[begun].text)
            if named is None or lines[number].text.strip() != "),":
                return None
            parts.append(_Part(named[1].lower(), begun, number))
    return parts
