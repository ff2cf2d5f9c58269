"""A lake of many nights, made of copies of worked ones: the same rows on later days, under other ids and numbers.

Working 400 nights takes hours on a busy machine; what is to be measured are the last few. So the first periods are
copies of the first one, and nights are worked on top of them as on any lake.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.lake import Lake, Snapshot, StagedFile
from sentinel_batch.maintenance import tidy_lake
from sentinel_batch.schema import TABLES, polars_schema

IDS = {"id": 10_000, "alert_id": 10_000, "case_id": 1000, "box_id": 1000}
"""Columns of ids, and how many of them a period may have."""

_MANY = 10**9
_NUMBERS = (
    "caller_number",
    "callee_number",
    "suspect_number",
    "lead_number",
    "number",
    "number_a",
    "number_b",
    "value",
)
_CONTENTS = ("content_id",)
_MERGED = {"fraud_alerts": "id", "cases": "case_id", "boxes": "box_id"}
_DATED = ("profiles", "box_traces")
_HISTORIES = {"alert_events": "commit_id", "case_events": "content_id"}
_COMMITTED = ("fraud_alerts", "cases")
_SMALL = (
    "ingests", "runs", "alert_events", "fraud_alerts", "case_members", "case_links", "case_events", "cases",
    "box_members", "box_links", "boxes",
)  # fmt: skip


class Copies:
    """Copies of worked nights, in a new lake.

    Parameters
    ----------
    target
        Where to write.
    rename
        Gives a number another one in a later period.
    renamed
        Numbers that have others in each period.
    period
        Days of a period.
    """

    def __init__(self, target: Path, rename: Callable[[str, int], str], renamed: Sequence[str], period: int) -> None:
        self.lake = Lake.create(target)
        self._rename, self._renamed, self._period = rename, renamed, period
        self._kept: dict[str, list[pl.DataFrame]] = {name: [] for name in _SMALL}

    def add(self, worked: Snapshot, round_: int) -> None:
        """Add all rows of a lake, so many periods later."""
        self._add_calls(worked, round_)
        for name in _DATED:
            self._add_days(worked, name, round_)
        for name in _SMALL:
            self._kept[name].append(self._move(name, worked.read(name), round_))
        with self.lake.lock():
            for name in _COMMITTED:  # The events of each period count by a commit of their own.
                self.lake.overwrite(name, pl.concat(self._kept[name]), commit_id=f"copy-{round_}")

    def finish(self) -> Lake:
        """Write the small tables, and tidy up."""
        with self.lake.lock():
            for name in _SMALL:
                if name not in _COMMITTED:
                    self.lake.append(name, pl.concat(self._kept[name]))
        tidy_lake(self.lake)
        return self.lake

    def _move(self, name: str, rows: pl.DataFrame, round_: int) -> pl.DataFrame:
        later = timedelta(days=self._period * round_)
        numbers = {number: self._rename(number, round_) for number in self._renamed}
        kinds = polars_schema(TABLES[name].columns)
        changes: list[pl.Expr] = []
        for column, kind in kinds.items():
            if kind == pl.Date or isinstance(kind, pl.Datetime):
                changes.append(pl.col(column) + later)
            elif column in _NUMBERS:
                changes.append(pl.col(column).replace(numbers))
            elif column in IDS:
                changes.append(pl.col(column) + IDS[column] * round_)
            elif column == "merged_into":
                changes.append(pl.col(column) + IDS[_MERGED[name]] * round_)
            elif column == "ingest_id":
                changes.append(pl.col(column).str.slice(0, 12) + f"{round_:04}")
            elif column in ("run_id", *_CONTENTS) and name not in _HISTORIES:
                changes.append(pl.col(column).map_elements(lambda text: self._date(text, later), pl.String))
            elif column == "alert_ids":
                changes.append(pl.col(column).map_elements(lambda text: _add(text, IDS["id"] * round_), pl.String))
            elif column == "alert_key":
                changes.append(pl.format("{}|{}", column, pl.lit(round_)))
            elif column == "inputs":
                changes.append(pl.col(column).map_elements(lambda text: _rename_ingests(text, round_), pl.String))
            elif column == "history_calls" and round_:
                # The days before have calls that the copied ones had not; they are not to be built again for it.
                changes.append(pl.lit(_MANY, dtype=kind).alias(column))
            elif _HISTORIES.get(name) == column:
                changes.append(pl.lit(f"copy-{round_}").alias(column))
        return rows.with_columns(changes)

    @staticmethod
    def _date(text: str, later: timedelta) -> str:
        """Return the id of a run that began later; ids sort by time."""
        moment, _, rest = text.partition("Z-")
        return f"{datetime.strptime(moment, '%Y%m%dT%H%M%S.%f') + later:%Y%m%dT%H%M%S.%f}Z-{rest}"

    def _add_calls(self, worked: Snapshot, round_: int) -> None:
        files = worked.files("call_records")
        ingests = worked.scan("ingests").sort("first_call").collect()["ingest_id"].to_list()
        for ingest_id in ingests:
            mine = [file for file in files if ingest_id in file.name]
            with self.lake.lock(), self.lake.staging() as folder:
                staged = [self._stage_calls(file, worked, round_, folder) for file in mine]
                self.lake.add_files("call_records", staged, commit_id=f"{ingest_id[:12]}{round_:04}")

    def _stage_calls(self, file: Path, worked: Snapshot, round_: int, folder: Path) -> StagedFile:
        from sentinel_batch.ingestion.loading.deduplication import write_part
        from sentinel_batch.lake import scan_parts

        rows = self._move("call_records", scan_parts("call_records", [file]).collect(), round_)
        day = rows["call_date"][0]
        path = folder / f"copy-{round_}-{file.name}"
        write_part(rows.drop("call_date"), path)
        times = rows["call_timestamp"].to_list()
        return StagedFile(path, path.name, {"call_date": str(day)}, rows.height, min(times), max(times))

    def _add_days(self, worked: Snapshot, name: str, round_: int) -> None:
        from sentinel_batch.lake import scan_parts

        with self.lake.lock(), self.lake.staging() as folder:
            staged = []
            for file in worked.files(name):
                rows = self._move(name, scan_parts(name, [file]).collect(), round_)
                path = folder / f"copy-{round_}-{file.parent.name}-{file.name}"
                rows.drop("local_date").write_parquet(path, compression="lz4")
                day: date = rows["local_date"][0]
                staged.append(StagedFile(path, path.name, {"local_date": day.isoformat()}, rows.height))
            self.lake.add_files(name, staged, commit_id=f"copy-{name}-{round_}")


def _add(text: str, more: int) -> str:
    return json.dumps([one + more for one in json.loads(text)])


def _rename_ingests(text: str, round_: int) -> str:
    inputs: dict[str, Any] = json.loads(text)
    if "examined_ingests" in inputs:
        inputs["examined_ingests"] = [f"{one[:12]}{round_:04}" for one in inputs["examined_ingests"]]
    return json.dumps(inputs)
