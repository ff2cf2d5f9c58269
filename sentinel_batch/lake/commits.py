"""How rows become part of a table: finished Parquet files, moved into its folder and named by one log entry."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import unquote
from uuid import uuid4

from deltalake import CommitProperties, Schema
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction, Transaction, create_table_with_add_actions

from sentinel_batch.lake.logs import list_actions, open_log
from sentinel_batch.schema import TABLES, Table, arrow_schema, polars_schema

if TYPE_CHECKING:
    import polars as pl
    from deltalake import DeltaTable

    from sentinel_batch.lake.publishing import Publisher

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
    table: Path,
    files: Sequence[StagedFile],
    mode: Mode,
    commit_id: str | None,
    removed: Collection[Path] = (),
    publisher: Publisher | None = None,
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
    publisher
        Takes the files on to object storage, if the lake is there.
    """
    # A commit that only repacks rows says so, and readers that follow changes are not told the same rows twice.
    data_change = not (files and removed)
    # In object storage, writers do not see each other's files: no name may ever be used twice.
    named = files if publisher is None else [_name_apart(file) for file in files]
    added = [_move(table, file, data_change=data_change) for file in named]
    gone = {path.relative_to(table).as_posix() for path in removed}
    change = _Change(TABLES[table.name], added, gone, mode, data_change=data_change)
    if publisher is None:
        properties = _commit_properties(commit_id)
        log = open_log(table) or _create(table, change, properties)
        if log is not None:
            change.add_to(log, properties)
    else:
        publisher.upload([table / action.path for action in added])
        publisher.commit(table.name, partial(_publish, publisher, change, commit_id))


def delete_rows(table: Path, condition: str, publisher: Publisher | None = None) -> None:
    """Delete the rows of a table that meet a condition, in one commit."""
    if publisher is None:
        log = open_log(table)
        if log is not None:
            log.delete(condition)
        return

    def delete(log: DeltaTable | None, token: str) -> None:
        if log is not None:
            log.delete(condition, commit_properties=_commit_properties(None, token))

    publisher.commit(table.name, delete)


@dataclass(frozen=True)
class _Change:
    """What a commit does to a table."""

    definition: Table
    added: list[AddAction]
    gone: set[str]
    mode: Mode
    data_change: bool

    def add_to(self, log: DeltaTable, properties: CommitProperties | None) -> None:
        removals = _removals(log, self.gone, data_change=self.data_change) if self.gone else []
        actions: list[AddAction | RemoveAction] = [*self.added, *removals]
        log.create_write_transaction(actions, self.mode, commit_properties=properties, **self._settings)

    def make_table(self, url: str, properties: CommitProperties | None, **options: Any) -> None:
        settings = {"add_actions": self.added, "commit_properties": properties, **self._settings, **options}
        create_table_with_add_actions(url, **settings)

    @property
    def _settings(self) -> dict[str, Any]:
        return {
            "schema": Schema.from_arrow(arrow_schema(self.definition.columns)),
            "partition_by": list(self.definition.partition_by),
        }


def _create(table: Path, change: _Change, properties: CommitProperties | None) -> DeltaTable | None:
    """Make a table with its first files; where another process made it meanwhile, return that instead."""
    try:
        change.make_table(str(table), properties)
    except DeltaError:
        # Two first writers may race to create the table. The loser adds to the winner's table instead.
        log = open_log(table)
        if log is None:
            raise
        return log
    return None


def _publish(publisher: Publisher, change: _Change, commit_id: str | None, log: DeltaTable | None, token: str) -> None:
    properties = _commit_properties(commit_id, token)
    if log is None:
        url = publisher.url(change.definition.name)
        change.make_table(url, properties, storage_options=publisher.store.options)
    else:
        change.add_to(log, properties)


def _name_apart(file: StagedFile) -> StagedFile:
    stem, _, suffix = file.name.rpartition(".")
    return replace(file, name=f"{stem}-{uuid4().hex[:12]}.{suffix}")


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


def _commit_properties(commit_id: str | None, token: str | None = None) -> CommitProperties | None:
    # Checkpoints keep application transactions, and drop the free text of a commit.
    transactions = None if commit_id is None else [Transaction(app_id=commit_id, version=1)]
    if token is not None:
        # Tried once: the library would try again on top of commits that were never looked at.
        return CommitProperties({"sentinelToken": token}, max_commit_retries=0, app_transactions=transactions)
    return None if transactions is None else CommitProperties(app_transactions=transactions)


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
