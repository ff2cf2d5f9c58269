"""Commands scorecard, calibrate, queue and model: text, JSON, refusals."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import polars as pl
import pytest
from conftest import Outcome
from typer.testing import CliRunner

from sentinel_batch import examine, record_alerts, review_alerts
from sentinel_batch.cli.application import app
from sentinel_batch.config import SHIPPED_MODEL
from sentinel_batch.lake import Lake
from sentinel_batch.learning.model import open_model
from sentinel_batch.profiles import build_profiles
from sentinel_batch.simulation.population import simulate_population


def _call(*arguments: object) -> Outcome:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "240"})
    return Outcome(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(scope="session")
def _simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = Lake.create(tmp_path_factory.mktemp("learning") / "lake")
    strategies = ["naive", "capped"]
    simulate_population(lake=lake, subscribers=1200, days=9, seed=3, boxes=6, sims_per_box=8, strategies=strategies)
    build_profiles(lake=lake)
    record_alerts(examine(lake=lake, rule="SIMBOX_RATIO", since="9d").findings, lake=lake)
    return lake.path


@pytest.fixture
def simulated(_simulated: Path, tmp_path: Path) -> Path:
    """A lake of its own with a simulated population and the alerts of one rule."""
    return Path(shutil.copytree(_simulated, tmp_path / "lake"))


@pytest.fixture(scope="session")
def trained(_simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model that was trained on the command line."""
    folder = tmp_path_factory.mktemp("model") / "m"
    made = _call("model", "train", "--lake", _simulated, "--out", folder, "--labels", "truth")
    assert made.code == 0, made.stderr
    assert "Average precision" in made.stdout
    return folder


def test_the_scorecard_shows_precision_hours_and_reasons(simulated: Path) -> None:
    review_alerts([1, 2], disposition="confirmed", lake=simulated)
    review_alerts(3, disposition="false-positive", notes="a bank's desk\x1b[2J", lake=simulated)
    shown = _call("rules", "scorecard", "--lake", simulated)
    assert "SIMBOX_RATIO" in shown.stdout and "0.667" in shown.stdout
    assert "a bank's desk" in shown.stdout and "\x1b" not in shown.stdout
    rules = _call("rules", "scorecard", "--lake", simulated, "--json").document["rules"]
    assert (rules[0]["confirmed"], rules[0]["false_positives"]) == (2, 1)


def test_a_scorecard_without_alerts_says_so(tmp_path: Path) -> None:
    assert _call("rules", "scorecard", "--lake", Lake.create(tmp_path / "lake").path).stdout == "No alerts.\n"


def test_calibrate_prints_the_proposal_and_writes_it_only_where_asked(simulated: Path, tmp_path: Path) -> None:
    target = tmp_path / "proposed.toml"
    options = ("--lake", simulated, "--rule", "SIMBOX_RATIO", "--history", "1w", "--budget", "1/week")
    shown = _call("rules", "calibrate", *options)
    assert "in use" in shown.stdout and "proposed" in shown.stdout
    assert list(tmp_path.glob("*.toml")) == []
    document = _call("rules", "calibrate", *options, "--out", target, "--json").document
    assert tomllib.loads(target.read_text())["rules"] == document["configuration"]
    again = _call("rules", "calibrate", *options, "--out", target)
    assert again.code == 2 and "exists already" in again.stderr


def test_calibrate_refuses_what_it_cannot_read(simulated: Path) -> None:
    assert "is not a budget" in _call("rules", "calibrate", "--lake", simulated, "--budget", "0").stderr
    assert "is not a duration" in _call("rules", "calibrate", "--lake", simulated, "--history", "4y").stderr
    assert "at least 2 are needed" in _call("rules", "calibrate", "--lake", simulated, "--history", "1d").stderr


def test_the_queue_ranks_numbers(simulated: Path, trained: Path) -> None:
    plain = _call("queue", "--lake", simulated, "--json").document["suspects"]
    assert [row["rank"] for row in plain] == list(range(1, len(plain) + 1))
    assert plain[0]["reasons"][0].startswith("SIMBOX_RATIO: ")
    ranked = _call("queue", "--lake", simulated, "--model", trained, "--limit", 3)
    assert ranked.code == 0 and len(ranked.stdout.splitlines()) >= 3
    assert _call("queue", "--lake", simulated, "--limit", -1).code == 2
    assert (
        _call("queue", "--lake", simulated, "--since", "2020-01-01", "--until", "2020-01-02").stdout == "No suspects.\n"
    )


def test_a_model_is_measured_scores_and_explains(simulated: Path, trained: Path) -> None:
    figures = _call(
        "model", "evaluate", "--lake", simulated, "--model", trained, "--labels", "truth", "--json"
    ).document
    assert figures["figures"]["average_precision"] > 0.8
    listed = _call("model", "score", "--lake", simulated, "--model", trained, "--limit", 5, "--json").document[
        "numbers"
    ]
    truth = pl.read_parquet(simulated / "simulation" / "truth.parquet").filter(pl.col("role") == "fraud")["number"]
    assert len(listed) == 5
    assert listed[0]["number"] in truth.to_list()
    assert listed[0]["reasons"]
    shown = _call("model", "explain", listed[0]["number"], "--lake", simulated, "--model", trained)
    assert "Before anything is known: " in shown.stdout and "For fraud" in shown.stdout


def test_without_a_named_model_that_of_the_settings_speaks(
    simulated: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = _call("model", "score", "--lake", simulated, "--model", trained, "--limit", 1, "--json").document
    shipped = _call("model", "score", "--lake", simulated, "--limit", 1, "--json").document
    assert shipped["model_version"] == open_model(SHIPPED_MODEL).version != named["model_version"]
    config = tmp_path / "sentinel.toml"
    config.write_text(f"model = {json.dumps(str(trained))}\n")
    number = named["numbers"][0]["number"]
    told = _call("model", "explain", number, "--lake", simulated, "--config", config, "--json").document
    assert told["model_version"] == named["model_version"]
    monkeypatch.setenv("SENTINEL_MODEL", "none")
    refused = _call("model", "explain", number, "--lake", simulated)
    assert refused.code == 2 and f"--model {SHIPPED_MODEL}" in refused.stderr


def test_a_model_needs_a_folder_and_a_caller(simulated: Path, trained: Path, tmp_path: Path) -> None:
    missing = _call("queue", "--lake", simulated, "--model", tmp_path / "none")
    assert missing.code == 1 and "There is no model at" in missing.stderr
    unknown = _call("model", "explain", "+10", "--lake", simulated, "--model", trained)
    assert unknown.code == 1 and "made no call" in unknown.stderr
    few = _call("model", "train", "--lake", simulated, "--out", tmp_path / "m", "--labels", "verdicts")
    assert few.code == 1 and "too few labels" in few.stderr
