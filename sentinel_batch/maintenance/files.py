"""The data files of a table: what the log says about each of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import unquote

from sentinel_batch.lake import SORTED_PREFIX, Snapshot, list_actions
from sentinel_batch.schema import TABLES


@dataclass(frozen=True)
class DataFile:
    """A Parquet file as the table's log describes it.

    Parameters
    ----------
    path
        Where it should lie.
    partition
        Partition column to value, ISO formatted.
    rows, size_bytes
        What the log says; ``rows`` is None when the log does not say.
    """

    path: Path
    partition: tuple[tuple[str, str], ...]
    rows: int | None
    size_bytes: int

    @property
    def is_sorted(self) -> bool:
        """Whether its rows are in the table's order."""
        return self.path.name.startswith(SORTED_PREFIX)


def list_data_files(tables: Snapshot, name: str) -> list[DataFile]:
    """List the files of a table, by path.

    Raises
    ------
    LakeDamagedError
        If the table's log cannot be read.
    """
    log = tables.log(name)
    if log is None:
        return []
    columns = TABLES[name].partition_by
    found = [
        DataFile(
            path=tables.path / name / unquote(action["path"]),
            partition=tuple((column, str(action[f"partition.{column}"])) for column in columns),
            rows=action.get("num_records"),
            size_bytes=action["size_bytes"],
        )
        for action in list_actions(log)
    ]
    return sorted(found, key=lambda file: file.path)


def group_by_partition(files: list[DataFile]) -> dict[tuple[tuple[str, str], ...], list[DataFile]]:
    """Group files by partition, oldest partition first."""
    groups: dict[tuple[tuple[str, str], ...], list[DataFile]] = {}
    for file in sorted(files, key=lambda file: (file.partition, file.path)):
        groups.setdefault(file.partition, []).append(file)
    return groups


def partition_date(file: DataFile) -> date:
    """Return the ``call_date`` of a call record file."""
    return date.fromisoformat(dict(file.partition)["call_date"])
