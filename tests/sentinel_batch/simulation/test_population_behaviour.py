"""What the simulated numbers do: subscribers, hard negatives, SIM boxes, campaigns."""

from __future__ import annotations

import json

import polars as pl
import pytest

from sentinel_batch.simulation.population import STRATEGIES
from tests.sentinel_batch.simulation.population_lake import simulated

DAY = ("caller_number", "local_date")


def daily(kind: str) -> pl.DataFrame:
    return (
        simulated()
        .of(kind)
        .group_by(DAY)
        .agg(
            calls=pl.len(),
            callees=pl.col("callee_number").n_unique(),
            cells=pl.col("location_code").n_unique(),
            imeis=pl.col("imei").n_unique(),
            talk=pl.col("duration_seconds").filter(pl.col("answered")).mean(),
        )
    )


def median(frame: pl.DataFrame, column: str) -> float:
    return float(frame[column].median())  # type: ignore[arg-type]


def test_subscribers_live_by_day_and_talk_to_those_they_know() -> None:
    calls = simulated().of("consumer")
    assert 3.0 < calls.height / simulated().truth.plan["days"] / simulated().truth.plan["subscribers"] < 8.0
    hours = calls.group_by("local_hour").len().sort("local_hour")["len"]
    assert hours[12] > 8 * hours[3]
    assert 0.6 < calls["answered"].mean() < 0.85  # type: ignore[operator]
    talk = calls.filter("answered")["duration_seconds"]
    assert talk.mean() > 1.8 * talk.median()  # type: ignore[operator]
    made = calls.group_by("caller_number").len()["len"]
    assert made.var() > 3 * made.mean()  # type: ignore[operator]


def test_ties_are_mutual_and_few_carry_most() -> None:
    calls = simulated().of("consumer")
    pairs = calls.group_by("caller_number", "callee_number").len()
    back = pairs.select(caller_number="callee_number", callee_number="caller_number", back="len")
    strong = pairs.filter(pl.col("len") >= 5).join(back, on=["caller_number", "callee_number"], how="left")
    assert strong["back"].is_not_null().mean() > 0.6  # type: ignore[operator]
    busy = pairs.filter(pl.col("len").sum().over("caller_number") >= 40)
    top = busy.group_by("caller_number").agg(share=pl.col("len").max() / pl.col("len").sum())
    assert 0.15 < median(top, "share") < 0.7


def test_only_clones_travel_faster_than_an_airliner() -> None:
    sim = simulated()
    cells = pl.read_csv(sim.truth.cells_file)
    calls = (
        sim.calls.drop_nulls("location_code").join(cells, on="location_code").sort("caller_number", "call_timestamp")
    )
    before = {name: pl.col(name).shift(1).over("caller_number") for name in ("latitude", "longitude", "call_timestamp")}
    moved = calls.select(
        "caller_number",
        north=(pl.col("latitude") - before["latitude"]) * 111.2,
        east=(pl.col("longitude") - before["longitude"]) * 111.2 * pl.col("latitude").radians().cos(),
        hours=(pl.col("call_timestamp") - before["call_timestamp"]).dt.total_seconds() / 3_600,
    ).with_columns(km=(pl.col("north") ** 2 + pl.col("east") ** 2).sqrt())
    fast = moved.filter((pl.col("km") > 50) & (pl.col("km") > 900 * pl.col("hours")))
    kinds = fast.join(sim.truth.numbers, left_on="caller_number", right_on="number")["kind"]
    assert set(kinds) <= {"cloned_sim", "sim_takeover"}
    assert "cloned_sim" in set(kinds)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_boxes_call_strangers_for_minutes_and_hardly_receive(strategy: str) -> None:
    days = daily(strategy)
    assert median(days, "callees") > 20
    assert median(days, "talk") > (60 if strategy == "traffic_mimicking" else 120)
    made = simulated().of(strategy)
    sims = made["caller_number"].unique()
    received = simulated().calls.filter(pl.col("callee_number").is_in(sims.implode()))
    own = received.filter(pl.col("caller_number").is_in(sims.implode()))
    assert (received.height - own.height) / made.height < 0.04
    assert (own.height > 0) == (strategy == "socially_mimicking")


def test_strategies_differ_as_they_say() -> None:
    days = {name: daily(name) for name in STRATEGIES}
    assert days["naive"]["callees"].median() > 70  # type: ignore[operator]
    assert days["capped"]["callees"].max() <= 40  # type: ignore[operator]
    assert days["mobility_mimicking"]["cells"].median() >= 3  # type: ignore[operator]
    assert days["imei_changing"]["imeis"].median() >= 3  # type: ignore[operator]
    assert days["naive"]["imeis"].max() == 1
    lives = simulated().of("rotating").group_by("caller_number").agg(pl.col("local_date").n_unique())
    assert lives["local_date"].max() <= 5  # type: ignore[operator]
    shared = simulated().of("rotating").group_by("imei", "local_date").agg(pl.col("caller_number").n_unique())
    assert shared["caller_number"].max() >= 2  # type: ignore[operator]


def test_a_sim_holds_one_call_at_a_time() -> None:
    made = simulated().of("simbox").filter(pl.col("duration_seconds") > 0).sort("caller_number", "call_timestamp")
    ends = pl.col("call_timestamp") + pl.duration(seconds="duration_seconds")
    # Seconds are cut off: two calls may seem to touch.
    overlap = made.select(late=(pl.col("call_timestamp") - ends.shift(1).over(DAY)).dt.total_seconds()).drop_nulls()
    assert overlap["late"].min() >= -1  # type: ignore[operator]


def test_wangiri_rings_once_and_victims_pay() -> None:
    rings = simulated().of("wangiri")
    assert (rings["duration_seconds"] <= 3).all()
    assert (rings["call_direction"] == "inbound").all()
    traps = rings["caller_number"].unique()
    first = rings.group_by("caller_number").agg(
        pl.col("call_timestamp").sort().slice(0, 30).max() - pl.col("call_timestamp").min()
    )
    assert (first["call_timestamp"].dt.total_minutes() <= 5).any()
    back = simulated().calls.filter(pl.col("callee_number").is_in(traps.implode()))
    facts = json.loads(simulated().truth.numbers.filter(number=traps[0])["facts"].item())
    assert back["caller_number"].n_unique() == facts["victims"] > 0
    assert back["duration_seconds"].mean() > 10  # type: ignore[operator]


def test_robocallers_play_seconds() -> None:
    made = simulated().of("short_duration").filter("answered")
    assert (made["duration_seconds"] <= 6).mean() > 0.5  # type: ignore[operator]
    assert median(daily("short_duration"), "calls") > 150


def test_masked_calls_come_within_seconds() -> None:
    made = simulated().of("call_masking").sort("call_timestamp")
    waves = made.group_by_dynamic("call_timestamp", every="10s").agg(pl.col("caller_number").n_unique())
    assert waves["caller_number"].max() >= 5  # type: ignore[operator]
    assert made["callee_number"].n_unique() == 1


def test_sweeps_go_through_neighbouring_numbers() -> None:
    made = simulated().of("sequential_dialling").sort("call_timestamp")
    steps = made["callee_number"].str.slice(1).cast(pl.Int64).diff().drop_nulls()
    assert steps.is_between(1, 3).all()
    assert made["termination_cause"].eq("UNALLOCATED_NUMBER").any()


def test_spoofed_callers_come_over_an_international_trunk() -> None:
    made = simulated().of("cli_spoofing")
    assert made["caller_number"].str.starts_with("+234").all()
    assert made["trunk"].is_not_null().all()
    sorts = simulated().truth.numbers.filter(kind="cli_spoofing")["facts"].str.json_path_match("$.caller_id")
    assert set(sorts) == {"unallocated", "impossible_length", "neighbour"}


@pytest.mark.parametrize("kind", ["irsf", "pbx_hacking"])
def test_premium_traffic_flows_at_night_to_one_range(kind: str) -> None:
    facts = simulated().truth.numbers.filter(kind=kind)["facts"].str.json_path_match("$.range")
    made = simulated().of(kind).filter(pl.col("callee_number").str.starts_with(facts[0]))
    assert made.height > 20
    assert (made["local_hour"].is_in([22, 23, 0, 1, 2, 3, 4, 5, 6, 7, 8])).mean() > 0.9  # type: ignore[operator]
    assert made["duration_seconds"].mean() > 200  # type: ignore[operator]


def test_a_number_that_was_taken_over_changes_sim_and_handset() -> None:
    made = simulated().of("sim_takeover").with_columns(after=pl.col("call_timestamp") >= pl.col("fraud_start"))
    used = made.group_by("after").agg(
        pl.col("imsi").unique(), pl.col("imei").unique(), pl.col("callee_number").unique()
    )
    before, after = used.sort("after").to_dicts()
    assert not set(before["imsi"]) & set(after["imsi"])
    assert not set(before["imei"]) & set(after["imei"])
    assert len(set(before["callee_number"]) & set(after["callee_number"])) <= 1
