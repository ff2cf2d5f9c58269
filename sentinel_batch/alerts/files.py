"""Frames as files that others open: CSV and XLSX that a spreadsheet can trust, JSON; each is whole or not there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from batch_base.files import replaced_file
from batch_base.plain import to_plain
from sentinel_batch.alerts.sheets import SHEET_ROWS, write_sheet
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import full_disk_reported

EXPORT_SUFFIXES = (".parquet", ".csv", ".json", ".xlsx")

_FORMULA = r"^[\s\x00\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]"
_PLAIN_NUMBER = r"^\+[0-9]+$"


def guard_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before every text that a spreadsheet would take for a formula.

    Guarded are texts that begin, after white space, with ``=``, ``+``, ``-`` or ``@`` (or their full-width forms), or
    with a tab or a line break (OWASP, "CSV injection"). A plain international number, ``+`` and digits alone, stays as
    it is: it is a number to a spreadsheet, never a formula, and other programs must be able to read it back.

    Parameters
    ----------
    frame
        Any frame; only its text columns and their values are looked at.

    Returns
    -------
    polars.DataFrame
        The same rows and columns.
    """
    text = pl.col(pl.String)
    dangerous = text.str.contains(_FORMULA) & ~text.str.contains(_PLAIN_NUMBER)
    return frame.with_columns(pl.when(dangerous).then("'" + text).otherwise(text).name.keep())


def write_guarded_csv(frame: pl.DataFrame, path: Path) -> None:
    """Write a CSV file with guarded, quoted text and times in RFC 3339."""
    guard_formulas(frame).write_csv(path, quote_style="non_numeric", datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ")


def write_guarded_sheet(frame: pl.DataFrame, path: Path) -> None:
    """Write an XLSX file with guarded text that is text to the spreadsheet, whatever it looks like; times are UTC.

    Whole numbers that a spreadsheet would round (beyond 15 digits) become text, and what is longer than a cell may be
    (32,767 characters) ends in an ellipsis.

    Raises
    ------
    UsageError
        If there are more rows than a sheet can hold (1,048,575 beside its header).
    """
    if frame.height > SHEET_ROWS:
        raise UsageError(
            f"{frame.height:,} rows do not fit into a sheet.",
            hint="Narrow the export with --since or --severity, or write .csv or .parquet.",
            allowed=f"at most {SHEET_ROWS:,}",
        )
    write_sheet(guard_formulas(frame), path)


def json_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dicts of JSON-ready values; times are RFC 3339 in UTC."""
    rows: list[dict[str, Any]] = to_plain(frame.to_dicts())
    return rows


def check_suffix(path: str | Path, subject: str) -> Path:
    """Return the file that something is exported to, such as ``Alerts``.

    Raises
    ------
    UsageError
        If its suffix is none of :data:`EXPORT_SUFFIXES`.
    """
    target = Path(path)
    if target.suffix.lower() not in EXPORT_SUFFIXES:
        raise UsageError(
            f"{subject} cannot be exported to {target.name!r}: unknown suffix {target.suffix!r}.",
            hint=f"Allowed: {', '.join(EXPORT_SUFFIXES)}.",
        )
    return target


def export_rows(target: Path, rows: pl.DataFrame, flat: pl.DataFrame, describe: Callable[[], dict[str, Any]]) -> Path:
    """Write rows as Parquet, their flat form as CSV or XLSX, or a description as JSON, as the target's suffix says."""
    with exported_file(target) as fresh:
        if target.suffix.lower() == ".parquet":
            rows.write_parquet(fresh)
        elif target.suffix.lower() == ".csv":
            write_guarded_csv(flat, fresh)
        elif target.suffix.lower() == ".xlsx":
            write_guarded_sheet(flat, fresh)
        else:
            fresh.write_text(json.dumps(describe(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return target


@contextmanager
def exported_file(target: Path) -> Iterator[Path]:
    """Give a new file beside the target; it takes the target's place when the block ends well.

    Raises
    ------
    UsageError
        If the folder does not exist or cannot be written.
    DiskFullError
        If the disk is full.
    """
    try:
        with replaced_file(target) as fresh, full_disk_reported(target.parent):
            yield fresh
    except OSError as error:
        hint = "Name a file in an existing folder that can be written."
        raise UsageError(f"{target} cannot be written: {error.strerror or error}.", hint=hint) from error
