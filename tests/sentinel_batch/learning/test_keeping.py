"""Scores are worked out once for each state of the lake, and never stand in the way."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from full_disks import full_disk

from sentinel_batch.lake import CACHE, Lake
from sentinel_batch.learning.keeping import keep_rows
from sentinel_batch.schema import CALL_RECORDS, polars_schema


class Counted:
    """Rows that count how often they are worked out."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> pl.DataFrame:
        self.times += 1
        return pl.DataFrame({"n": [self.times]})


def test_rows_are_worked_out_once_for_each_version_and_question(tmp_path: Path) -> None:
    lake, rows = Lake.create(tmp_path / "lake"), Counted()
    assert keep_rows(lake.snapshot(), "scores", "a", compute=rows)["n"].item() == 1
    assert keep_rows(lake.snapshot(), "scores", "a", compute=rows)["n"].item() == 1
    assert keep_rows(lake.snapshot(), "scores", "b", compute=rows)["n"].item() == 2
    assert keep_rows(lake.snapshot(), "reasons", "a", compute=rows)["n"].item() == 3
    lake.append(CALL_RECORDS.name, pl.DataFrame(schema=polars_schema(CALL_RECORDS.columns)))
    assert keep_rows(lake.snapshot(), "scores", "a", compute=rows)["n"].item() == 4


def test_the_last_few_of_a_kind_are_kept(tmp_path: Path) -> None:
    lake, rows = Lake.create(tmp_path / "lake"), Counted()
    keep_rows(lake.snapshot(), "reasons", 0, compute=rows)
    for asked in range(9):
        keep_rows(lake.snapshot(), "scores", asked, compute=rows)
    names = [file.name.partition("-")[0] for file in (lake.path / CACHE).iterdir()]
    assert sorted(names) == ["reasons", "scores", "scores", "scores"]


def test_a_damaged_file_is_replaced_and_a_lake_that_cannot_be_written_keeps_none(tmp_path: Path) -> None:
    lake, rows = Lake.create(tmp_path / "lake"), Counted()
    keep_rows(lake.snapshot(), "scores", "a", compute=rows)
    [file] = (lake.path / CACHE).iterdir()
    file.write_bytes(b"no Parquet")
    assert keep_rows(lake.snapshot(), "scores", "a", compute=rows)["n"].item() == 2
    assert pl.read_parquet(file)["n"].item() == 2
    other = Lake.create(tmp_path / "other")
    (other.path / CACHE).write_text("in the way", encoding="utf-8")
    assert keep_rows(other.snapshot(), "scores", "a", compute=rows)["n"].item() == 3
    assert keep_rows(other.snapshot(), "scores", "a", compute=rows)["n"].item() == 4


def test_a_full_disk_keeps_none_and_is_no_obstacle(tmp_path: Path) -> None:
    lake, rows = Lake.create(tmp_path / "lake"), Counted()
    with full_disk():
        assert keep_rows(lake.snapshot(), "scores", "a", compute=rows)["n"].item() == 1
    assert not list((lake.path / CACHE).iterdir())
    assert keep_rows(lake.snapshot(), "scores", "a", compute=rows)["n"].item() == 2
