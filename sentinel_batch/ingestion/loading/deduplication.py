"""Duplicates and legs: found in bounded memory, removed from staged files before they are committed.

Caller, callee and time of every row are hashed to 64 bits while it is shaped. Hashes are held, or spilled into buckets
on disk, and sorted; only rows whose hash occurs twice, or in the lake, are looked at closely (``identity.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sentinel_batch.ingestion.values.timestamps import bounds_of
from sentinel_batch.lake import StagedFile, scan_parts
from sentinel_batch.schema import CALL_RECORDS, polars_schema

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]
    Lines = NDArray[np.int64]

KEY = ("caller_number", "callee_number", "call_timestamp")
BUCKETS = 64
THREADS = 2
HELD_KEYS = 12_000_000
CLASHES_AT_ONCE = 2_000_000
PART_GROUP_ROWS = 100_000
"""Most numbers are distinct among so few rows, so the writer stores them plain: to work out a dictionary of many takes
as long as all else that it writes."""


def hash_keys(frame: pl.DataFrame | pl.LazyFrame) -> pl.Expr:
    """Return the expression of a row's 64-bit key hash."""
    import polars as pl

    caller, callee, moment = (pl.col(name) for name in KEY)
    return caller.hash(11) ^ callee.hash(23) ^ moment.hash(37)


class KeySpill:
    """Key hashes of many rows in buckets, on disk once they are many.

    Parameters
    ----------
    folder
        Where buckets are written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[Hashes] = []
        self._cuts: list[list[int]] = []
        self._count = 0
        self.spilled = False

    def add(self, hashes: Hashes) -> None:
        """Add hashes, sorted (:func:`sort_hashes`)."""
        bounds = np.array([2**64 // BUCKETS * bucket for bucket in range(1, BUCKETS)], dtype=np.uint64)
        self._held.append(hashes)
        self._cuts.append([0, *np.searchsorted(hashes, bounds).tolist(), len(hashes)])
        self._count += len(hashes)
        if self._count > HELD_KEYS:
            self.spill()

    def spill(self) -> None:
        """Write what is held into the buckets."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.spilled = True
        for bucket in range(BUCKETS):
            with self._file(bucket).open("ab") as file:
                for piece in self._pieces(bucket):
                    piece.tofile(file)
        self._held, self._cuts, self._count = [], [], 0

    def read(self, bucket: int) -> Hashes:
        """Return the hashes of one bucket, sorted."""
        pieces = self._pieces(bucket)
        if self.spilled:
            pieces.append(np.fromfile(self._file(bucket), dtype=np.uint64))
        return np.sort(np.concatenate(pieces)) if pieces else np.empty(0, np.uint64)

    def _pieces(self, bucket: int) -> list[Hashes]:
        held = zip(self._held, self._cuts, strict=True)
        return [hashes[cuts[bucket] : cuts[bucket + 1]] for hashes, cuts in held]

    def _file(self, bucket: int) -> Path:
        return self._folder / f"{bucket:02d}"


def sort_hashes(frame: pl.DataFrame) -> Hashes:
    """Return the key hashes of a frame's rows, sorted."""
    return np.sort(frame.select(hash_keys(frame).alias("key")).to_series().to_numpy())


def find_clashes(new: KeySpill, old: KeySpill) -> Iterator[Hashes]:
    """Yield the hashes that occur twice in ``new``, or in ``new`` and in ``old``."""
    held: list[Hashes] = []
    with ThreadPoolExecutor(THREADS) as pool:
        run = pool.map if new.spilled else map  # Threads cost more than they gain where nothing is read from disk.
        for clashes in run(lambda bucket: _find_in_bucket(new.read(bucket), old.read(bucket)), range(BUCKETS)):
            held.append(clashes)
            if sum(map(len, held)) >= CLASHES_AT_ONCE:
                yield np.concatenate(held)
                held = []
    if any(map(len, held)):
        yield np.concatenate(held)


def _find_in_bucket(fresh: Hashes, known: Hashes) -> Hashes:
    twice = fresh[1:][fresh[1:] == fresh[:-1]]
    if len(known) and len(fresh):
        places = np.minimum(np.searchsorted(known, fresh), len(known) - 1)
        twice = np.concatenate([twice, fresh[known[places] == fresh]])
    return np.unique(twice)


def pick_rows(clashes: Hashes, paths: Sequence[Path], *columns: str) -> pl.DataFrame:
    """Return the columns of the rows whose hash is one of those that clash."""
    import polars as pl

    if not paths:
        return pl.DataFrame(schema={name: polars_schema(CALL_RECORDS.columns)[name] for name in columns})
    wanted = pl.Series("hash", clashes)
    scan = scan_parts(CALL_RECORDS.name, paths, partitions=False)
    return scan.filter(hash_keys(scan).is_in(wanted.implode())).select(columns).collect(engine="streaming")


def rewrite(file: StagedFile, gone: Lines, changes: pl.DataFrame | None = None) -> StagedFile | None:
    """Rewrite a staged file without some source lines, and with changed values; None when nothing is left."""
    import polars as pl

    changed = changes is not None and not changes.is_empty()
    if not len(gone) and not changed:
        return file
    read = partial(pl.read_parquet, file.path, glob=False, hive_partitioning=False)
    lines = read(columns=["source_line"]).to_series().to_numpy()  # Few files have such lines: the others stay unread.
    low, high = int(lines.min()), int(lines.max())
    near = gone[np.searchsorted(gone, low) : np.searchsorted(gone, high, side="right")]
    changed = changes is not None and changed and changes["source_line"].is_between(low, high).any()
    if not len(near) and not changed:
        return file
    frame = read()
    kept = frame.filter(~pl.col("source_line").is_in(pl.Series(near).implode()))
    if changed and changes is not None:
        kept = kept.update(changes, on="source_line", how="left")
    if kept.is_empty():
        file.path.unlink()
        return None
    write_part(kept, file.path)
    first, last = bounds_of(kept)
    return replace(file, rows=kept.height, first=first, last=last)


def write_part(frame: pl.DataFrame, path: Path) -> None:
    """Write one Parquet file of call records; LZ4 costs the least time, and ``maintain`` packs tighter later."""
    frame.write_parquet(path, compression="lz4", statistics=False, row_group_size=PART_GROUP_ROWS)
