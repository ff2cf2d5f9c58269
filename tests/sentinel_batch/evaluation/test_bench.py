"""A tiny bench from end to end, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from sentinel_batch.cli.sim.bench import bench as bench_detect
from sentinel_batch.errors import UsageError
from sentinel_batch.evaluation import BenchPlan, bench_detection, render_report
from sentinel_batch.evaluation.observation import read_observation
from sentinel_batch.evaluation.outcomes import count_false_alerts, describe_boxes, measure_delays

STRATEGIES = ("naive", "imei_changing")
PLAN = BenchPlan(1_200, 5, (7,), STRATEGIES, training_seeds=(8,), training_subscribers=1_000)
POPULATION = "population-1200-5-7"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A bench that was run, and its figures."""
    out = tmp_path_factory.mktemp("bench é")
    return out, bench_detection(out, PLAN)


@pytest.fixture
def folder(bench: tuple[Path, dict[str, Any]]) -> Path:
    return bench[0]


@pytest.fixture
def figures(bench: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    return bench[1]


def test_simple_boxes_are_at_the_head_of_the_queue(figures: dict[str, Any]) -> None:
    for name in STRATEGIES:
        fused = figures["strategies"][name]["rules + boxes + cases + model"]
        assert fused["fraud"] >= 8 and fused["units"] == 1
        assert fused["precision_at_k"] >= 0.8
        assert figures["delays"][name]["rules"]["numbers"] == fused["fraud"]
    assert figures["overall"]["rules"]["precision_at_k"] <= 1


def test_the_figures_agree_with_the_lake(folder: Path, figures: dict[str, Any]) -> None:
    seen = read_observation(folder / POPULATION)
    alerts = seen.desk.tables.scan("fraud_alerts").filter(pl.col("merged_into").is_null()).collect()
    assert seen.alerts.height >= alerts.height > 0
    honest = seen.truth.filter(pl.col("role") != "fraud")["number"]
    expected = seen.alerts.filter(pl.col("suspect_number").is_in(honest.implode())).height
    assert sum(row["alerts"] for row in figures["false_alerts"]) == expected
    assert sum(row["numbers"] for row in figures["false_alerts"]) == honest.len()
    [box] = [box for box in figures["boxes"] if box["strategy"] == "imei_changing"]
    last = seen.members.filter(pl.col("night") == 4)
    sims = seen.truth.filter(pl.col("box_id") == box["box_id"], pl.col("fraud_start").is_not_null())["number"]
    counts = last.filter(pl.col("number").is_in(sims.implode())).group_by("case_id").len()["len"]
    assert (box["sims"], box["cases"], box["together"]) == (sims.len(), counts.len(), counts.max() or 0)


def test_delays_count_from_the_first_fraudulent_call_to_the_night(folder: Path) -> None:
    seen = read_observation(folder / POPULATION)
    sims = seen.truth.filter(pl.col("strategy") == "naive", pl.col("fraud_start").is_not_null()).sort("number")
    listed = pl.DataFrame({"night": [3, 1], "number": [sims["number"][0]] * 2})
    delays = measure_delays([seen], [listed], "naive")
    assert (delays["numbers"], delays["found"]) == (sims.height, 1)
    assert delays["slow"] is None
    one = seen.truth.filter(pl.col("number") == sims["number"][0])
    alone = measure_delays([_with_truth(seen, one)], [listed], "naive")
    assert alone["median"] == pytest.approx((seen.ends[1] - one["fraud_start"][0]).total_seconds() / 3600)


def test_no_night_looks_ahead(folder: Path) -> None:
    seen = read_observation(folder / POPULATION)
    begun = seen.truth.filter(pl.col("strategy").is_not_null()).select("number", "fraud_start")
    named = pl.concat([seen.boxes.select("night", "number"), seen.members.select("night", "number")])
    first = named.group_by("number").agg(pl.col("night").min()).join(begun, on="number")
    assert first.height > 0
    assert all(seen.ends[night] > start for night, start in first.select("night", "fraud_start").iter_rows())


def _with_truth(seen: Any, truth: pl.DataFrame) -> Any:
    from dataclasses import replace

    return replace(seen, truth=truth)


def test_an_observation_is_read_again_not_made_again(folder: Path, figures: dict[str, Any]) -> None:
    before = (folder / POPULATION / "findings.parquet").stat().st_mtime_ns
    said: list[str] = []
    again = bench_detection(folder, PLAN, progress=said.append)
    assert (folder / POPULATION / "findings.parquet").stat().st_mtime_ns == before
    assert not any("simulating" in words or "night" in words for words in said)
    assert json.dumps(again, default=str) == json.dumps(figures, default=str)


def test_the_page_has_every_part_and_no_empty_table(figures: dict[str, Any]) -> None:
    page = render_report(figures)
    for word in ("## Queue by strategy", "`imei_changing`", "## Alerts on honest numbers", "`call_centre`", "## Delay"):
        assert word in page
    widths = {line.count("|") for line in page.split("## Boxes and cases")[1].splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_the_command_writes_the_page_and_the_figures(folder: Path, figures: dict[str, Any]) -> None:
    app = typer.Typer()
    app.command()(bench_detect)
    typed = "--subscribers 1200 --days 5 --seeds 7 --strategies naive,imei_changing --training-seeds 8"
    arguments = [*typed.split(), "--training-subscribers", "1000", "--out", str(folder)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert (folder / "detection.md").read_text(encoding="utf-8") == render_report(figures)
    stored = json.loads((folder / "detection.json").read_text(encoding="utf-8"))
    assert stored["plan"]["seeds"] == [7]


@pytest.mark.parametrize(
    ("plan", "message", "hint"),
    [
        ({"strategies": ("naive", "bold")}, "no strategies 'bold'", "capped"),
        ({"seeds": ()}, "empty, or not distinct", "1,2,3"),
        ({"seeds": (4, 4)}, "empty, or not distinct", "1,2,3"),
        ({"seeds": (1, 101)}, "both trained on and measured", "101"),
    ],
)
def test_what_is_not_allowed_is_said(plan: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        BenchPlan(**plan)
    assert hint in str(error.value.hint)


def test_a_seed_that_is_no_number_is_refused() -> None:
    from sentinel_batch.cli.sim.bench import _read_seeds

    assert _read_seeds("1, 2", "--seeds") == (1, 2)
    with pytest.raises(UsageError, match="--seeds is '1,x', not a list of seeds"):
        _read_seeds("1,x", "--seeds")


def test_boxes_in_no_case_have_no_purity(folder: Path) -> None:
    from dataclasses import replace

    seen = read_observation(folder / POPULATION)
    boxes = describe_boxes(replace(seen, members=seen.members.clear()))
    assert [box["purity"] for box in boxes] == [None] * len(boxes)
    assert not any(box["one_case"] for box in boxes)
    quiet = replace(seen, alerts=seen.alerts.clear())
    assert all(row["alerts"] == 0 and row["share"] == 0 for row in count_false_alerts([quiet]))
