"""Frames as XLSX files: real numbers and times, and no text that could be anything but text."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

SHEET_ROWS = 1_048_575
"""Rows that a sheet holds beside its header."""

CELL_LENGTH = 32_767
"""Characters that a cell holds."""

EXACT = 10**15
"""Whole numbers from here on are rounded by spreadsheets."""

_OPTIONS = {
    "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
}  # fmt: skip
_WIDTHS = (8, 48)


def write_sheet(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame as a workbook of one sheet, with a header that stays in sight and filters.

    Parameters
    ----------
    frame
        At most :data:`SHEET_ROWS` rows of plain columns; times are UTC, and each cell says so.
    path
        File to write.
    """
    import xlsxwriter  # Late: few exports are spreadsheets.

    with xlsxwriter.Workbook(path, _OPTIONS) as book:
        sheet = book.add_worksheet("Sentinel Batch")
        moment = book.add_format({"num_format": 'yyyy-mm-dd hh:mm:ss "UTC"', "align": "left"})
        day, bold = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"bold": True})
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, frame.height, max(frame.width - 1, 0))
        for column, name in enumerate(frame.columns):
            sheet.set_column(column, column, _choose_width(frame[name]))
            sheet.write_string(0, column, name, bold)
        for row, values in enumerate(frame.iter_rows(), start=1):
            for column, value in enumerate(values):
                if value is not None:
                    _choose_writer(sheet, value, moment, day)(row, column)


def _choose_width(column: pl.Series) -> int:
    longest = column.head(200).cast(pl.String).str.len_chars().max() if column.dtype == pl.String else 16
    return min(max(int(longest) if isinstance(longest, int) else 0, len(column.name) + 2, _WIDTHS[0]), _WIDTHS[1])


def _choose_writer(sheet: Any, value: Any, moment: Any, day: Any) -> Callable[[int, int], object]:
    if isinstance(value, bool):
        return lambda row, column: sheet.write_boolean(row, column, value)
    if isinstance(value, datetime):
        return lambda row, column: sheet.write_datetime(row, column, value.replace(tzinfo=None), moment)
    if isinstance(value, date):
        return lambda row, column: sheet.write_datetime(row, column, value, day)
    if isinstance(value, int | float) and math.isfinite(value) and not (isinstance(value, int) and abs(value) >= EXACT):
        return lambda row, column: sheet.write_number(row, column, value)
    text = str(value)
    shown = text if len(text) <= CELL_LENGTH else text[: CELL_LENGTH - 1] + "…"
    return lambda row, column: sheet.write_string(row, column, shown)
