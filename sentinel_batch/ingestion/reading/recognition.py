"""Which dialect a file is of, and where its columns stand: found from its first lines."""

from __future__ import annotations

from collections.abc import Sequence

from sentinel_batch.errors import UnrecognisedFileError
from sentinel_batch.ingestion.dialects.catalogue import DIALECTS, load_dialect
from sentinel_batch.ingestion.dialects.dialect import Dialect
from sentinel_batch.ingestion.reading.headerless import DELIMITERS, find_headerless
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.reading.spans import RULER, find_spans
from sentinel_batch.ingestion.reading.splitting import split_line
from sentinel_batch.ingestion.values.words import fold_word

HEADER_LINES = 60
"""A header is looked for in so many lines."""


def find_layout(lines: Sequence[str], dialect: Dialect | None, source: str) -> Layout | None:
    """Find a file's layout from its first lines.

    Parameters
    ----------
    lines
        The first lines of the file, without their ends.
    dialect
        The dialect that the user named, None to find it.
    source
        The file's name, for the error.

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
    for candidate in [dialect] if dialect is not None else map(load_dialect, DIALECTS):
        layout = _find_header(lines, candidate)
        if layout is None and candidate.header != "required":
            layout = find_headerless(lines, candidate, source, named=dialect is not None)
        if layout is not None:
            return layout
    raise _unrecognised(lines, dialect, source)


def _unrecognised(lines: Sequence[str], dialect: Dialect | None, source: str) -> UnrecognisedFileError:
    tried = ", ".join(DIALECTS if dialect is None else [dialect.name])
    number, first = next((number, line) for number, line in enumerate(lines, 1) if line.strip())
    text = f"{source}:{number}: no dialect fits (tried {tried}). The file starts with {first[:120]!r}."
    near = _nearest_header(lines, dialect or load_dialect("generic"))
    if near is not None:
        line, wanted, columns, missing = near
        text += (
            f" Line {line} has columns of {wanted.name} ({', '.join(columns)}), but none for {' and '.join(missing)}"
            f"{_describe_wanted(wanted, missing)}."
        )
    hint = f"Describe it in a TOML file (docs/dialects.md), then: sentinel-batch ingest {source} --dialect mine.toml"
    if dialect is not None:
        hint = f"Name another with --dialect, or have it found: sentinel-batch ingest {source} --dry-run"
    return UnrecognisedFileError(text, hint=hint)


def _describe_wanted(dialect: Dialect, missing: Sequence[str]) -> str:
    names = [name for field in missing for name in dialect.fields.get(field, ())]
    return f" (looked for {', '.join(names[:6])}{', …' if len(names) > 6 else ''})" if names else ""


def _nearest_header(lines: Sequence[str], dialect: Dialect) -> tuple[int, Dialect, list[str], list[str]] | None:
    """Return the line that feeds most of a call's fields, what it has of the dialect, and what it lacks."""
    found = None
    known = {name for names in dialect.fields.values() for name in names} | set(dialect.recognised_by)
    for number, line in enumerate(lines[:HEADER_LINES], 1):
        for delimiter in [dialect.delimiter] if dialect.delimiter in DELIMITERS else DELIMITERS:
            names = {fold_word(cell) for cell in split_line(line, delimiter)}
            had, lacks = sorted(names & known), dialect.misses(names)
            lacks = lacks or sorted(set(dialect.recognised_by) - names)
            if len(had) > 1 and (found is None or len(had) > len(found[2])):
                found = (number, dialect, had, lacks)
    return found


def _find_header(lines: Sequence[str], dialect: Dialect) -> Layout | None:
    if dialect.header == "none":
        return None
    wanted = [dialect.delimiter] if dialect.delimiter else [*DELIMITERS, "fixed"]
    for number, line in enumerate(lines[:HEADER_LINES]):
        if not line.strip():
            continue
        for delimiter in wanted:
            spans: tuple[tuple[int, int | None], ...] = ()
            if delimiter == "fixed":
                spans = find_spans(lines, number)
                names = tuple(fold_word(line[start:end]) for start, end in spans)
            else:
                names = tuple(fold_word(cell) for cell in split_line(line, delimiter))
            if len(names) > 1 and dialect.recognises(set(names)):
                header_lines = 1 + _count_extra_rows(lines[number + 1 : number + 3], dialect, delimiter)
                names = _first_only(names)
                return Layout(dialect, delimiter, names, number + 1 + header_lines, line, number, header_lines, spans)
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
