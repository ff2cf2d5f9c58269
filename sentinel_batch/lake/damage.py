"""What is said when files of a table are missing or broken, whichever library stumbles over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polars.exceptions import PolarsError

from sentinel_batch.errors import LakeDamagedError
from sentinel_batch.lake.mirror import place_of
from sentinel_batch.lake.staging import full_disk_reported


@contextmanager
def damage_reported(lake: Path, what: str = "call records") -> Iterator[None]:
    """Turn what DuckDB, Polars or the system says of unreadable files into a :class:`LakeDamagedError`.

    Parameters
    ----------
    lake
        The lake's folder.
    what
        What is read, for the message.
    """
    import duckdb  # Late: lists of alerts are read without it.

    try:
        with full_disk_reported(lake):
            yield
    except (duckdb.Error, PolarsError, OSError) as error:
        first, *_ = str(error).strip().splitlines() or [type(error).__name__]
        raise LakeDamagedError(
            f"The {what} in {place_of(lake)} cannot be read: {first}",
            hint="Run sentinel-batch doctor, which names the files that are missing or broken.",
        ) from error
