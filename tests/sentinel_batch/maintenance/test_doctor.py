"""The doctor finds what is broken, says which file, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sentinel_batch.desk import open_desk
from sentinel_batch.errors import ExitCode
from sentinel_batch.lake import Lake, StagedFile
from sentinel_batch.maintenance import Check, diagnose, diagnosis, maintain
from sentinel_batch.runs import recorded_run
from sentinel_batch.schema import CALL_RECORDS, RUNS, polars_schema
from sentinel_batch.window import now

SCHEMA = polars_schema(CALL_RECORDS.columns)


def add(lake: Lake, number: int, rows: int = 5) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    frame = pl.DataFrame(
        [{"call_timestamp": moment, "caller_number": "+1", "callee_number": f"{n}"} for n in range(rows)],
        schema=SCHEMA,
    )
    with lake.lock(), lake.staging() as folder:
        frame.drop("call_date").write_parquet(folder / "x")
        staged = StagedFile(folder / "x", f"{number}.parquet", {"call_date": "2026-01-01"}, rows, moment, moment)
        lake.add_files(CALL_RECORDS.name, [staged], commit_id=f"{number}")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake.create(tmp_path / "lake")
    for number in range(3):
        add(lake, number)
    return lake


def find(lake: Any, name: str) -> Check:
    return next(check for check in diagnose(lake=lake).checks if check.name == name)


def data_file(lake: Lake) -> Path:
    return lake.path / "call_records" / "call_date=2026-01-01" / "1.parquet"


def test_a_healthy_lake(lake: Lake) -> None:
    found = diagnose(lake=lake)
    assert found.ok
    assert found.exit_code == ExitCode.DONE
    assert find(lake, "table call_records").message.startswith("15 rows in 3 files")
    assert find(lake, "table fraud_alerts").message == "nothing was written yet"
    document = found.to_dict()
    assert document["status"] == "ok"
    assert sum(document["counts"].values()) == len(document["checks"])
    assert {"versions", "configuration", "lake", "disk space", "last runs", "nightly"} <= {c.name for c in found.checks}


def test_the_doctor_writes_nothing(lake: Lake, tmp_path: Path) -> None:
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    diagnose(lake=lake)
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_a_missing_lake_is_found_and_not_made(tmp_path: Path) -> None:
    found = diagnose(lake=tmp_path / "nowhere")
    assert not found.ok
    assert found.exit_code == ExitCode.FAILED
    assert found.checks[-1].name == "lake"
    assert found.checks[-1].message == f"There is no lake at {tmp_path / 'nowhere'}."
    assert not (tmp_path / "nowhere").exists()


def test_a_deleted_data_file(lake: Lake) -> None:
    data_file(lake).unlink()
    check = find(lake, "table call_records")
    assert check.status == "error"
    assert check.message == "1 of 3 files are damaged: call_date=2026-01-01/1.parquet is missing."
    assert "backup" in check.hint
    assert diagnose(lake=lake).exit_code == ExitCode.FAILED


def test_a_truncated_data_file(lake: Lake) -> None:
    whole = data_file(lake).read_bytes()
    data_file(lake).write_bytes(whole[:-100])
    message = find(lake, "table call_records").message
    assert f"1.parquet has {len(whole) - 100:,} bytes, not the {len(whole):,} of the log" in message


def test_a_data_file_overwritten_with_noise_of_the_same_size(lake: Lake) -> None:
    data_file(lake).write_bytes(b"\0" * data_file(lake).stat().st_size)
    assert "1.parquet is not readable as Parquet" in find(lake, "table call_records").message


def test_a_data_file_with_another_number_of_rows(lake: Lake) -> None:
    commit = lake.path / "call_records" / "_delta_log" / "00000000000000000002.json"
    text = commit.read_text()
    assert 'numRecords\\": 5' in text
    commit.write_text(text.replace('numRecords\\": 5', 'numRecords\\": 7'))
    assert "has 5 rows, not the 7 of the log" in find(lake, "table call_records").message


@pytest.mark.parametrize("damage", [b"{ not json", b"", b"\xff\xfe\x00", b"[1]\n"])
@pytest.mark.parametrize("version", [0, 2, 3])
def test_a_damaged_log(lake: Lake, version: int, damage: bytes) -> None:
    (lake.path / "call_records" / "_delta_log" / f"{version:020}.json").write_bytes(damage)
    check = find(lake, "table call_records")
    assert check.status == "error"
    assert "log" in check.message
    assert "backup" in check.hint
    assert not diagnose(lake=lake).ok


def test_a_commit_missing_from_the_log(lake: Lake) -> None:
    (lake.path / "call_records" / "_delta_log" / f"{1:020}.json").unlink()
    assert find(lake, "table call_records").status == "error"


def test_stale_staging_is_a_warning(lake: Lake) -> None:
    (lake.path / ".staging" / "run-dead").mkdir()
    check = find(lake, "staging")
    assert check.status == "warning"
    assert "1 working folders of killed runs are left: run-dead" in check.message
    assert diagnose(lake=lake).ok


def test_the_staging_of_a_living_run_is_no_finding(lake: Lake) -> None:
    with lake.staging():
        assert find(lake, "staging").status == "ok"


def test_pending_compaction_is_a_warning_until_maintained(lake: Lake) -> None:
    for number in range(3, diagnosis.MANY_SMALL_FILES):
        add(lake, number)
    check = find(lake, "compaction call_records")
    assert check.status == "warning"
    assert "most: 16 in call_date=2026-01-01" in check.message
    maintain(lake=lake)
    assert "compaction call_records" not in {check.name for check in diagnose(lake=lake).checks}


@pytest.mark.parametrize(("free", "status"), [(10**8, "error"), (10**9, "warning"), (10**11, "ok")])
def test_disk_space(lake: Lake, monkeypatch: pytest.MonkeyPatch, free: int, status: str) -> None:
    from shutil import _ntuple_diskusage as usage  # type: ignore[attr-defined]

    monkeypatch.setattr(diagnosis.shutil, "disk_usage", lambda _: usage(10**12, 10**12 - free, free))
    check = find(lake, "disk space")
    assert check.status == status
    assert "of 1.0 TB" in check.message


def test_no_nightly_yet(lake: Lake) -> None:
    assert find(lake, "nightly").status == "warning"
    assert find(lake, "last runs").message == "no command has written to this lake yet"


def test_a_good_night(lake: Lake) -> None:
    with recorded_run(lake, "nightly", {}):
        pass
    assert find(lake, "nightly").status == "ok"
    assert "nightly" in find(lake, "last runs").message


def test_a_failed_night_is_an_error_until_one_succeeds(lake: Lake) -> None:
    with pytest.raises(ZeroDivisionError), recorded_run(lake, "nightly", {}):
        raise ZeroDivisionError("boom")
    check = find(lake, "nightly")
    assert check.status == "error"
    assert "failed, ZeroDivisionError: boom" in check.message
    with recorded_run(lake, "nightly", {}):
        pass
    assert find(lake, "nightly").status == "ok"


def test_a_night_that_lost_files_is_a_warning(lake: Lake) -> None:
    with recorded_run(lake, "nightly", {}) as run:
        run.counts["night"] = {"files_lost": 2}
    check = find(lake, "nightly")
    assert check.status == "warning" and "2 files were lost" in check.message


def test_a_missed_night_is_a_warning(lake: Lake) -> None:
    with recorded_run(lake, "nightly", {}):
        pass
    row = lake.snapshot().read(RUNS.name).with_columns(started_at=pl.lit(now() - timedelta(hours=50)))
    lake.overwrite(RUNS.name, row)
    check = find(lake, "nightly")
    assert check.status == "warning"
    assert "50 hours ago" in check.message


def test_a_configuration_that_does_not_load(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "sentinel.toml"
    broken.write_text("timezone = [not toml")
    monkeypatch.setenv("SENTINEL_CONFIG", str(broken))
    check = find(lake, "configuration")
    assert check.status == "error"
    assert "sentinel.toml" in check.message
    assert find(lake, "table call_records").status == "ok"
    assert [(found.name, found.status) for found in diagnose().checks][1:] == [
        ("configuration", "error"),
        ("lake", "error"),
    ]


def test_a_check_that_crashes_is_reported_and_the_others_still_run(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_: Lake) -> Check:
        raise PermissionError("no")

    monkeypatch.setattr(diagnosis, "_check_disk", crash)
    assert find(lake, "disk space").message == "The check itself failed: PermissionError: no"
    assert find(lake, "nightly").status == "warning"


def test_given_settings_are_the_ones_that_are_shown(lake: Lake, tmp_path: Path) -> None:
    from dataclasses import replace

    from sentinel_batch.config import load_config

    config = replace(load_config(environ={}, start=tmp_path), lake=lake.path, region="GH")
    found = diagnose(config=config)
    assert found.ok
    assert found.checks[1].message == "no configuration file; timezone Africa/Lagos, region GH"
    assert found.checks[2].message == str(lake.path)


def test_a_model_that_could_not_be_trusted_last_night_is_a_warning(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    desk = open_desk(lake, model="simbox-simulated")

    def state() -> tuple[str, str]:
        [check] = [check for check in diagnose(desk).checks if check.name == "model"]
        return check.status, check.message

    assert state() == ("ok", "no night has used it yet")
    for notices, expected in ((["They are unlike."], ("warning", "They are unlike.")), ([], ("ok", "trusted"))):
        with recorded_run(lake, "nightly", {}) as run:
            run.counts["model_notices"] = notices
        assert state()[0] == expected[0] and expected[1] in state()[1]
    assert not [check for check in diagnose(open_desk(lake, model="none")).checks if check.name == "model"]
