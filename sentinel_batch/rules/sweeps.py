"""Queries in two parts: the calls that are swept, and all that reads the states of the sweep.

The engine works the states out itself (:mod:`sentinel_batch.rules.states`), between the two parts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sentinel_batch.rules.expansion import Line, Query, Sweep

SWEPT_CALLS, SWEPT_STATES = "swept_calls", "swept_states"
"""Tables that the engine makes between the two parts."""

_INSIDE = re.compile(r"\b(entering|changes|instants)\b")
"""Parts of the SQL sweep that a rule may read, and the engine does not make."""

_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|(?P<bracket>[()])", re.DOTALL)


@dataclass(frozen=True)
class SweptQuery:
    """A query whose sweep the engine does itself.

    Parameters
    ----------
    sweep
        What is swept, and how.
    first
        Returns the calls that are swept; None if they are a table.
    rest
        The query, reading :data:`SWEPT_CALLS` and :data:`SWEPT_STATES`.
    """

    sweep: Sweep
    first: Query | None
    rest: Query


class _Part(NamedTuple):
    """Where one name of a WITH stands: the lines from its name to its closing bracket."""

    begin: int
    end: int


def split_at_sweep(query: Query) -> SweptQuery | None:
    """Return a query in two parts; None if it has no sweep, or not one that can be taken out.

    That is so if it sweeps twice, reads the inside of the sweep, names a table of the engine's, or its WITH is written
    in an unusual way. The SQL sweep does all of that.
    """
    marks = [number for number, line in enumerate(query.lines) if line.sweep is not None]
    if len(marks) != 1 or _INSIDE.search(query.sql) or SWEPT_CALLS in query.sql:
        return None
    sweep, before = query.lines[marks[0]].sweep, query.lines[: marks[0]]
    named = rf"\b{sweep.calls}\s+AS\b" if sweep else ""
    if sweep is None or not re.search(named, "\n".join(line.text for line in before), re.IGNORECASE):
        return SweptQuery(sweep, None, query) if sweep is not None else None
    part = _find_part(before, sweep.calls)
    if part is None:
        return None
    mark = query.lines[marks[0]]
    first = (
        *before[: part.end],
        before[part.end]._replace(text=")"),
        mark._replace(text=f"SELECT * FROM {sweep.calls}"),
    )
    begun = before[part.begin]
    read = begun._replace(text=f"{sweep.calls} AS (SELECT * FROM {SWEPT_CALLS}{before[part.end].text.strip()}")
    rest = (*query.lines[: part.begin], read, *query.lines[part.end + 1 :])
    return SweptQuery(sweep, Query(first), Query(rest))


def _find_part(lines: Sequence[Line], name: str) -> _Part | None:
    """Return where a name of the WITH stands, if it has lines of its own."""
    text = "\n".join(line.text for line in lines)
    begins = re.compile(rf"^\s*{name} AS \($", re.IGNORECASE)
    depth, found = 0, []
    for token in _TOKEN.finditer(text):
        if not token["bracket"]:
            continue
        number = text.count("\n", 0, token.start())
        if token["bracket"] == "(" and depth == 0 and begins.match(lines[number].text):
            found.append(number)
        depth += 1 if token["bracket"] == "(" else -1
        if depth == 0 and found and lines[number].text.strip() in (")", "),"):
            return _Part(found[0], number)
    return None
