"""What a night does so that files and logs stay bounded, however many nights there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import examples

from sentinel_batch.cases.commits import commit_cases, current_rows
from sentinel_batch.history import History
from sentinel_batch.lake import Lake
from sentinel_batch.maintenance import compaction, diagnose, leftovers, maintain, tidy_lake, upkeep
from sentinel_batch.maintenance.files import DataFile
from sentinel_batch.runs import recorded_run
from sentinel_batch.schema import (
    ALERT_EVENTS,
    CASE_EVENTS,
    CASE_LINKS,
    CASE_MEMBERS,
    CASES,
    FRAUD_ALERTS,
    INGESTS,
    RUNS,
    polars_schema,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
NIGHTS = 40
LASTING = (RUNS, INGESTS, ALERT_EVENTS, CASE_EVENTS, FRAUD_ALERTS, CASES, CASE_MEMBERS, CASE_LINKS)


def row(table: str, **values: object) -> pl.DataFrame:
    from sentinel_batch.schema import TABLES

    schema = polars_schema(TABLES[table].columns)
    return pl.DataFrame([{**dict.fromkeys(schema), **values}], schema=schema)


def work(lake: Lake, night: int) -> None:
    """Write what a night writes to the tables that are not partitioned."""
    moment = START + timedelta(days=night)
    with lake.lock(), recorded_run(lake, "nightly", {"night": night}):
        lake.append(INGESTS.name, row(INGESTS.name, ingest_id=f"i{night}", size_bytes=night))
        alerts = History(ALERT_EVENTS, FRAUD_ALERTS, subject="alert_id", commit="commit_id")
        alerts.append(lake, [alerts.describe(night, moment, "created")], f"n{night}")
        known = lake.snapshot().read(FRAUD_ALERTS.name)
        lake.overwrite(FRAUD_ALERTS.name, pl.concat([known, row(FRAUD_ALERTS.name, id=night)]), commit_id=f"n{night}")
        case = {**dict.fromkeys(CASES.columns), "case_id": night % 5, "status": "unseen"}
        event = {**dict.fromkeys(CASE_EVENTS.columns), "case_id": night % 5, "at": moment, "event": "created"}
        members = [{"case_id": night % 5, "number": f"+23480{n}"} for n in range(night + 1)]
        ties = [{"case_id": night % 5, "number_a": "+1", "number_b": "+2", "kind": "same_site"}]
        blank = {name: dict.fromkeys(t.columns) for name, t in (("members", CASE_MEMBERS), ("links", CASE_LINKS))}
        commit_cases(
            lake, lake.snapshot(), [case], [event], [blank["members"] | one for one in members],
            [blank["links"] | one for one in ties],
        )  # fmt: skip


def read(lake: Lake) -> dict[str, pl.DataFrame]:
    """What readers see, in a fixed order."""
    tables = lake.snapshot()
    found = {table.name: tables.read(table.name) for table in (RUNS, INGESTS, ALERT_EVENTS, CASE_EVENTS, FRAUD_ALERTS)}
    found |= {name: current_rows(tables, name) for name in (CASE_MEMBERS.name, CASE_LINKS.name)}
    return {name: rows.sort(rows.columns) for name, rows in found.items()}


def count_entries(lake: Lake, name: str) -> int:
    """Commits that whoever opens a table reads one by one."""
    version = lake.snapshot().versions[name]
    assert version is not None
    return version - upkeep.last_checkpoint(lake, name)


def test_files_and_logs_are_bounded_after_forty_nights(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    most: dict[str, int] = {}
    for night in range(NIGHTS):
        work(lake, night)
        tidy_lake(lake)
        for table in LASTING:
            most[table.name] = max(most.get(table.name, 0), len(lake.snapshot().files(table.name)))
            assert count_entries(lake, table.name) < 2 * upkeep.NIGHTLY_COMMITS
    assert max(most.values()) < diagnosis_limit()
    assert most[FRAUD_ALERTS.name] == 1
    found = read(lake)
    assert [found[name].height for name in (RUNS.name, INGESTS.name, ALERT_EVENTS.name)] == [NIGHTS] * 3
    assert found[FRAUD_ALERTS.name]["id"].to_list() == list(range(NIGHTS))
    # The last five nights wrote the members that the five cases have; those of earlier nights are gone.
    assert found[CASE_MEMBERS.name].height == sum(range(NIGHTS - 4, NIGHTS + 1))
    assert lake.snapshot().read(CASE_MEMBERS.name).height <= sum(range(NIGHTS - 5, NIGHTS + 1))
    names = {check.name for check in diagnose(lake=lake).checks if check.status == "warning"}
    assert not {name for name in names if name.startswith(("compaction", "log", "leftovers"))}


def diagnosis_limit() -> int:
    from sentinel_batch.maintenance.diagnosis import MANY_SMALL_FILES

    return MANY_SMALL_FILES


def test_without_it_they_grow_and_the_doctor_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake.create(tmp_path / "lake")
    monkeypatch.setattr(leftovers, "LONG_LOG", 16)
    monkeypatch.setattr(leftovers, "OVERDUE_HOURS", 0)
    for night in range(18):
        work(lake, night)
    before = read(lake)
    found = {check.name: check for check in diagnose(lake=lake).checks}
    assert found["compaction runs"].status == "warning"
    assert found["log fraud_alerts"].message.startswith("18 commits since its last checkpoint")
    assert found["leftovers"].status == "warning"
    assert "17 of fraud_alerts, 17 of cases" in found["leftovers"].message
    assert "maintain" in found["leftovers"].hint
    tidy_lake(lake)
    found = {check.name: check for check in diagnose(lake=lake).checks}
    assert "compaction runs" not in found and "log fraud_alerts" not in found
    for name, rows in before.items():
        assert read(lake)[name].equals(rows), name


def test_what_left_a_table_is_removed_after_the_retention_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.create(tmp_path / "lake")
    for night in range(18):
        work(lake, night)
    earlier = lake.snapshot()
    assert tidy_lake(lake).vacuumed_files == 0
    assert earlier.read(FRAUD_ALERTS.name).height == 18  # A reader under way still has its files.
    monkeypatch.setattr(upkeep, "DEFAULT_RETENTION_HOURS", 0)
    for night in range(18, 27):
        work(lake, night)
    before = read(lake)
    assert tidy_lake(lake).vacuumed_files > 17
    left = lake.list_sizes(FRAUD_ALERTS.name)
    assert set(left) == set(lake.snapshot().files(FRAUD_ALERTS.name))
    for name, rows in before.items():
        assert read(lake)[name].equals(rows), name


def test_a_lake_without_news_is_left_alone(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    for night in range(3):
        work(lake, night)
    versions = lake.snapshot().versions
    done = tidy_lake(lake)
    assert (done.compacted, done.checkpoints, done.vacuumed_files) == ([], [], 0)
    assert lake.snapshot().versions == versions
    maintain(lake=lake)
    assert tidy_lake(lake).checkpoints == []


@settings(max_examples=examples(80))
@given(st.lists(st.integers(1, 10**9), max_size=40))
def test_files_of_like_size_are_merged_and_each_row_rarely(sizes: list[int]) -> None:
    files = [DataFile(Path(f"{place}"), (), 1, size) for place, size in enumerate(sizes)]
    chosen = compaction.choose_alike(files)
    assert [file for file in files if file in chosen] == chosen
    if not chosen:
        return
    assert len(chosen) >= compaction.NIGHTLY_SMALL_FILES
    merged = [file.size_bytes for file in chosen]
    # What is left is either far larger than all that is merged, or smaller, and of few files that are far smaller.
    left = [file.size_bytes for file in files if file not in chosen]
    assert all(size < min(merged) or size > compaction.TIER * sum(merged) for size in left)
    grown = sorted(merged)
    assert all(size <= compaction.TIER * sum(grown[:place]) for place, size in enumerate(grown) if place)


def test_seven_files_do_not_pull_in_one_that_is_far_larger() -> None:
    files = [DataFile(Path(f"{place}"), (), 1, 1000) for place in range(7)]
    large = DataFile(Path("large"), (), 1, 10**6)
    assert compaction.choose_alike([large, *files]) == []
    more = [*files, DataFile(Path("7"), (), 1, 1000)]
    assert compaction.choose_alike([large, *more]) == more
    other = [DataFile(Path(f"large {place}"), (), 1, 10**6) for place in range(8)]
    assert compaction.choose_alike([*files, *other]) == other


def test_a_row_is_written_again_as_often_as_there_are_tiers() -> None:
    sizes: list[int] = []
    written = 0
    for _ in range(4000):
        sizes.append(1000)
        files = [DataFile(Path(f"{place}"), (), 1, size) for place, size in enumerate(sizes)]
        chosen = compaction.choose_alike(files)
        if chosen:
            merged = sum(file.size_bytes for file in chosen)
            written += merged
            sizes = [file.size_bytes for file in files if file not in chosen] + [merged]
        assert len(sizes) < diagnosis_limit()
    # Four thousand nights: each row ten times; with all files merged each time it would be hundreds.
    assert written < 10 * sum(sizes)
