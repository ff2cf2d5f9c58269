"""The queries of a rule: what stands in its ``.sql`` file, with steps put in, taken apart and joined anew."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from sentinel_batch.errors import RuleError
from sentinel_batch.rules.expansion import Expansion, Line, Query
from sentinel_batch.rules.ladder import Ladder
from sentinel_batch.rules.steps import load_step

SLIDING, TRAILING, DETAILS = "sliding", "trailing", "details"
QUERIES = (SLIDING, TRAILING, DETAILS)
"""Queries of a rule: ``sliding`` examines every instant of a period, ``trailing`` only its last one; ``details`` names
what belongs to a suspect (victims, cells), for the evidence."""

_MARK = re.compile(r"^-- query: *(\S*)[ \t]*$", re.MULTILINE)
_WORD = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|(?P<bracket>[()])|(?P<word>\w+)", re.DOTALL)


def read_queries(
    text: str,
    file: str,
    ladder: Ladder,
    *,
    has_trailing: bool = False,
    own_steps: Path | None = None,
    is_swept: bool = False,
) -> Mapping[str, Query]:
    """Return the queries of a rule, by name.

    Parameters
    ----------
    text
        Content of its ``.sql`` file: a query, and perhaps a second one below the line ``-- query: details``, which may
        read whatever the first one names in its ``WITH``.
    file
        The file, for messages and places.
    ladder
        The rule's severities.
    has_trailing
        Whether the rule has a query for one trailing window, too.
    own_steps
        Folder of the book's own steps, if it has one.
    is_swept
        Whether the queries are to read the states of their sweep from a table.

    Raises
    ------
    RuleError
        If a call in the text is wrong, there is no query, or the rule cannot have a trailing query.
    """
    main, details = _split(text, file)
    expansion = Expansion(ladder, own_steps, is_swept=is_swept)
    lines = _trim(expansion.expand(main, file))
    if not lines:
        raise RuleError(f"{file}:1: the rule has no query.", hint="Write a SELECT that returns its findings.")
    queries = {SLIDING: Query(tuple(lines))}
    if has_trailing:
        trailing = _trim(Expansion(ladder, own_steps, is_trailing=True).expand(main, file))
        if not any(load_step(step, own_steps).has_trailing for line in trailing for step in line.steps):
            hint = "Leave out trailing = true, or call sweep."
            raise RuleError(f"{file}:1: the rule sweeps no window that could be a trailing one.", hint=hint)
        queries[TRAILING] = Query(tuple(trailing))
    if details is not None:
        first_line = main.count("\n") + 2
        more = _trim(expansion.expand(details, file, first_line))
        if not more:
            raise RuleError(f"{file}:{first_line - 1}: the query details is empty.", hint="Write a SELECT below it.")
        queries[DETAILS] = Query(tuple(_share_steps(lines, more)))
    return queries


def _split(text: str, file: str) -> tuple[str, str | None]:
    marks = list(_MARK.finditer(text))
    for number, mark in enumerate(marks):
        if mark[1] != DETAILS or number:
            line = text.count("\n", 0, mark.start()) + 1
            hint = f"The first query needs no mark, the second one is marked: -- query: {DETAILS}"
            raise RuleError(f"{file}:{line}: there is no query {mark[1]!r} here.", hint=hint, file=file, line=line)
    return (text[: marks[0].start()], text[marks[0].end() + 1 :]) if marks else (text, None)


def _trim(lines: Sequence[Line]) -> list[Line]:
    """Leave out blank lines at both ends, and the semicolon."""
    kept = list(lines)
    while kept and not kept[0].text.strip():
        kept.pop(0)
    while kept and not kept[-1].text.strip().removesuffix(";"):
        kept.pop()
    if kept:
        kept[-1] = kept[-1]._replace(text=kept[-1].text.rstrip().removesuffix(";"))
    return kept if any(not line.text.lstrip().startswith("--") and line.text.strip() for line in kept) else []


def _share_steps(main: Sequence[Line], details: Sequence[Line]) -> list[Line]:
    """Return the second query, with all that the first one names in its WITH before it."""
    shared = _leading_with(main)
    if not shared:
        return list(details)
    words = [word for word in _WORD.finditer("\n".join(line.text for line in details)) if word["word"]]
    if words[0]["word"].upper() != "WITH":
        return [*shared, shared[-1]._replace(text=""), *details]
    return [*shared[:-1], shared[-1]._replace(text=f"{shared[-1].text},"), *_without_with(details)]


def _leading_with(lines: Sequence[Line]) -> list[Line]:
    """Return the lines above the final SELECT: none if there is no WITH."""
    text = "\n".join(line.text for line in lines)
    depth, number = 0, 0
    for token in _WORD.finditer(text):
        if token["bracket"]:
            depth += 1 if token["bracket"] == "(" else -1
        elif token["word"] and depth == 0 and token["word"].upper() == "SELECT":
            number = text.count("\n", 0, token.start())
            break
    kept = list(lines[:number])
    while kept and (not kept[-1].text.strip() or kept[-1].text.lstrip().startswith("--")):
        kept.pop()
    return kept


def _without_with(lines: Sequence[Line]) -> list[Line]:
    done, made = False, []
    for line in lines:
        if not done and not line.text.lstrip().startswith("--") and line.text.strip():
            line, done = line._replace(text=re.sub(r"\bWITH\b ?", "", line.text, count=1, flags=re.IGNORECASE)), True
        made.append(line)
    return made
