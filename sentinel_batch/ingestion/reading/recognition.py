"""Which dialect a file is of, and where its columns stand: found from its first lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from batch_base.suggestions import find_nearest
from sentinel_batch.errors import UnrecognisedFileError
from sentinel_batch.ingestion.dialects.catalogue import DIALECTS, load_dialect
from sentinel_batch.ingestion.dialects.dialect import PLACEHOLDER, Dialect
from sentinel_batch.ingestion.reading.given import NOTHING_GIVEN, Given
from sentinel_batch.ingestion.reading.headerless import DELIMITERS, find_headerless
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.reading.spans import RULER, find_spans
from sentinel_batch.ingestion.reading.splitting import split_line
from sentinel_batch.ingestion.values.headers import fold_header
from sentinel_batch.ingestion.values.words import fold_word

_SHOWN = 3
HEADER_LINES = 60
"""A header is looked for in so many lines."""


def find_layout(
    lines: Sequence[str],
    dialect: Dialect | None,
    source: str,
    given: Given = NOTHING_GIVEN,
) -> Layout | None:
    """Find a file's layout from its first lines.

    Parameters
    ----------
    lines
        The first lines of the file, without their ends.
    dialect
        The dialect that the user named, None to find it.
    source
        The file's name, for the error.
    given
        Options to repeat in the commands that the error names.

    Returns
    -------
    Layout or None
        None for a file that has no line but blank ones.

    Raises
    ------
    UnrecognisedFileError
        If no dialect fits.
    """
    if not any(line.strip() for line in lines):
        return None
    # One after the other: to load all takes 50 ms, and those that come after the one that fits are not asked.
    candidates = [dialect] if dialect is not None else map(load_dialect, DIALECTS)
    headers = _read_headers(lines, dialect)
    for candidate in candidates:
        layout = _find_header(lines, candidate, headers)
        if layout is None and candidate.header != "required":
            layout = find_headerless(lines, candidate, source, None if dialect is None else given)
        if layout is not None:
            return layout
    raise _unrecognised(lines, dialect, source, given)


def _unrecognised(lines: Sequence[str], dialect: Dialect | None, source: str, given: Given) -> UnrecognisedFileError:
    number, first = next((number, line) for number, line in enumerate(lines, 1) if line.strip())
    tried = dialect.name if dialect is not None else _name_tried(lines)
    text = f"{source}:{number}: no dialect fits (tried {tried}). The file starts with {first[:120]!r}."
    near = _nearest_header(lines, dialect or load_dialect("generic"))
    meant = ""
    if near is not None:
        line, wanted, columns, missing, names = near
        text += (
            f" Line {line} has columns of {wanted.name} ({', '.join(columns)}), but none for {' and '.join(missing)}"
            f"{_describe_wanted(wanted, missing)}."
        )
        blank = _list_blank(wanted, missing)
        if blank:
            return UnrecognisedFileError(text, hint=_say_blank(blank, names, set(columns), source, given))
        meant = suggest_columns(wanted, missing, names) if dialect is not None else ""
    return UnrecognisedFileError(text, hint=" ".join(filter(None, (meant, next_command(source, given)))))


def _name_tried(lines: Sequence[str]) -> str:
    """Name the dialects that have most of a line's columns, and count the others."""
    cells = [split_line(line, delimiter) for line in lines[:HEADER_LINES] for delimiter in DELIMITERS]
    score = {
        name: max((len(dialect.named.intersection(fold_columns(row, dialect))) for row in cells), default=0)
        for name in DIALECTS
        for dialect in [load_dialect(name)]
    }
    near = [name for name in sorted(score, key=lambda name: -score[name]) if score[name]][:_SHOWN] or ["generic"]
    return f"{', '.join(near)} and {len(DIALECTS) - len(near)} more"


def _list_blank(dialect: Dialect, missing: Sequence[str]) -> list[str]:
    """Return the fields whose column a proposed dialect leaves to be filled in."""
    return [field for field in missing if dialect.fields.get(field) == (fold_word(PLACEHOLDER.format(field)),)]


def _say_blank(blank: Sequence[str], names: Sequence[str], used: set[str], source: str, given: Given) -> str:
    free = ", ".join(name for name in names if name and name not in used) or "none"
    file = given.dialect or "the dialect"
    return (
        f"Fill in the column of {' and '.join(blank)} in {file}. Columns that are not used are: {free}. "
        f"Then: {given.type('ingest', source, '--dry-run')}"
    )


def next_command(source: str, given: Given) -> str:
    """Return what to type when a file does not fit: a dialect that was named, or any."""
    if given.dialect:
        found = given.type_anew("dialects show", source)
        return f"See what is missing: {given.type('dialects show', source)}. See what fits: {found}"
    return f"See what comes near: {given.type('dialects show', source)}. For a dialect to go on from: " + (
        given.type_proposal(source)
    )


def suggest_columns(dialect: Dialect, missing: Sequence[str], names: Iterable[str]) -> str:
    """Return which columns of the file may have been meant by those that a dialect names."""
    options, found = [name for name in names if name], []
    for field in missing:
        for column in dialect.fields.get(field, (field,)):
            near = find_nearest(column, options)
            if near is not None:
                found.append(f"The file has no column {column}. Did you mean {near}?")
    return " ".join(dict.fromkeys(found[:3]))


def _describe_wanted(dialect: Dialect, missing: Sequence[str]) -> str:
    names = [name for field in missing for name in dialect.fields.get(field, ())]
    return f" (looked for {', '.join(names[:6])}{', …' if len(names) > 6 else ''})" if names else ""


class _Near(NamedTuple):
    """A line that feeds some of a call's fields: what it has of a dialect, what it lacks, and all its names."""

    line: int
    dialect: Dialect
    had: list[str]
    lacks: list[str]
    names: tuple[str, ...]


def _nearest_header(lines: Sequence[str], dialect: Dialect) -> _Near | None:
    """Return the line that feeds most of a call's fields."""
    found = None
    known = {name for names in dialect.fields.values() for name in names} | set(dialect.recognised_by)
    for number, line in enumerate(lines[:HEADER_LINES], 1):
        for delimiter in [dialect.delimiter] if dialect.delimiter in DELIMITERS else DELIMITERS:
            names = fold_columns(split_line(line, delimiter), dialect)
            had, lacks = sorted(known.intersection(names)), dialect.misses(set(names))
            lacks = lacks or sorted(set(dialect.recognised_by).difference(names))
            if len(had) > 1 and (found is None or len(had) > len(found.had)):
                found = _Near(number, dialect, had, lacks, names)
    return found


@dataclass(frozen=True)
class _Header:
    """A line as a header would be read: its place, delimiter, spans of aligned columns, and cells."""

    place: int
    delimiter: str
    spans: tuple[tuple[int, int | None], ...]
    cells: tuple[str, ...]


def _read_headers(lines: Sequence[str], dialect: Dialect | None) -> list[_Header]:
    """Return the lines that could be headers, split by each delimiter: once for all dialects, None for any."""
    own = dialect.delimiter if dialect is not None else None
    delimiters = [*DELIMITERS, "fixed"] if own is None else [own]
    headers = []
    for place, line in enumerate(lines[:HEADER_LINES]):
        for delimiter in delimiters if line.strip() else []:
            spans = find_spans(lines, place) if delimiter == "fixed" else ()
            cells = [line[start:end] for start, end in spans] if spans else []
            cells = split_line(line, delimiter) if delimiter != "fixed" else cells
            if len(cells) > 1:
                headers.append(_Header(place, delimiter, spans, tuple(cells)))
    return headers


_fold = lru_cache(maxsize=4096)(fold_word)
_fold_hump = lru_cache(maxsize=4096)(fold_header)


def fold_columns(cells: Iterable[str], dialect: Dialect) -> tuple[str, ...]:
    """Return the names of a header's columns as a dialect compares them.

    Where the dialect goes by likely names, one that it does not know is split into the words of its CamelCase.
    """
    if not dialect.guess:
        return tuple(map(_fold, cells))
    return tuple(_fold(cell) if _fold(cell) in dialect.named else _fold_hump(cell) for cell in cells)


def _find_header(lines: Sequence[str], dialect: Dialect, headers: Sequence[_Header]) -> Layout | None:
    if dialect.header == "none":
        return None
    known = {name for names in dialect.fields.values() for name in names}
    for header in headers:
        if dialect.delimiter not in (None, header.delimiter):
            continue
        names = fold_columns(header.cells, dialect)
        if not known.isdisjoint(names) and dialect.recognises(set(names)):
            place = header.place
            header_lines = 1 + _count_extra_rows(lines[place + 1 : place + 3], dialect, header.delimiter)
            names, first = _first_only(names), place + 1 + header_lines
            before = "\n".join(lines[:place])
            form = (dialect, header.delimiter, names, first, lines[place], place, header_lines, header.spans)
            return Layout(*form, preamble=before)
    return None


def _first_only(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name if name not in names[:place] else "" for place, name in enumerate(names))


def _count_extra_rows(lines: Sequence[str], dialect: Dialect, delimiter: str) -> int:
    count = 0
    for line in lines:
        ruler = bool(RULER.match(line))
        types = dialect.type_row and line.upper().lstrip('"').startswith(("INTEGER", "VARCHAR", "UNIQUEIDENTIFIER"))
        if not (ruler or types):
            break
        count += 1
    return count
