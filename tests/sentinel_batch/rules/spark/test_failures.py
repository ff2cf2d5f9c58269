"""What is said when Spark does not answer, does not find the lake, or does not understand a rule."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest
from conftest import Call
from detection_lake import make_lake
from spark_servers import run_sail

import sentinel_batch as sb
from sentinel_batch.errors import ConfigurationError, EngineError, ExitCode, LakeDamagedError, RuleError
from sentinel_batch.lake import Lake
from sentinel_batch.rules.backends.spark.running import SparkRun
from sentinel_batch.schema import CALL_RECORDS
from tests.sentinel_batch.rules.own_rules import QUERY, make_rule

Settings = dict[str, Any]

NOON = datetime(2026, 1, 22, 12, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "lake", [("a", "b", NOON, 3), ("c", "b", NOON, 3)])


def test_no_address_says_what_to_configure(lake: Lake) -> None:
    with pytest.raises(ConfigurationError, match="needs the address") as caught:
        sb.open(lake, engine="spark").detect()
    assert 'remote = "sc://' in caught.value.hint


def test_nobody_listens(lake: Lake, call: Call) -> None:
    with socket.socket() as bound:  # bound, and not listening: nobody else gets the port
        bound.bind(("127.0.0.1", 0))
        remote = f"sc://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(EngineError, match=f"Spark at {remote} does not answer"):
            sb.open(lake, engine="spark", spark_remote=remote).detect()
        done = call("detect", "--lake", lake.path, "--engine", "spark", "--json", env={"SENTINEL_SPARK_REMOTE": remote})
    assert done.code == ExitCode.FAILED
    assert "--engine duckdb" in done.document["error"]["hint"]


@pytest.mark.parametrize(
    "remote", ["sc://spark.example/;token=geheim", "sc://u:geheim@spark.example:1", "https://x", "sc://"]
)
def test_a_token_in_the_settings_is_refused_and_not_repeated(remote: str, lake: Lake) -> None:
    with pytest.raises(ConfigurationError) as caught:
        sb.open(lake, engine="spark", spark_remote=remote)
    assert "geheim" not in str(caught.value)


def test_an_engine_that_there_is_not(lake: Lake) -> None:
    with pytest.raises(ConfigurationError, match="expected duckdb or spark"):
        sb.open(lake, engine="trino")


def test_a_lake_whose_name_is_a_pattern(engine: Settings, tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "lake{1}", [("a", "b", NOON, 3)])
    with pytest.raises(ConfigurationError, match="for a pattern"):
        sb.open(lake, **engine).detect()


def test_a_lake_that_the_machines_do_not_find(engine: Settings, lake: Lake, tmp_path: Path) -> None:
    with pytest.raises((LakeDamagedError, EngineError)) as caught:
        sb.open(lake, **engine, spark_lake=tmp_path / "elsewhere").detect()
    assert "elsewhere" in str(caught.value)


def test_a_file_that_is_gone_is_no_file_without_calls(engine: Settings, lake: Lake) -> None:
    lost = lake.snapshot().files(CALL_RECORDS.name)[0]
    lost.unlink()
    with pytest.raises((LakeDamagedError, EngineError)):
        sb.open(lake, **engine).detect()


def test_a_function_that_engines_do_not_share_is_not_run(engine: Settings, lake: Lake, tmp_path: Path) -> None:
    query = QUERY.replace("0.5 AS confidence", "length(reflect('java.lang.System', 'getenv', 'HOME')) AS confidence")
    with pytest.raises(RuleError, match="cannot run on Spark: function reflect is not one") as caught:
        sb.examine(lake=sb.open(lake, **engine), rule=make_rule(tmp_path, query))
    assert "rules lint" in caught.value.hint


def test_a_column_that_there_is_not_is_said_with_its_step(engine: Settings, lake: Lake, tmp_path: Path) -> None:
    query = f"WITH\nseen AS (\n    SELECT nothing FROM examined_calls\n)\n\n{QUERY.replace('examined_calls', 'seen')}"
    with pytest.raises(RuleError, match=r"TEST_001.sql:2: rule TEST_001, step seen, on Spark: .*nothing"):
        sb.examine(lake=sb.open(lake, **engine), rule=make_rule(tmp_path, query))


def test_a_length_of_time_is_refused(engine: Settings, lake: Lake, tmp_path: Path) -> None:
    query = QUERY.replace(
        "FROM examined_calls", ", max(call_timestamp) - min(call_timestamp) AS took FROM examined_calls"
    )
    for settings in ({}, engine):
        with pytest.raises(RuleError, match="returns a length of time as took"):
            sb.examine(lake=sb.open(lake, **settings), rule=make_rule(tmp_path, query))


def test_what_ran_leaves_nothing_on_the_server(engine: Settings, lake: Lake) -> None:
    sb.open(lake, **engine).detect()
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession.builder.remote(engine["spark_remote"]).create()
    try:
        assert session.catalog.listTables() == []
    finally:
        session.stop()


@pytest.mark.slow
def test_a_server_that_dies_is_said(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_sail(tmp_path / "server") as settings:
        port = settings["spark_remote"].rpartition(":")[2]
        [process] = [child for child in psutil.Process().children() if port in child.cmdline()]
        ask = SparkRun.run

        def kill(run: SparkRun, query: str) -> pl.DataFrame:
            process.kill()
            return ask(run, query)

        monkeypatch.setattr(SparkRun, "run", kill)
        with pytest.raises(EngineError, match="failed"):
            sb.open(lake, **settings).detect()


def spell(value: Any) -> str:
    return ",".join(f"{name}={each}" for name, each in value.items()) if isinstance(value, dict) else str(value)


def test_the_command_line_takes_an_engine(
    engine: Settings, calls_lake: Path, simboxes: list[str], call: Call, tmp_path: Path
) -> None:
    # Sail 0.7.2 finds no Delta table below a folder whose name has a space, or a letter beyond ASCII.
    lake = calls_lake if engine.get("spark_format") != "delta" else calls_lake.rename(tmp_path / "lake")
    settings = {f"SENTINEL_{name.upper()}": spell(value) for name, value in engine.items() if name != "engine"}
    done = call("detect", "--lake", lake, "--engine", "spark", "--json", env=settings)
    assert (done.code, sorted(done.document["suspects"])) == (ExitCode.DONE, sorted(simboxes))
    done = call("rules", "run", "SDHF_001", "--lake", lake, "--engine", "spark", "--json", env=settings)
    assert done.code == ExitCode.DONE
    assert sorted(row["suspect_number"] for row in done.document["findings"]) == sorted(simboxes)
