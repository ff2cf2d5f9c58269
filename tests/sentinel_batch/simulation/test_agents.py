"""Agents: the second design fills a lake whose truth agrees with its calls, the same every time."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from sentinel_batch.config import Config
from sentinel_batch.desk import Desk
from sentinel_batch.errors import UsageError
from sentinel_batch.numbers import NumberBook
from sentinel_batch.schema import CALL_RECORDS
from sentinel_batch.simulation.agents import STRATEGIES, AgentPlan, simulate_agents
from sentinel_batch.simulation.agents.plan import NUMBERING
from sentinel_batch.simulation.agents.society import found_society
from sentinel_batch.simulation.population import PopulationTruth, read_truth

DAYS = 3


def _desk(folder: Path, region: str = "GH") -> Desk:
    return Desk(Config(lake=folder / "lake", timezone="Africa/Accra", region=region))


def _simulate(desk: Desk) -> PopulationTruth:
    return simulate_agents(desk, subscribers=1_500, days=DAYS, seed=4, boxes=2)


def _calls(desk: Desk) -> pl.DataFrame:
    names = ("call_timestamp", "caller_number", "callee_number", "duration_seconds", "imei", "location_code")
    return desk.snapshot().tables.scan(CALL_RECORDS.name).select(names).collect().sort(names)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    made = _desk(tmp_path_factory.mktemp("agents"))
    _simulate(made)
    return made


def test_the_truth_agrees_with_the_calls(desk: Desk) -> None:
    truth, calls = read_truth(lake=desk).numbers, _calls(desk)
    assert truth["number"].n_unique() == truth.height
    made = calls.group_by(number="caller_number").agg(seen=pl.len(), begun=pl.col("call_timestamp").min())
    joined = truth.join(made, on="number", how="left")
    assert (joined["seen"].fill_null(0) == joined["calls"]).all()
    assert (joined["begun"] == joined["first_call"]).drop_nulls().all()
    fraud = joined.filter(pl.col("role") == "fraud")
    assert set(fraud["strategy"]) == set(STRATEGIES)
    assert fraud["box_id"].n_unique() == 2 * len(STRATEGIES)
    assert (fraud["fraud_start"] == fraud["first_call"]).drop_nulls().all()


def test_equal_plans_give_equal_calls_and_a_second_run_adds_none(desk: Desk, tmp_path: Path) -> None:
    other = _desk(tmp_path)
    _simulate(other)
    assert _calls(other).equals(_calls(desk))
    _simulate(other)
    assert _calls(other).equals(_calls(desk))
    with pytest.raises(UsageError, match="already holds calls"):
        simulate_agents(other, subscribers=1_500, days=DAYS, seed=5)


def test_hard_ones_call_little_and_probes_look_like_them(desk: Desk) -> None:
    numbers = read_truth(lake=desk).numbers.with_columns(daily=pl.col("calls") / pl.col("active_days"))
    sparse = numbers.filter(pl.col("strategy") == "sparse")["daily"].drop_nulls()
    assert 0 < sparse.mean() < 10  # type: ignore[operator]
    probes = numbers.filter(pl.col("kind").is_in(["test_call_generator", "machine_probe"]))
    assert 3 < probes["daily"].drop_nulls().mean() < 13  # type: ignore[operator]
    back = _calls(desk).filter(pl.col("callee_number").is_in(probes["number"].implode())).height
    assert back < 0.2 * probes["calls"].sum()


def test_sims_that_take_turns_share_slots_and_those_that_travel_change_cells(desk: Desk) -> None:
    numbers, calls = read_truth(lake=desk).numbers, _calls(desk)
    own = calls.join(numbers.select(caller_number="number", strategy="strategy", box_id="box_id"), on="caller_number")
    relay = own.filter(pl.col("strategy") == "relay")
    assert relay.group_by("imei").agg(pl.col("caller_number").n_unique())["caller_number"].max() >= 2  # type: ignore[operator]
    cells = own.group_by("strategy", "caller_number").agg(cells=pl.col("location_code").n_unique())
    mean = dict(cells.group_by("strategy").agg(pl.col("cells").mean()).iter_rows())
    assert mean["migrating"] > mean["limited"] + 0.5


@pytest.mark.parametrize("region", sorted(NUMBERING))
def test_numbers_are_mobile_numbers_of_the_country(region: str) -> None:
    society = found_society(AgentPlan(1_000, 2, 1, boxes=1, region=region))
    numbers = pl.Series([f"+{number}" for number in society.numbers[:300]])
    read = NumberBook(region).normalise(numbers)
    assert read.numbers.equals(numbers, check_names=False) and read.kinds is None
    assert len(set(society.numbers)) == len(society)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"subscribers": 3}, "subscribers is 3"),
        ({"boxes": -1}, "boxes is -1"),
        ({"region": "FR"}, "cannot live in region 'FR'"),
    ],
)
def test_what_is_not_allowed_is_said(plan: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        AgentPlan(**plan)  # type: ignore[arg-type]
    assert error.value.hint
