"""Is the lake well, and did last night's run do its work? Reads only; changes nothing."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from sentinel_batch.config import Config
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import ExitCode, SentinelError
from sentinel_batch.lake import Lake, Snapshot
from sentinel_batch.maintenance.checks import Check
from sentinel_batch.maintenance.compaction import is_small
from sentinel_batch.maintenance.files import DataFile, group_by_partition, list_data_files
from sentinel_batch.maintenance.leftovers import check_leftovers, check_log
from sentinel_batch.maintenance.rights import check_rights
from sentinel_batch.maintenance.upkeep import stale_staging
from sentinel_batch.runs import versions
from sentinel_batch.schema import RUNS, TABLES
from sentinel_batch.window import now

MANY_SMALL_FILES = 16
"""Small files in one partition from which compaction is worth a warning."""

FREE_BYTES_ERROR = 256 * 1024 * 1024
FREE_BYTES_WARNING = 2 * 1024 * 1024 * 1024
"""Free disk space below which a night may not fit."""

NIGHTLY_FRESH_HOURS = 26
"""A nightly run that started longer ago was missed: one day, and two hours for a slow night."""

_SHOWN = 3


@dataclass(frozen=True)
class Diagnosis:
    """Every check, in the order in which to read them."""

    checks: list[Check] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when no check is an error; warnings may remain."""
        return all(check.status != "error" for check in self.checks)

    @property
    def exit_code(self) -> ExitCode:
        """``DONE`` when :attr:`ok` (warnings are shown, not failed on), else ``FAILED``."""
        return ExitCode.DONE if self.ok else ExitCode.FAILED

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-serialisable facts."""
        counts = {name: sum(check.status == name for check in self.checks) for name in ("ok", "warning", "error")}
        return {
            "status": "ok" if self.ok else "error",
            "exit_code": int(self.exit_code),
            "counts": counts,
            "checks": [asdict(check) for check in self.checks],
        }


def diagnose(lake: DeskLike = None, *, config: ConfigLike = None) -> Diagnosis:
    """Check versions, configuration, every table of the lake, disk space and the last runs.

    Settings that cannot be loaded, and a missing or damaged lake, are findings, not exceptions.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    Diagnosis
    """
    checks = [_check_versions()]
    try:
        desk = open_desk(lake, config)
        checks.append(_check_configuration(desk.config))
    except SentinelError as error:
        checks.append(Check("configuration", "error", error.message, error.hint))
        if lake is None:
            return Diagnosis([*checks, Check("lake", "error", error.message, error.hint)])
        desk = open_desk(lake, Config())
    return Diagnosis([*checks, *_check_lake(desk)])


def _check_lake(desk: Desk) -> Iterator[Check]:
    try:
        lake = desk.lake
    except SentinelError as error:
        yield Check("lake", "error", error.message, error.hint)
        return
    yield Check("lake", "ok", f"{lake.place}{'' if lake.is_writable else ', which can only be read'}")
    if lake.store is not None:
        yield check_rights(lake.store)
    try:
        tables = lake.snapshot()
    except SentinelError as error:
        yield Check("tables", "error", error.message, error.hint)
        return
    for name in TABLES:
        yield from _check_table(lake, tables, name)
    yield _guarded("leftovers", lambda: check_leftovers(lake, tables))
    yield _guarded("staging", lambda: _check_staging(lake))
    yield _guarded("disk space", lambda: _check_disk(lake))
    yield _guarded("last runs", lambda: _check_last_runs(tables))
    yield _guarded("nightly", lambda: _check_nightly(tables))
    if desk.config.model is not None:
        yield _guarded("model", lambda: _check_model(tables))


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except SentinelError as error:
        return Check(name, "error", error.message, error.hint)
    except Exception as error:
        return Check(name, "error", f"The check itself failed: {type(error).__name__}: {error}")


def _check_versions() -> Check:
    found = versions()
    missing = [name for name in ("polars", "duckdb", "deltalake", "pyarrow") if name not in found]
    text = ", ".join(f"{name} {number}" for name, number in found.items())
    if missing:
        absent = ", ".join(missing)
        return Check("versions", "error", f"{text}; not installed: {absent}", "Install sentinel-batch again.")
    return Check("versions", "ok", f"{text}, {platform.system()} {platform.machine()}")


def _check_configuration(config: Config) -> Check:
    source = config.file if config.file is not None else "no configuration file"
    return Check("configuration", "ok", f"{source}; timezone {config.timezone}, region {config.region}")


def _check_table(lake: Lake, tables: Snapshot, name: str) -> Iterator[Check]:
    label = f"table {name}"
    try:
        files = list_data_files(tables, name)
        log = tables.log(name)
    except SentinelError as error:
        yield Check(label, "error", error.message, error.hint)
        return
    broken_log = _unreadable_commits(tables.path / name)
    if broken_log:
        yield Check(
            label,
            "error",
            f"{len(broken_log)} commits of its log cannot be read: {_some([path.name for path in broken_log])}.",
            f"Restore {name}/_delta_log from a backup.",
        )
        return
    if log is None:
        yield Check(label, "ok", "nothing was written yet")
        return
    judge = _judge_file if lake.store is None else partial(_judge_object, lake.list_sizes(name))
    problems = [problem for file in files if (problem := judge(file, tables.path / name))]
    if problems:
        yield Check(
            label,
            "error",
            f"{len(problems)} of {len(files)} files are damaged: {_some(problems)}.",
            "Restore these files from a backup, or move the lake aside and ingest the CDR files again.",
        )
        return
    rows, size = sum(file.rows or 0 for file in files), sum(file.size_bytes for file in files)
    yield Check(label, "ok", f"{rows:,} rows in {len(files):,} files, {_readable(size)}, version {log.version()}")
    yield from _check_compaction(name, files)
    yield from check_log(lake, name, log.version())


def _unreadable_commits(table: Path) -> list[Path]:
    broken = []
    for path in sorted((table / "_delta_log").glob("*.json")):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            if not lines or not all(isinstance(json.loads(line), dict) for line in lines if line.strip()):
                broken.append(path)
        except (OSError, ValueError):
            broken.append(path)
    return broken


def _judge_file(file: DataFile, table: Path) -> str:
    """Compare a file with the log; return what is wrong, or an empty text."""
    name = file.path.relative_to(table).as_posix()
    try:
        size = file.path.stat().st_size
    except OSError:
        return f"{name} is missing"
    if size != file.size_bytes:
        return f"{name} has {size:,} bytes, not the {file.size_bytes:,} of the log"
    try:
        rows = pq.read_metadata(file.path).num_rows
    except Exception as error:
        return f"{name} is not readable as Parquet ({type(error).__name__})"
    if file.rows is not None and rows != file.rows:
        return f"{name} has {rows:,} rows, not the {file.rows:,} of the log"
    return ""


def _judge_object(sizes: dict[Path, int], file: DataFile, table: Path) -> str:
    """Compare a file in object storage with the log, without reading it; return what is wrong, or an empty text."""
    name, size = file.path.relative_to(table).as_posix(), sizes.get(file.path)
    if size is None:
        return f"{name} is missing"
    return "" if size == file.size_bytes else f"{name} has {size:,} bytes, not the {file.size_bytes:,} of the log"


def _check_compaction(name: str, files: list[DataFile]) -> Iterator[Check]:
    crowded = [
        (partition, len(small))
        for partition, group in group_by_partition(files).items()
        if len(small := [file for file in group if is_small(file)]) >= MANY_SMALL_FILES
    ]
    if crowded:
        worst = max(crowded, key=lambda item: item[1])
        place = "/".join(f"{column}={value}" for column, value in worst[0]) or "the table"
        yield Check(
            f"compaction {name}",
            "warning",
            f"{len(crowded)} partitions hold {MANY_SMALL_FILES} or more small files (most: {worst[1]} in {place}).",
            "The next night merges them; or run sentinel-batch maintain.",
        )


def _check_staging(lake: Lake) -> Check:
    stale = stale_staging(lake)
    if stale:
        return Check(
            "staging",
            "warning",
            f"{len(stale)} working folders of killed runs are left: {_some([path.name for path in stale])}.",
            "They do no harm; the next ingest or sentinel-batch maintain removes them.",
        )
    return Check("staging", "ok", "no leftovers of killed runs")


def _check_disk(lake: Lake) -> Check:
    usage = shutil.disk_usage(lake.path)
    text = f"{_readable(usage.free)} free of {_readable(usage.total)}"
    if usage.free < FREE_BYTES_ERROR:
        return Check("disk space", "error", text, "Free space before the next night; sentinel-batch maintain may help.")
    if usage.free < FREE_BYTES_WARNING:
        return Check("disk space", "warning", text, "Free space soon; maintain --keep-days N archives old days.")
    return Check("disk space", "ok", text)


def _check_last_runs(tables: Snapshot) -> Check:
    last = tables.read(RUNS.name).sort("started_at").tail(_SHOWN).reverse()
    if last.is_empty():
        return Check("last runs", "ok", "no command has written to this lake yet")
    lines = [f"{row['command']} {row['started_at']:%Y-%m-%d %H:%M} UTC {row['outcome']}" for row in last.to_dicts()]
    return Check("last runs", "ok", "; ".join(lines))


def _check_nightly(tables: Snapshot) -> Check:
    nights = tables.read(RUNS.name).filter(pl.col("command") == "nightly").sort("started_at")
    if nights.is_empty():
        return Check("nightly", "warning", "no nightly run yet", "Schedule it: docs/operations.md.")
    last = nights.row(-1, named=True)
    text = f"last run {last['started_at']:%Y-%m-%d %H:%M} UTC: {last['outcome']}"
    if last["outcome"] != "done":
        return Check("nightly", "error", f"{text}, {last['message']}", "Fix the cause, then run nightly again.")
    counts = _read_counts(last["counts"])
    lost = (counts.get("night") or {}).get("files_lost", 0)
    if lost:
        return Check(
            "nightly",
            "warning",
            f"{text}, but {lost} file{'s' * (lost != 1)} {'was' if lost == 1 else 'were'} lost",
            "The report of the night names them first: reports/latest/report.html.",
        )
    left_out = counts.get("failed_rules", [])
    if left_out:
        return Check(
            "nightly",
            "warning",
            f"{text}, but {len(left_out)} rule{'s' * (len(left_out) != 1)} did not run: {_some(left_out)}",
            "See what is wrong: sentinel-batch rules list; then run them over what they missed: rules run ID --since.",
        )
    age = now() - last["started_at"]
    if age > timedelta(hours=NIGHTLY_FRESH_HOURS):
        hours = age.total_seconds() / 3600
        return Check("nightly", "warning", f"{text}, {hours:.0f} hours ago", "Check that the timer or cron job runs.")
    return Check("nightly", "ok", text)


def _check_model(tables: Snapshot) -> Check:
    """Repeat what the last night found of the model's probabilities."""
    nights = tables.read(RUNS.name).filter(pl.col("command") == "nightly", pl.col("outcome") == "done")
    if nights.is_empty():
        return Check("model", "ok", "no night has used it yet")
    notices = _read_counts(nights.sort("started_at")["counts"][-1]).get("model_notices", [])
    if notices:
        said = " ".join(str(notice) for notice in notices)
        return Check("model", "warning", said, "Train it on this network: docs/learning.md.")
    return Check("model", "ok", "its probabilities could be trusted in the last night")


def _read_counts(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _some(texts: list[str]) -> str:
    rest = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _readable(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
