"""Alerts as files: Parquet, CSV that a spreadsheet can open safely, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from batch_base.files import replaced_file
from batch_base.plain import to_plain
from sentinel_batch.alerts.queries import list_alerts
from sentinel_batch.desk import ConfigLike, DeskLike
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import full_disk_reported

EXPORT_VERSION = 1
"""Version of the JSON document; a change that breaks readers raises it."""

_SUFFIXES = (".parquet", ".csv", ".json")
_FORMULA = r"^[\s\x00\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]"
_PLAIN_NUMBER = r"^\+[0-9]+$"


def export_alerts(
    path: str | Path,
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    severity: str | Sequence[str] | None = None,
    reviewed: bool | None = None,
    suspect: str | None = None,
    since: datetime | None = None,
    status: str | Sequence[str] | None = "all",
    limit: int | None = None,
) -> Path:
    """Write alerts to one plain file, which appears complete or not at all.

    Parameters
    ----------
    path
        Ends in ``.parquet``, ``.csv`` (text that a spreadsheet would run as a formula gets a leading apostrophe) or
        ``.json``.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    severity, reviewed, suspect, since, status, limit
        As for :func:`sentinel_batch.alerts.queries.list_alerts`, but every status is exported unless one is named.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    UsageError
        If the suffix is not one of these, the folder does not exist or cannot be written, or a filter is not allowed.
    """
    target = Path(path)
    if target.suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"Alerts cannot be exported to {target.name!r}: unknown suffix {target.suffix!r}.",
            hint=f"Allowed: {', '.join(_SUFFIXES)}.",
        )
    alerts = list_alerts(
        lake=lake, config=config, severity=severity, reviewed=reviewed, suspect=suspect, since=since, status=status,
        limit=limit,
    )  # fmt: skip
    with exported_file(target) as fresh:
        if target.suffix.lower() == ".parquet":
            alerts.write_parquet(fresh)
        elif target.suffix.lower() == ".csv":
            write_guarded_csv(alerts, fresh)
        else:
            document = {"version": EXPORT_VERSION, "count": alerts.height, "alerts": json_rows(alerts)}
            fresh.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return target


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


def json_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dicts of JSON-ready values; times are RFC 3339 in UTC."""
    rows: list[dict[str, Any]] = to_plain(frame.to_dicts())
    return rows


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
