"""Command simulate."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import Mock

import pytest
from polars.exceptions import ComputeError
from typer.testing import CliRunner

from sentinel_batch.cli.application import ReportedGroup, create_app, start
from sentinel_batch.cli.sim.population import population as simulate
from sentinel_batch.simulation import writing

app = create_app(cls=ReportedGroup)
app.callback()(start)
app.command("simulate")(simulate)


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["simulate", *(str(argument) for argument in arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_it_fills_a_lake_and_says_what_is_in_it(tmp_path: Path) -> None:
    size = ("--subscribers", 1_000, "--days", 2, "--boxes", 1, "--strategies", "capped", "--no-campaigns")
    code, out, err = run("--lake", tmp_path / "lake", *size)
    assert code == 0
    assert "capped" in out
    assert "calls in 2 days from 2026-01-05, seed 1" in out
    assert "Ground truth" in err
    code, out, _ = run("--lake", tmp_path / "lake", *size, "--json")
    document = json.loads(out)
    assert document["boxes"] == 1
    assert document["strategies"] == ["capped"]
    assert Path(document["truth"]).is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--strategies", "naive,shy"), "strategies names 'shy'"),
        (("--start", "yesterday"), "--start is 'yesterday', not a date"),
        (("--subscribers", 3), "subscribers is 3"),
        (("--start", "9999-12-31"), "start is 9999-12-31, not a day from 1970-01-02 to 2200-01-01"),
    ],
)
def test_a_bad_option_is_named(tmp_path: Path, arguments: tuple[object, ...], message: str) -> None:
    code, _, err = run("--lake", tmp_path / "lake", *arguments)
    assert code == 2
    assert message in err
    assert not (tmp_path / "lake" / "call_records").exists()


def test_a_full_disk_is_named_and_the_next_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = ("--subscribers", 1000, "--days", 1, "--no-campaigns", "--boxes", 0)
    full = ComputeError("parquet: underlying IO error: No space left on device (os error 28)")
    with monkeypatch.context() as patch:
        patch.setattr(writing, "_stage", Mock(side_effect=full))
        code, out, _ = run("--lake", tmp_path / "lake", *size, "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "disk_full")
    assert run("--lake", tmp_path / "lake", *size)[0] == 0
