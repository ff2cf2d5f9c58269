"""Queries in stages: parts that are read more than once are kept as tables, and the engine does the sweep between them.

The planner then knows how many rows a part has, instead of guessing it through all the parts before; and windows slide
over arrays (:mod:`sentinel_batch.rules.states`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sentinel_batch.rules.expansion import Line, Query, Sweep

SWEPT_STATES = "swept_states"
"""Table that the engine makes of the states of a sweep."""

KEPT = "kept_"
"""The name of a table that keeps a part of the query's WITH begins so."""

_INSIDE = re.compile(r"\b(entering|changes|instants)\b", re.IGNORECASE)
"""Parts of the SQL sweep that a rule may read, and the engine does not make."""

_READ = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)", re.IGNORECASE)
_BEGIN = re.compile(r"^(?:\s*WITH )?\s*(\w+) AS \($", re.IGNORECASE)
_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|(?P<bracket>[()])|(?P<select>\bSELECT\b)", re.DOTALL)


@dataclass(frozen=True)
class StagedQuery:
    """A query that runs in stages.

    Parameters
    ----------
    before
        Table to the query that fills it, in order: what comes before the sweep.
    sweep
        What is swept, and how.
    source
        Table of the calls that are swept.
    after
        Table to the query that fills it, for what reads the states.
    rest
        The query, reading these tables and :data:`SWEPT_STATES`.
    """

    before: dict[str, Query]
    sweep: Sweep
    source: str
    after: dict[str, Query]
    rest: Query


class _Part(NamedTuple):
    """A name of a WITH, and where it stands: the lines from its name to its closing bracket."""

    name: str
    begin: int
    end: int


def stage_queries(queries: Mapping[str, Query]) -> Mapping[str, StagedQuery]:
    """Return the queries of a rule in stages, if its sweep can be taken out of all of them.

    It cannot if there is none or there are two, a query reads the inside of the sweep or names a table of the engine's,
    or its WITH is not written as steps are, each name and each closing bracket on a line of its own. Then the queries
    run as they are, with the SQL sweep: the rows are the same.

    Parameters
    ----------
    queries
        By name, in the order in which they run; what several of them read is kept for all.
    """
    listed: dict[str, list[_Part]] = {}
    for name, query in queries.items():
        parts = _list_parts(query.lines)
        is_swept_once = sum(line.sweep is not None for line in query.lines) == 1
        if not is_swept_once or not parts or _INSIDE.search(query.sql) or re.search(rf"\b{KEPT}", query.sql):
            return {}
        listed[name] = parts
    counts = _count_readers(queries, listed)
    return {name: _stage(query, listed[name], counts) for name, query in queries.items()}


def _stage(query: Query, parts: Sequence[_Part], counts: Counter[str]) -> StagedQuery:
    [(mark, sweep)] = [(number, line.sweep) for number, line in enumerate(query.lines) if line.sweep is not None]
    swept, lines = sweep.calls.lower(), list(query.lines)
    before, after = dict[str, Query](), dict[str, Query]()
    for part in parts:
        if part.name == swept or counts[part.name] > 1:
            (before if part.end < mark else after)[KEPT + part.name] = _select(lines, part)
            _keep(lines, part)
    source = KEPT + swept if KEPT + swept in before else swept
    return StagedQuery(before, sweep, source, after, Query(tuple(lines)))


def _count_readers(queries: Mapping[str, Query], listed: Mapping[str, Sequence[_Part]]) -> Counter[str]:
    """Return how often each part is read by what the queries need; one that only pruned is not needed any more."""
    inside: dict[str, list[str]] = {}
    to_follow: list[str] = []
    for name, query in queries.items():
        texts = [line.text.partition("--")[0] for line in query.lines]
        for part in listed[name]:
            inside[part.name] = _READ.findall("\n".join(texts[part.begin : part.end + 1]))
        to_follow += _READ.findall("\n".join(texts[listed[name][-1].end + 1 :]))
        to_follow += {line.sweep.calls for line in query.lines if line.sweep is not None}
    found: Counter[str] = Counter()
    while to_follow:
        name = to_follow.pop().lower()
        found[name] += 1
        to_follow += inside.pop(name, [])
    return found


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
    depth, begun, parts = 0, 0, list[_Part]()
    for token in _TOKEN.finditer("\n".join(line.text for line in lines)):
        number = token.string.count("\n", 0, token.start())
        if token["select"] and depth == 0:  # the final one
            return parts
        if not token["bracket"]:
            continue
        depth += 1 if token["bracket"] == "(" else -1
        if depth == 1 and token["bracket"] == "(":
            begun = number
        if depth == 0:
            named = _BEGIN.match(lines[begun].text)
            if named is None or lines[number].text.strip() not in ("),", ")"):
                return None
            parts.append(_Part(named[1].lower(), begun, number))
    return None
