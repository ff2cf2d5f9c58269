"""The simulated population: determinism, accounting, and the promises of the records and of the truth."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sentinel_batch.errors import UsageError
from sentinel_batch.ingestion.values.zones import to_local
from sentinel_batch.lake import Lake
from sentinel_batch.maintenance import diagnose
from sentinel_batch.numbers import normalise_number
from sentinel_batch.schema import CALL_RECORDS
from sentinel_batch.simulation.population import STRATEGIES, Plan, plan_population, read_truth, simulate_population
from sentinel_batch.simulation.population.boxes import order_boxes
from sentinel_batch.simulation.population.businesses import count_businesses
from sentinel_batch.simulation.population.kinds import KINDS
from sentinel_batch.simulation.population.rhythms import queue_calls
from tests.sentinel_batch.simulation.population_lake import DAYS, SEED, SUBSCRIBERS, simulated


def test_equal_seeds_give_equal_calls_and_other_seeds_do_not() -> None:
    plan = Plan(subscribers=1_500, days=3, seed=5)
    one, two, other = (plan_population(p) for p in (plan, plan, Plan(subscribers=1_500, days=3, seed=6)))
    assert_equal(one.calls(1), two.calls(1))
    assert len(one.calls(1)) != len(other.calls(1))


def test_a_day_depends_neither_on_the_days_before_nor_on_threads() -> None:
    population = plan_population(Plan(subscribers=1_500, days=3, seed=5))
    alone = population.calls(2)
    population.calls(0)
    assert_equal(alone, population.calls(2, threads=3))


def assert_equal(one: object, two: object) -> None:
    for name, values in vars(one).items():
        np.testing.assert_array_equal(values, vars(two)[name])


def test_every_call_is_accounted_for() -> None:
    sim = simulated()
    ingests = sim.lake.snapshot().read("ingests")
    assert ingests.height == DAYS
    assert ingests["records_inserted"].sum() == sim.calls.height == sim.truth.calls
    assert ingests["records_processed"].sum() == sim.calls.height
    assert sim.truth.numbers["calls"].sum() == sim.calls.height
    assert sim.lake.snapshot().committed("call_records", ingests["ingest_id"]) == set(ingests["ingest_id"])
    assert diagnose(lake=sim.lake).ok


def test_no_two_records_share_a_key_and_nobody_calls_himself() -> None:
    calls = simulated().calls
    assert calls.select(CALL_RECORDS.key).is_duplicated().sum() == 0
    assert calls.filter(pl.col("caller_number") == pl.col("callee_number")).is_empty()


def test_derived_columns_are_those_that_ingest_would_compute() -> None:
    calls = simulated().calls
    local = to_local(calls["call_timestamp"], "Africa/Lagos")
    assert (calls["local_date"] == local.dt.date()).all()
    assert (calls["local_hour"] == local.dt.hour()).all()
    assert (calls["iso_weekday"] == local.dt.weekday()).all()
    assert (calls["call_date"] == calls["call_timestamp"].dt.date()).all()
    assert (calls["callee_prefix"] == calls["callee_number"].str.slice(0, 7)).all()
    assert (calls["answered"] == (calls["duration_seconds"] > 0)).all()
    assert (calls["answered"] == (calls["termination_cause"] == "NORMAL_CLEARING")).all()


def test_numbers_stand_as_ingest_would_normalise_them() -> None:
    calls = simulated().calls
    sample = calls.unique("callee_number").sort("callee_number").gather_every(37)
    read = [normalise_number(number, "NG") for number in sample["callee_number"]]
    assert read == list(sample.select("callee_number", "number_type").iter_rows())
    callers = calls["caller_number"].unique().sort().gather_every(37)
    assert [normalise_number(number, "NG")[0] for number in callers] == callers.to_list()


def test_what_rules_need_is_filled_for_served_callers_and_only_for_them() -> None:
    calls = simulated().calls
    inbound = calls["call_direction"] == "inbound"
    fixed = calls["caller_number"].str.starts_with("+234201")
    for column in ("location_code", "imei", "imsi"):
        assert (calls[column].is_null() == (inbound | fixed)).all(), column
    abroad = ~calls["callee_number"].str.starts_with("+234")
    assert (calls["trunk"].is_not_null() == (inbound | abroad)).all()


def test_cells_of_calls_are_in_cells_csv() -> None:
    sim = simulated()
    cells = pl.read_csv(sim.truth.cells_file)
    assert set(sim.calls["location_code"].drop_nulls()) <= set(cells["location_code"])
    assert cells["latitude"].is_between(4, 14).all()
    assert cells["longitude"].is_between(2.5, 15).all()


def test_imeis_have_fifteen_digits_and_a_valid_check_digit() -> None:
    imeis = simulated().calls["imei"].drop_nulls().unique()
    assert imeis.str.contains(r"^[0-9]{15}$").all()
    for imei in imeis.sort().gather_every(101):
        doubled = [int(d) * (1 + place % 2) for place, d in enumerate(imei)]
        assert sum(value - 9 * (value > 9) for value in doubled) % 10 == 0, imei


def test_truth_is_read_back_and_says_who_is_who() -> None:
    sim = simulated()
    truth = read_truth(lake=sim.lake)
    assert truth.numbers.equals(sim.truth.numbers)
    assert truth.numbers["number"].is_unique().all()
    assert set(truth.numbers["role"]) == {"subscriber", "hard_negative", "fraud"}
    boxes = truth.numbers.filter(kind="simbox")
    assert set(boxes["strategy"]) == set(STRATEGIES)
    assert boxes.group_by("box_id").len()["len"].min() >= 8
    assert truth.fraud().filter(pl.col("calls") > 0)["fraud_start"].null_count() == 0
    assert truth.plan["seed"] == SEED
    assert truth.plan["subscribers"] == SUBSCRIBERS
    segments = pl.read_csv(truth.segments_file)
    assert "consumer" not in set(segments["segment"])


def test_first_and_last_calls_of_the_truth_are_those_of_the_records() -> None:
    sim = simulated()
    seen = sim.calls.group_by("caller_number").agg(
        first=pl.col("call_timestamp").min(), last=pl.col("call_timestamp").max(), n=pl.len()
    )
    both = sim.truth.numbers.join(seen, left_on="number", right_on="caller_number")
    assert both.height == seen.height
    assert (both["first"] == both["first_call"]).all()
    assert (both["last"] == both["last_call"]).all()
    assert (both["n"] == both["calls"]).all()


def test_simulating_again_adds_nothing_and_a_killed_run_goes_on(tmp_path: Path) -> None:
    arguments = {"subscribers": 1_000, "days": 3, "seed": 2, "campaigns": False}
    whole = simulate_population(lake=tmp_path / "whole", **arguments)

    def stop(label: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_population(lake=tmp_path / "killed", **arguments, progress=stop)
    with pytest.raises(UsageError, match="not to the end"):
        read_truth(lake=tmp_path / "killed")
    for _ in range(2):
        again = simulate_population(lake=tmp_path / "killed", **arguments)
    assert again.numbers.equals(whole.numbers)
    frames = [read_calls(tmp_path / name) for name in ("whole", "killed")]
    assert frames[0].equals(frames[1])


def read_calls(path: Path) -> pl.DataFrame:
    frame = Lake.open(path).snapshot().scan("call_records").drop("processed_at").collect()
    return frame.sort("source_file", "source_line")


@pytest.mark.parametrize("days", [1, 2])
def test_the_shortest_simulations_hold_every_campaign(days: int) -> None:
    population = plan_population(Plan(subscribers=1_000, days=days, seed=4, boxes=0))
    within = sum(len(population.campaigns.calls(day)) for day in range(days))
    assert within == len(population.campaigns.everything) > 0
    assert min(len(population.calls(day)) for day in range(days)) > 1_000


def test_a_lake_with_other_calls_is_refused(tmp_path: Path) -> None:
    simulate_population(lake=tmp_path / "lake", subscribers=1_000, days=1, campaigns=False)
    with pytest.raises(UsageError, match="already holds calls that are not of this simulation") as caught:
        simulate_population(lake=tmp_path / "lake", subscribers=1_000, days=1, seed=9, campaigns=False)
    assert "empty folder" in caught.value.hint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"subscribers": 10}, "subscribers is 10, not a whole number from 1,000"),
        ({"subscribers": True}, "subscribers is True"),
        ({"days": 0}, "days is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"boxes": -1}, "boxes is -1"),
        ({"sims_per_box": 3}, "sims_per_box is 3, not a whole number from 8"),
        ({"prevalence": 0.5}, "prevalence is 0.5, not a share from 0 to 0.05"),
        ({"strategies": ("clever",)}, "strategies names 'clever'"),
        ({"strategies": ()}, "strategies names nothing"),
    ],
)
def test_arguments_out_of_range_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        Plan(**arguments)  # type: ignore[arg-type]
    assert caught.value.hint


def test_prevalence_and_hard_negatives_at_the_size_of_a_network() -> None:
    plan = Plan(subscribers=1_000_000)
    orders = order_boxes(plan)
    sims = sum(order.sims for order in orders)
    assert 0.8 * 200 <= sims <= 1.3 * 200
    assert {order.name for order in orders} == set(STRATEGIES)
    assert all(order.slots >= 8 for order in orders)
    assert 0.003 <= count_businesses(plan) / plan.subscribers <= 0.006


def test_prevalence_nought_has_no_box_and_boxes_are_as_many_as_asked() -> None:
    assert order_boxes(Plan(prevalence=0.0)) == []
    asked = order_boxes(Plan(boxes=3, sims_per_box=9, strategies=("naive", "capped")))
    assert [(order.name, order.sims) for order in asked] == [("naive", 9), ("capped", 9), ("naive", 9)]


def test_every_kind_of_hard_negative_is_there_more_than_once() -> None:
    counted = simulated().truth.numbers.filter(role="hard_negative").group_by("kind").len()
    assert set(counted["kind"]) == set(KINDS)
    assert counted["len"].min() >= 1
    assert counted["len"].sum() >= count_businesses(Plan(subscribers=SUBSCRIBERS)) - 6  # some exchanges are hacked


def test_no_line_starts_a_call_before_it_is_free() -> None:
    rng = np.random.default_rng(1)
    line = np.sort(rng.integers(0, 40, 500))
    seconds = np.concatenate([np.sort(rng.uniform(0, 1_000, (line == k).sum())) for k in range(40)])
    busy = rng.exponential(60.0, 500)
    free: dict[int, float] = {}
    expected = []
    for k, second, held in zip(line.tolist(), seconds.tolist(), busy.tolist(), strict=True):
        start = max(second, free.get(k, 0.0))
        free[k] = start + held
        expected.append(start)
    np.testing.assert_allclose(queue_calls(line, seconds, busy), expected, atol=1e-3)


def test_the_plan_on_disk_reproduces_the_run() -> None:
    plan = json.loads((simulated().truth.folder / "plan.json").read_text())
    again = Plan(
        **{key: plan[key] for key in ("subscribers", "days", "seed", "prevalence", "campaigns", "boxes")},
        start=dt.date.fromisoformat(plan["start"]),
        strategies=tuple(plan["strategies"]),
        sims_per_box=plan["sims_per_box"],
    )
    assert len(plan_population(again).calls(0)) == simulated().calls.filter(pl.col("local_date") == again.start).height
