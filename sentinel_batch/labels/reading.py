"""Label files: CSV or Parquet, checked line by line before anything is kept."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.errors import LabelError
from sentinel_batch.labels.queries import LABELS
from sentinel_batch.numbers import normalise_number
from sentinel_batch.numbers.kinds import CALLERS, ROUNDED, SHORT_CODE
from sentinel_batch.window import now

REQUIRED = ("number", "label", "source", "date")
OPTIONAL = ("reason",)
KINDS = (".csv", ".parquet")

_LONGEST_TEXT = 500


@dataclass(frozen=True)
class Label:
    """One line of a file.

    Parameters
    ----------
    number
        In normal form.
    label
        One of :data:`~sentinel_batch.labels.queries.LABELS`.
    source
        Who says so.
    labelled_on
        The day that it is said of.
    reason
        Why; may be empty.
    line
        Line of the file, from 1; of Parquet the row, from 1.
    """

    number: str
    label: str
    source: str
    labelled_on: date
    reason: str
    line: int


def read_labels(file: Path, region: str) -> list[Label]:
    """Return the labels of a file.

    Parameters
    ----------
    file
        CSV in UTF-8 with a header, or Parquet: columns :data:`REQUIRED`, and ``reason`` if there is one.
    region
        Where national numbers are read.

    Raises
    ------
    LabelError
        If the file cannot be read, lacks a column, or a line is invalid: the first is named, the others counted.
    """
    labels, problems = [], []
    for line, row in _read(file):
        try:
            labels.append(_check(row, file, line, region))
        except LabelError as error:
            problems.append(error)
    problems += _find_contradictions(labels, file)
    if problems:
        first = problems[0]
        more = f" {len(problems) - 1:,} more lines are invalid." if len(problems) > 1 else ""
        raise LabelError(f"{first.message}{more} Nothing was imported.", hint=first.hint, **first.details)
    return labels


def _read(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if file.suffix.lower() not in KINDS:
        raise LabelError(
            f"{file} is no label file: its name ends in {file.suffix or 'nothing'!r}.",
            hint=f"Allowed: {', '.join(KINDS)}.",
            file=str(file),
        )
    try:
        if file.suffix.lower() == ".parquet":
            frame = pl.read_parquet(file, glob=False)
            _check_columns(frame.columns, file)
            yield from enumerate(frame.iter_rows(named=True), start=1)
        else:
            yield from _read_csv(file)
    except FileNotFoundError as error:
        raise LabelError(f"There is no file {str(file)!r}.", hint="Check the path.", file=str(file)) from error
    except UnicodeDecodeError as error:
        raise LabelError(
            f"{file} is not in UTF-8 (byte {error.start + 1:,}){_guess_encoding(file)}.",
            hint="Save it as CSV in UTF-8, or as Parquet.",
            file=str(file),
        ) from error
    except (OSError, csv.Error, pl.exceptions.PolarsError) as error:
        first = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), type(error).__name__)
        raise LabelError(
            f"{file} cannot be read: {first}", hint="Give a CSV file in UTF-8, or Parquet.", file=str(file)
        ) from error


def _guess_encoding(file: Path) -> str:
    """Return what a file's first bytes say that it is, as part of a sentence."""
    with file.open("rb") as opened:
        return ": it seems to be UTF-16" if opened.read(2) in (b"\xff\xfe", b"\xfe\xff") else ""


def _read_csv(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines)
        heads = [head.strip().lower() for head in next(reader, [])]
        _check_columns(heads, file)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) > len(heads):
                    cells = [*cells[: len(heads) - 1], ",".join(cells[len(heads) - 1 :])]
                yield reader.line_num, dict(zip(heads, cells, strict=False))


def _check_columns(present: Iterable[str], file: Path) -> None:
    found = list(present)
    twice = sorted({name for name in found if name in (*REQUIRED, *OPTIONAL) and found.count(name) > 1})
    if twice:
        raise LabelError(
            f"{file} has {', '.join(twice)} more than once.", hint="Name each column once.", file=str(file), value=twice
        )
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise LabelError(
            f"{file} lacks the columns {', '.join(missing)}; it has {', '.join(found) or 'none'}.",
            hint="Put commas between the columns."
            if len(found) == 1 and {";", "\t", "|"} & set(found[0])
            else f"Its first line must name {', '.join(REQUIRED)}, and may name {', '.join(OPTIONAL)}.",
            file=str(file),
            missing=missing,
        )


def _check(row: dict[str, Any], file: Path, line: int, region: str) -> Label:
    text = {name: str(row.get(name) if row.get(name) is not None else "").strip() for name in (*REQUIRED, *OPTIONAL)}

    def fail(column: str, allowed: str) -> LabelError:
        return LabelError(
            f"{file}:{line}: {column} is {text[column][:80]!r}.",
            hint=f"Allowed: {allowed}.",
            file=str(file),
            line=line,
            column=column,
            value=text[column][:80],
        )

    number, kind = normalise_number(text["number"], region)
    if kind == ROUNDED:
        raise fail("number", "a number with all its digits; a spreadsheet has rounded this one")
    if number is None or kind not in (*CALLERS, SHORT_CODE):
        raise fail("number", "one number such as +2348031234567")
    if text["label"].lower() not in LABELS:
        raise fail("label", ", ".join(LABELS))
    if not 0 < len(text["source"]) <= _LONGEST_TEXT:
        raise fail("source", "who says so, such as test calls")
    if len(text["reason"]) > _LONGEST_TEXT:
        raise fail("reason", f"at most {_LONGEST_TEXT} characters")
    day = _read_day(row["date"])
    if day is None:
        raise fail("date", "a day such as 2026-01-31")
    if day > now().date() + timedelta(days=1):  # A day ahead, as the source may live east of UTC.
        raise fail("date", "a day that has come")
    return Label(number, text["label"].lower(), text["source"], day, text["reason"], line)


def _read_day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.strptime(str(value).strip(), "%Y-%m-%d").date()
    except ValueError:
        return None


def _find_contradictions(labels: list[Label], file: Path) -> list[LabelError]:
    said: dict[tuple[str, str, date], Label] = {}
    problems = []
    for label in labels:
        before = said.setdefault((label.number, label.source, label.labelled_on), label)
        if before.label != label.label:
            problems.append(
                LabelError(
                    f"{file}:{label.line}: {label.number} is {label.label!r}, "
                    f"and {before.label!r} in line {before.line}.",
                    hint="A source says one thing of a number and day: keep one of the lines.",
                    file=str(file),
                    line=label.line,
                    value=label.label,
                )
            )
    return problems
