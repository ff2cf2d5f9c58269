"""Tables that commands write beside the lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sentinel_batch.errors import UsageError

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

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "Name a folder that can be written."
        raise UsageError(f"The folder {path.parent} cannot be made: {error.strerror}.", hint=hint) from error
    with exported_file(path) as fresh:
        table.write_parquet(fresh)
