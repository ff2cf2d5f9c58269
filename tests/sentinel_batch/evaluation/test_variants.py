"""Views of a simulated lake show what others would see, and their truth is true of what is shown."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from sentinel_batch.cli.sim.bench import bench
from sentinel_batch.errors import UsageError
from sentinel_batch.evaluation.comparison import AGENTS, VariantPlan, bench_variants, place_variant
from sentinel_batch.evaluation.observation import open_population
from sentinel_batch.evaluation.variants import FULL, VARIANTS
from sentinel_batch.numbers import NumberBook
from sentinel_batch.schema import CALL_RECORDS
from sentinel_batch.simulation.population import read_truth

PLAN = VariantPlan(1_000, 4, (3,), (AGENTS,), boxes=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("variants é")
    for name in VARIANTS:
        place_variant(made, PLAN, AGENTS, 3, name, lambda _: None)
    return made


def _place(folder: Path, name: str) -> Path:
    return folder / ("agents-1000-4-3" + ("" if name == FULL else f"-{name}"))


def _calls(folder: Path, name: str) -> pl.DataFrame:
    tables = open_population(_place(folder, name)).snapshot().tables
    return tables.read(CALL_RECORDS.name).sort("call_timestamp", "caller_number", "callee_number")


@pytest.mark.parametrize("name", VARIANTS)
def test_the_truth_of_a_view_is_true_of_its_calls(folder: Path, name: str) -> None:
    truth = read_truth(lake=open_population(_place(folder, name))).numbers
    seen = _calls(folder, name).group_by(number="caller_number").agg(n=pl.len(), begun=pl.col("call_timestamp").min())
    joined = truth.join(seen, on="number", how="left")
    assert (joined["n"].fill_null(0) == joined["calls"]).all()
    fraud = joined.filter(pl.col("role") == "fraud")
    assert fraud.height > 0 and (fraud["fraud_start"].is_null() == fraud["n"].is_null()).all()
    assert (fraud["fraud_start"] >= fraud["begun"]).drop_nulls().all()


def test_columns_and_calls_go_missing(folder: Path) -> None:
    whole = _calls(folder, FULL)
    for name, gone, kept in (("no_imei", "imei", "location_code"), ("no_cells", "location_code", "imei")):
        calls = _calls(folder, name)
        assert calls[gone].null_count() == whole.height
        assert calls[kept].null_count() == whole[kept].null_count()
    both = _calls(folder, "no_imei_no_cells")
    assert both["imei"].null_count() == both["location_code"].null_count() == both.height == whole.height
    assert 0.45 < _calls(folder, "half_volume").height / whole.height < 0.55


def test_one_operator_sees_its_own_customers_calls_and_those_of_all_boxes(folder: Path) -> None:
    whole, own = _calls(folder, FULL), _calls(folder, "one_operator")
    callers = own["caller_number"].unique().implode()
    assert own.height == whole.filter(pl.col("caller_number").is_in(callers)).height < 0.8 * whole.height
    truth = read_truth(lake=open_population(_place(folder, "one_operator")))
    assert (truth.fraud()["calls"] > 0).mean() > 0.6  # type: ignore[operator]


def test_another_country_has_other_numbers_one_for_one(folder: Path) -> None:
    whole, other = _calls(folder, FULL), _calls(folder, "other_country")
    pairs = pl.DataFrame({"number": whole["caller_number"], "other": other["caller_number"]}).unique()
    assert pairs["number"].n_unique() == pairs["other"].n_unique() == pairs.height
    callees = other["callee_number"].unique()
    assert callees.str.starts_with("+22901").all()
    assert NumberBook("BJ").normalise(callees).kinds is None
    assert (other["callee_prefix"] == other["callee_number"].str.slice(0, 7)).all()
    assert open_population(_place(folder, "other_country")).config.region == "BJ"


def test_days_are_cut_and_holidays_are_kept(folder: Path) -> None:
    whole, short = _calls(folder, FULL), _calls(folder, "short_history")
    assert short["local_date"].unique().sort().to_list() == whole["local_date"].unique().sort().to_list()[-3:]
    truth = read_truth(lake=open_population(_place(folder, FULL))).numbers
    trades = truth.filter(pl.col("role") == "hard_negative")["number"].implode()
    dates = whole["local_date"].unique().sort().to_list()

    def count(name: str, day: int, trade: bool) -> int:
        calls = _calls(folder, name).filter(pl.col("local_date") == dates[day])
        return calls.filter(pl.col("caller_number").is_in(trades) == trade).height

    assert count("holiday", 2, True) < 0.3 * count(FULL, 2, True)
    assert count("holiday", 2, False) > 1.2 * count(FULL, 2, False)  # Boxes, who do not, are among them.
    assert count("holiday", 1, False) == count(FULL, 1, False)


@pytest.mark.parametrize(
    ("plan", "message", "hint"),
    [
        ({"variants": ("full", "odd")}, "no variants 'odd'", "no_imei"),
        ({"variants": ("full", "full")}, "names one twice", "no_imei"),
        ({"designs": ("odd",)}, "no designs 'odd'", "agents"),
        ({"seeds": ()}, "empty, or not distinct", "1,2,3"),
        ({"boxes": 0}, "boxes is 0", "at least one"),
    ],
)
def test_what_is_not_allowed_is_said(plan: dict[str, object], message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        VariantPlan(**plan)  # type: ignore[arg-type]
    assert hint in str(error.value.hint)


def test_the_bench_reports_by_variant_and_goes_on_where_it_stopped(folder: Path) -> None:
    app = typer.Typer()
    app.command()(bench)
    typed = "--subscribers 1000 --days 4 --seeds 3 --designs agents --variants full,no_imei --boxes 1 --model none"
    result = CliRunner().invoke(app, [*typed.split(), "--out", str(folder)])
    assert result.exit_code == 0, result.output
    page = (folder / "detection.md").read_text(encoding="utf-8")
    figures = json.loads((folder / "detection.json").read_text(encoding="utf-8"))
    assert [row["variant"] for row in figures["variants"]] == ["full", "no_imei"]
    assert "| `agents` | `no_imei` | rules + boxes + cases |" in page
    whole = figures["variants"][0]
    truth = read_truth(lake=open_population(_place(folder, FULL))).fraud()
    assert whole["sims"] == truth["fraud_start"].drop_nulls().len()
    assert sum(own["sims"] for own in whole["strategies"].values()) == whole["sims"]
    assert whole["strategies"]["steady"]["recall"] > 0.8
    assert 0 < whole["honest_per_million"] < whole["alerts_per_million"]
    assert all(own["whole"] <= own["large"] <= own["boxes"] for own in whole["strategies"].values())
    said: list[str] = []
    plan = VariantPlan(1_000, 4, (3,), (AGENTS,), ("full", "no_imei"), 1)
    again = bench_variants(folder, plan, model="simbox-simulated", progress=said.append)
    assert said and not any("simulating" in words or "-nights: " in words for words in said)
    assert [row["method"] for row in again["variants"][:2]] == [
        "rules + boxes + cases", "rules + boxes + cases + model",
    ]  # fmt: skip
    assert json.loads(json.dumps(again["variants"][0]["strategies"])) == whole["strategies"]
