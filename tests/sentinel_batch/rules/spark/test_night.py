"""A whole night with its rules on Spark leaves what one on DuckDB leaves: alerts, cases, the figures of the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from object_stores import running_store, s3
from spark_servers import run_sail

import sentinel_batch as sb
from benchmarks.object_store import BUCKET, ObjectStore
from sentinel_batch.errors import ConfigurationError, EngineError, ExitCode
from sentinel_batch.nightly import run_nightly
from sentinel_batch.schema import CALL_RECORDS
from tests.sentinel_batch.rules.frozen_findings import SAMPLE

__all__ = ["running_store", "s3"]

TABLES = ("fraud_alerts", "alert_events", "cases", "case_members", "case_links", "profiles", "boxes")
VOLATILE = ("run_id", "created_at", "updated_at", "processed_at", "started_at", "at", "commit_id", "content_id")
OF_THE_RUN = {*VOLATILE, "generated_at", "finished_at", "seconds", "duration_seconds", "peak_memory_bytes", "runs"}

Night = tuple[dict[str, pl.DataFrame], Any]


def run_night(root: Path, lake: Path | str, **settings: Any) -> Night:
    """Run a night on the bundled calls in a lake of simulated ones; return its tables and its report's figures."""
    shutil.copytree(SAMPLE, root / "inbox")
    desk = sb.open(lake, **settings)
    done = run_nightly(lake=desk, inbox=root / "inbox", out=root / "reports")
    assert (done.error, done.exit_code) == (None, ExitCode.DONE)
    assert done.report is not None
    tables = {name: desk.tables.read(name).drop(VOLATILE, strict=False) for name in TABLES}
    text = done.report.json.read_text(encoding="utf-8").replace(str(root), "ROOT").replace(str(lake), "ROOT/lake")
    return {name: frame.sort(frame.columns) for name, frame in tables.items()}, figures(json.loads(text))


def figures(value: Any) -> Any:
    """Return a document without what differs from one run to the next."""
    if isinstance(value, dict):
        return {name: figures(inner) for name, inner in value.items() if name not in OF_THE_RUN}
    return [figures(inner) for inner in value] if isinstance(value, list) else value


def put_lake(store: ObjectStore, folder: Path, name: str) -> str:
    """Copy a lake into the bucket as it lies, and return its address."""
    client = store.client()
    for file in (file for file in folder.rglob("*") if file.is_file()):
        client.upload_file(str(file), BUCKET, f"{name}/{file.relative_to(folder).as_posix()}")
    return f"s3://{BUCKET}/{name}"


def compare(there: Night, here: Night) -> None:
    for name in TABLES:
        assert there[0][name].equals(here[0][name]), name
    assert there[1] == here[1]


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "lake"
    sb.simulate_population(folder, subscribers=1200, days=5, seed=5, boxes=2)
    return folder


@pytest.fixture(scope="session")
def on_duckdb(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """The night on DuckDB, with the lake on disk."""
    root = tmp_path_factory.mktemp("duckdb")
    night = run_night(root, shutil.copytree(simulated, root / "lake"))
    assert min(night[0][name].height for name in ("fraud_alerts", "cases", "profiles")) > 0
    return night


def test_a_night(sail: dict[str, Any], simulated: Path, on_duckdb: Night, tmp_path: Path) -> None:
    lake = shutil.copytree(simulated, tmp_path / "lake")
    compare(run_night(tmp_path, lake, **sail), on_duckdb)


@pytest.mark.cluster
def test_a_night_on_an_engine_that_reads_the_bucket_itself(
    s3: ObjectStore, simulated: Path, on_duckdb: Night, tmp_path: Path
) -> None:
    address = put_lake(s3, simulated, "read-by-sail")
    keys = {"AWS_ENDPOINT": s3.url, "AWS_ALLOW_HTTP": "true"}
    with run_sail(tmp_path / "server", s3.variables() | keys) as engine:
        asked = len(s3.requests)
        compare(run_night(tmp_path, address, **engine), on_duckdb)
    # What this program read once it has in its cache; the engine asks for parts of files.
    data = [path for method, path in s3.requests[asked:] if method == "GET" and path.endswith(".parquet")]
    assert max(data.count(path) for path in data if CALL_RECORDS.name in path) > 2


@pytest.mark.cluster
@pytest.mark.slow  # The rehearsal is such a night, too, and compares what people see of it.
def test_a_night_on_an_engine_that_sees_the_cache_of_a_bucket(
    s3: ObjectStore, spark: dict[str, Any], simulated: Path, on_duckdb: Night, tmp_path: Path
) -> None:
    address = put_lake(s3, simulated, "read-by-spark")
    compare(run_night(tmp_path, address, **spark, spark_lake="cache"), on_duckdb)


@pytest.mark.cluster
def test_an_engine_without_a_connector_is_told_apart(s3: ObjectStore, spark: dict[str, Any], simulated: Path) -> None:
    address = put_lake(s3, simulated, "not-read")
    for own in ({}, {"spark_lake": "gs://bucket/lake"}):
        with pytest.raises(EngineError, match=r"has nothing that reads (s3a|gs)://") as caught:
            sb.open(address, **spark, **own).detect()
        assert '[spark] lake = "cache"' in caught.value.hint


def test_the_cache_is_read_by_files_only(tmp_path: Path, simulated: Path) -> None:
    settings = {"engine": "spark", "spark_remote": "sc://127.0.0.1", "spark_lake": "cache", "spark_format": "delta"}
    with pytest.raises(ConfigurationError, match='format = "delta" reads any') as caught:
        sb.open(simulated, **settings).detect()
    assert 'format = "parquet"' in caught.value.hint
