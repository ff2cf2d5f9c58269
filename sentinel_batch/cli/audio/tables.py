"""Tables that commands write beside the lake."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a Parquet file, whole or not at all, into a folder that is made if there is none.

    Raises
    ------
    UsageError
        If it cannot be written there.
    DiskFullError
        If the disk is full.
    """
    from sentinel_batch.alerts.files import exported_file

    with suppress(OSError):  # Where there is no folder, none could be made.
        path.parent.mkdir(parents=True, exist_ok=True)
    with exported_file(path) as fresh:
        table.write_parquet(fresh)
