"""One file's rows into the lake: duplicates out, side tables first, then one atomic commit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sentinel_batch.ingestion.loading.deduplication import (
    KEY,
    KeySpill,
    find_clashes,
    pick_rows,
    rewrite,
    sort_hashes,
)
from sentinel_batch.ingestion.loading.identity import IDENTITY, find_duplicates
from sentinel_batch.ingestion.loading.legs import LegRule, collapse_legs
from sentinel_batch.ingestion.loading.parts import Committed, Part, Repeated, compose_file
from sentinel_batch.ingestion.loading.shelf import Stamp
from sentinel_batch.ingestion.loading.staging import Staged
from sentinel_batch.ingestion.result import FileResult
from sentinel_batch.ingestion.shaping.fields import has_legs
from sentinel_batch.ingestion.shaping.rows import Shaping
from sentinel_batch.lake import Lake, Snapshot, StagedFile, fetch_files, scan_parts
from sentinel_batch.schema import CALL_RECORDS, INGESTS, REJECTED_RECORDS, polars_schema

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


_LEG_REACH = timedelta(days=1)


def find_earlier(tables: Snapshot, ingest_id: str, ingests: pl.DataFrame | None = None) -> Repeated | None:
    """Return what is known of a committed ingest, None if there was none.

    Parameters
    ----------
    tables
        Where it would be.
    ingest_id
        Which.
    ingests
        Of :func:`list_like`; None reads them.
    """
    import polars as pl

    if not tables.is_committed(CALL_RECORDS.name, ingest_id):
        return None
    known = tables.scan(INGESTS.name) if ingests is None else ingests.lazy()
    row = known.filter(pl.col("ingest_id") == ingest_id).collect().row(-1, named=True)
    return Repeated(
        encoding=row["encoding"],
        records_processed=row["records_processed"],
        records_rejected=row["records_rejected"],
        rejects_by_reason=json.loads(row["rejects_by_reason"]),
        records_skipped=row["records_skipped"] or 0,
        skipped_by_type=json.loads(row["skipped_by_type"] or "{}"),
        duplicates_skipped=row["records_processed"] - row["records_rejected"] - (row["records_skipped"] or 0),
        legs_collapsed=row["legs_collapsed"],
        notices=[f"The same content was ingested before, from {row['source_file']}."],
    )


def list_like(tables: Snapshot, size_bytes: int) -> pl.DataFrame:
    """Return the ingests of files of this size: only if there are any, its content may be known."""
    import polars as pl

    return tables.scan(INGESTS.name).filter(pl.col("size_bytes") == size_bytes).collect()


def _has_rows(tables: Snapshot, name: str, condition: pl.Expr) -> bool:
    """Tell whether a table has such rows; a table that was never written is not worth a query."""
    return bool(tables.files(name)) and not tables.scan(name).filter(condition).head(1).collect().is_empty()


def commit_file(
    staged: Staged,
    lake: Lake,
    known: list[Snapshot],
    before: Sequence[Part],
    shaping: Shaping,
    stamp: Stamp,
    run_id: str,
) -> Committed:
    """Remove what is there already, and commit the rest; call it under the lake's lock.

    Rejects and the row of ``ingests`` are written first: they count only once the log of ``call_records`` holds the
    ingest's id, so a run that is killed in between leaves nothing half-visible.

    Parameters
    ----------
    staged
        The file's parts.
    lake
        Where to commit.
    known
        Tables whose calls are there already, those of the lake first.
    before
        What earlier stages said of the file.
    shaping
        What the records depend on.
    stamp
        What all records have in common.
    run_id
        The run that this is part of.
    """
    files, collapsed = staged.files, 0
    notices: list[str] = []
    if has_legs(shaping.layout) and files:
        files, collapsed = _collapse(files, known, shaping)
    if files:
        whole = sum(part.rows for part in files) == sum(part.rows for part in staged.files)
        files, notices = _remove_duplicates(files, known, staged.keys if whole else None, shaping)
        files, read_before = _leave_out_read_before(files, known, stamp)
        notices += read_before
    counts, inserted = compose_file(stamp.source_file, before), sum(part.rows for part in files)
    duplicates = counts.records_processed - counts.records_rejected - counts.records_skipped - inserted
    committed = Committed(inserted, duplicates, collapsed, *_bounds(files), notices=notices)
    _prepare(
        staged.rejects, lake, known[0], compose_file(stamp.source_file, [*before, committed]), shaping, stamp, run_id
    )
    lake.add_files(CALL_RECORDS.name, files, commit_id=stamp.ingest_id)
    return committed


def _leave_out_read_before(
    files: list[StagedFile], known: list[Snapshot], stamp: Stamp
) -> tuple[list[StagedFile], list[str]]:
    """Drop the lines that the lake has from the same content, read with other settings; return the rest, and notices.

    Read otherwise, they may have other numbers, times or durations, so nothing but their place tells that they are the
    same calls.
    """
    import polars as pl

    notices = []
    for tables in known:
        same = (pl.col("sha256") == stamp.sha256) & (pl.col("ingest_id") != stamp.ingest_id)
        earlier = tables.scan(INGESTS.name).filter(same).collect()
        ids = tables.committed(CALL_RECORDS.name, earlier["ingest_id"].unique())
        if not ids:
            continue
        held = scan_parts(CALL_RECORDS.name, tables.files(CALL_RECORDS.name), partitions=False)
        read = held.filter(pl.col("ingest_id").is_in(list(ids))).select(pl.col("source_line").unique().sort())
        lines = read.collect(engine="streaming").to_series().to_numpy()
        files = [kept for part in files if (kept := rewrite(part, lines)) is not None]
        notices.append(
            "The same content was ingested before, with other settings or by an earlier version; the "
            f"{len(lines):,} calls that the lake has of it stay as they were read then. To read them anew, load the "
            "files into a new lake."
        )
    return files, notices


def _collapse(files: list[StagedFile], known: list[Snapshot], shaping: Shaping) -> tuple[list[StagedFile], int]:
    first, last = _bounds(files)
    if first is None or last is None:
        return files, 0
    stored = [
        path for tables in known for path in tables.files(CALL_RECORDS.name, first - _LEG_REACH, last + _LEG_REACH)
    ]
    fetch_files(stored)
    scratch = files[0].path.parent / "legs"
    rule = LegRule.of(shaping.layout.dialect.legs, shaping.numbers.region)
    legs = collapse_legs([part.path for part in files], stored, scratch, rule)
    kept = [kept for part in files if (kept := rewrite(part, legs.dropped, legs.changes)) is not None]
    return kept, len(legs.dropped) - legs.stored


def _remove_duplicates(
    files: list[StagedFile], known: list[Snapshot], keys: KeySpill | None, shaping: Shaping
) -> tuple[list[StagedFile], list[str]]:
    """Return the files without duplicates, and notices; ``keys`` are the hashes of their rows, None works them out."""
    import numpy as np

    first, last = _bounds(files)
    if first is None or last is None:
        return files, []
    stored = [path for tables in known for path in tables.files(CALL_RECORDS.name, first, last)]
    paths = [part.path for part in files]
    folder = paths[0].parent
    new = keys if keys is not None else _hash_files(paths, folder / "rehashed")
    old = _hash_files(stored, folder / "stored", first, last)
    repeats_are_calls = shaping.layout.dialect.repeats == "calls"
    found = [
        find_duplicates(
            pick_rows(clashes, paths, *IDENTITY, "source_line"),
            pick_rows(clashes, stored, *IDENTITY),
            repeats_are_calls=repeats_are_calls,
        )
        for clashes in find_clashes(new, old)
    ]
    if not found:
        return files, []
    lines = np.unique(np.concatenate([part.to_numpy() for each in found for part in (each.repeated, each.stored)]))
    kept = [kept for part in files if (kept := rewrite(part, lines)) is not None]
    return kept, _note_repeats(sum(len(each.repeated) for each in found), sum(each.told_apart for each in found))


def _note_repeats(copies: int, calls: int) -> list[str]:
    """Say what was made of rows that equal an earlier one of the file."""
    equal = "a row before them in the file in both numbers, time, duration and outcome"
    notices = []
    if copies:
        notices.append(f"{copies:,} rows equal {equal}, and count as copies of it (duplicates).")
    if calls:
        notices.append(
            f"{calls:,} rows equal {equal}, and count as calls of their own, as the times do not tell calls apart. If "
            'they are copies, say [rows] repeats = "copies" in a dialect.'
        )
    return notices


def _hash_files(
    paths: list[Path], folder: Path, first: datetime | None = None, last: datetime | None = None
) -> KeySpill:
    import polars as pl

    fetch_files(paths)
    keys = KeySpill(folder)
    for path in paths:
        frame = pl.read_parquet(path, columns=list(KEY), glob=False, hive_partitioning=False)
        if first is not None and last is not None:
            frame = frame.filter(pl.col("call_timestamp").is_between(first, last))
        keys.add(sort_hashes(frame))
    return keys


def _bounds(files: list[StagedFile]) -> tuple[datetime | None, datetime | None]:
    return (
        min((part.first for part in files if part.first is not None), default=None),
        max((part.last for part in files if part.last is not None), default=None),
    )


def _prepare(
    rejects: list[Path],
    lake: Lake,
    tables: Snapshot,
    file: FileResult,
    shaping: Shaping,
    stamp: Stamp,
    run_id: str,
) -> None:
    import polars as pl

    ingest_id = stamp.ingest_id
    for table in (REJECTED_RECORDS, INGESTS):
        if _has_rows(tables, table.name, pl.col("ingest_id") == ingest_id):
            lake.delete(table.name, "ingest_id", ingest_id)
    for path in rejects:
        rows = pl.read_parquet(path, glob=False)
        rows = rows.with_columns(source_file=pl.lit(stamp.source_file), ingest_id=pl.lit(ingest_id))
        lake.append(REJECTED_RECORDS.name, rows)
    row = {
        "ingest_id": ingest_id,
        "run_id": run_id,
        "source_file": file.path,
        "sha256": file.sha256,
        "size_bytes": file.size_bytes,
        "dialect": file.dialect,
        "encoding": file.encoding,
        "timezone": shaping.zone,
        "region": shaping.numbers.region,
        "records_processed": file.records_processed,
        "records_inserted": file.records_inserted,
        "duplicates_skipped": file.duplicates_skipped,
        "legs_collapsed": file.legs_collapsed,
        "records_rejected": file.records_rejected,
        "rejects_by_reason": json.dumps(file.rejects_by_reason),
        "records_skipped": file.records_skipped,
        "skipped_by_type": json.dumps(file.skipped_by_type),
        "first_call": file.first_call,
        "last_call": file.last_call,
        "processed_at": stamp.processed_at,
    }
    lake.append(INGESTS.name, pl.DataFrame([row], schema=polars_schema(INGESTS.columns)))
