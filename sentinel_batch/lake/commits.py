"""How rows become part of a table: finished Parquet files, moved into its folder and named by one log entry."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import unquote
from uuid import uuid4

from deltalake import CommitProperties, Schema
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction, Transaction, create_table_with_add_actions

from sentinel_batch.lake.logs import list_actions, open_log
from sentinel_batch.schema import TABLES, arrow_schema, polars_schema

if TYPE_CHECKING:
    import polars as pl
    from deltalake import DeltaTable

Mode = Literal["append", "overwrite"]


@dataclass(frozen=True)
class StagedFile:
    """A finished Parquet file on the lake's disk, not yet part of a table.

    Parameters
    ----------
    path
        Where it lies now.
    name
        Its file name in the table's folder.
    partition
        Partition column to value, ISO formatted.
    rows
        Number of rows.
    first, last
        Bounds of its ``call_timestamp``, so that readers can skip the file.
    """

    path: Path
    name: str
    partition: dict[str, str]
    rows: int
    first: datetime | None = None
    last: datetime | None = None


def stage_frame(table: Path, frame: pl.DataFrame) -> list[StagedFile]:
    """Write the rows of a table into its folder, a file for each partition; none where there are no rows."""
    definition = TABLES[table.name]
    shaped = frame.select(frame[column].cast(kind) for column, kind in polars_schema(definition.columns).items())
    table.mkdir(exist_ok=True)
    return [_write_part(table, *part) for part in _partition(shaped, definition.partition_by)]


def commit_files(
    table: Path, files: Sequence[StagedFile], mode: Mode, commit_id: str | None, removed: Collection[Path] = ()
) -> None:
    """Move files into a table's folder and make them visible at once.

    Parameters
    ----------
    table
        The table's folder.
    files
        What to add.
    mode
        Beside the rows that are there, or in their place.
    commit_id
        Goes into the log.
    removed
        Files that leave the table in the same commit; they stay on disk for readers under way. If there are any, the
        files that are added hold the same rows.
    """
    definition = TABLES[table.name]
    # A commit that only repacks rows says so, and readers that follow changes are not told the same rows twice.
    data_change = not (files and removed)
    actions: list[AddAction | RemoveAction] = [_move(table, file, data_change=data_change) for file in files]
    settings: dict[str, Any] = {
        "schema": Schema.from_arrow(arrow_schema(definition.columns)),
        "partition_by": list(definition.partition_by),
        "commit_properties": _commit_properties(commit_id),
    }
    log = open_log(table) or _create(table, actions, settings)
    if log is not None:
        gone = {path.relative_to(table).as_posix() for path in removed}
        actions += _removals(log, gone, data_change=data_change) if gone else []
        log.create_write_transaction(actions, mode, **settings)


def _create(table: Path, actions: list[Any], settings: dict[str, Any]) -> DeltaTable | None:
    """Make a table with its first files; where another process made it meanwhile, return that instead."""
    try:
        create_table_with_add_actions(str(table), add_actions=actions, **settings)
    except DeltaError:
        # Two first writers may race to create the table. The loser adds to the winner's table instead.
        log = open_log(table)
        if log is None:
            raise
        return log
    return None


def _move(table: Path, file: StagedFile, *, data_change: bool) -> AddAction:
    folder = "/".join(f"{column}={value}" for column, value in file.partition.items())
    target = table / folder / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    # A rename, not a copy: both lie on the lake's disk, and a file is never seen half-written.
    file.path.replace(target)
    return AddAction(
        path=f"{folder}/{file.name}" if folder else file.name,
        size=target.stat().st_size,
        partition_values=dict(file.partition),
        modification_time=int(time.time() * 1000),
        data_change=data_change,
        stats=_stats(file),
    )


def _removals(log: DeltaTable, paths: set[str], *, data_change: bool) -> list[RemoveAction]:
    moment = int(time.time() * 1000)
    return [
        RemoveAction(path=action["path"], data_change=data_change, deletion_timestamp=moment, size=action["size_bytes"])
        for action in list_actions(log)
        # The log holds paths percent-encoded, as URLs; the file system does not.
        if unquote(action["path"]) in paths
    ]


def _write_part(table: Path, partition: dict[str, str], frame: pl.DataFrame) -> StagedFile:
    # A random name: a killed run may have left its own file, which must not be overwritten while somebody reads.
    path = table / f"part-{uuid4().hex}.parquet"
    frame.write_parquet(path)
    times = frame["call_timestamp"] if "call_timestamp" in frame.columns else None
    bounds = (times.min(), times.max()) if times is not None else (None, None)
    return StagedFile(path, path.name, partition, frame.height, *cast(Any, bounds))


def _partition(frame: pl.DataFrame, columns: Sequence[str]) -> Iterator[tuple[dict[str, str], pl.DataFrame]]:
    """Yield the rows of each partition, without its columns; nothing where there are no rows."""
    if not columns:
        if not frame.is_empty():
            yield {}, frame
        return
    for values, part in frame.partition_by(columns, as_dict=True, include_key=False, maintain_order=True).items():
        yield dict(zip(columns, map(str, values), strict=True)), part


def _commit_properties(commit_id: str | None) -> CommitProperties | None:
    if commit_id is None:
        return None
    # Checkpoints keep application transactions, and drop the free text of a commit.
    return CommitProperties(app_transactions=[Transaction(app_id=commit_id, version=1)])


def _stats(file: StagedFile) -> str:
    stats: dict[str, Any] = {"numRecords": file.rows}
    # Only the call time gets bounds: it is the one column by which readers leave files out.
    if file.first is not None and file.last is not None:
        stats["minValues"] = {"call_timestamp": _iso(file.first)}
        stats["maxValues"] = {"call_timestamp": _iso(file.last)}
    return json.dumps(stats)


def _iso(moment: datetime | date) -> str:
    # Written with a Z, as Delta's own writers do.
    return moment.isoformat().replace("+00:00", "Z")
