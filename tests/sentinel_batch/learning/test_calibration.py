"""Calibration: ladders, the choice within a budget, the file to adopt, and the forecast of a held-out week."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sentinel_batch.desk import Desk, open_desk
from sentinel_batch.errors import RuleError, UsageError
from sentinel_batch.learning import Proposal, calibrate_rules, render_toml, write_toml
from sentinel_batch.learning.backtest import plan_backtest
from sentinel_batch.learning.calibration import _loosen, _tighten, parse_budget, parse_history
from sentinel_batch.learning.ladders import (
    EVERYONE,
    Knob,
    build_ladder,
    find_knob,
    list_knobs,
    measure_quantiles,
)
from sentinel_batch.learning.trials import Step, Unit
from sentinel_batch.rules import get_rule, list_rules
from sentinel_batch.schema import PROFILES
from tests.sentinel_batch.learning.learning_samples import daily_profile

RATIO = get_rule("SIMBOX_RATIO")
KNOB = Knob("SIMBOX_RATIO", "min_unique_destinations", "unique_callees")


def _unit(name: str, alerts: list[int], current: int = 0, trust: float = 0.5) -> Unit:
    steps = [Step(float(10 + place), None, tuple(map(str, range(count)))) for place, count in enumerate(alerts)]
    return Unit(get_rule(name), Knob(name, "min_calls"), EVERYONE, steps, current, current, trust)


# -- what may be tried


def test_every_rule_has_a_knob_that_exists() -> None:
    assert {knob.rule for knob in list_knobs()} <= {rule.id for rule in list_rules()}
    for rule in list_rules():
        knob = find_knob(rule)
        assert knob is not None, rule.id
        assert knob.column is None or knob.column in PROFILES.columns


def test_a_knob_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentinel_batch.learning.ladders.list_knobs", lambda: (Knob("SIMBOX_RATIO", "gone"),))
    with pytest.raises(RuleError, match="no parameter 'gone' to calibrate"):
        find_knob(RATIO)


def test_a_ladder_holds_quantiles_and_the_value_in_use() -> None:
    ladder = build_ladder(KNOB, RATIO, 30, {0.9: 12.0, 0.99: 47.2, 0.999: None})
    assert ladder == [(0.9, 12), (None, 30), (0.99, 48)]
    factors = build_ladder(Knob("SEQ_DIAL", "min_numbers"), get_rule("SEQ_DIAL"), 10, {})
    assert [value for _, value in factors] == [5, 8, 10, 13, 15, 20, 30, 50]


def test_a_ladder_stays_within_the_parameters_bounds() -> None:
    parameter = RATIO.parameters["min_unique_destinations"]
    ladder = build_ladder(KNOB, RATIO, 30, {0.1: -5.0, 0.9: 1e12})
    assert [value for _, value in ladder] == [parameter.minimum, 30, parameter.maximum]


def test_quantiles_are_those_of_each_segment() -> None:
    rows = [daily_profile(f"+1{n:03d}", 0, unique_callees=n, segment="a" if n < 50 else "b") for n in range(100)]
    table = measure_quantiles(pl.DataFrame(rows).lazy(), ["unique_callees"], [0.5])
    found = {row["segment"]: (row["quantile"], row["caller_days"]) for row in table.to_dicts()}
    assert found == {EVERYONE: (50, 100), "a": (25, 50), "b": (75, 50)}


# -- what is chosen


def test_the_least_trusted_noise_is_tightened_first() -> None:
    noisy, trusted = _unit("NIGHT_SHIFT", [100, 40, 10], trust=0.1), _unit("SHORT_DURATION", [60, 30], trust=0.9)
    _tighten([noisy, trusted], allowed=110)
    assert (noisy.chosen, trusted.chosen) == (1, 0)
    _tighten([noisy, trusted], allowed=45)
    assert (noisy.chosen, trusted.chosen) == (2, 1)


def test_steps_that_spare_nothing_are_skipped_and_the_tightest_ends_it() -> None:
    unit = _unit("NIGHT_SHIFT", [10, 10, 12, 9])
    _tighten([unit], allowed=1)
    assert unit.chosen == 3


def test_loosening_uses_the_room_of_the_budget() -> None:
    low, high = _unit("NIGHT_SHIFT", [50, 5], 1, trust=0.2), _unit("SHORT_DURATION", [40, 20, 4], 2, trust=0.8)
    _loosen([low, high], allowed=30)
    assert (low.chosen, high.chosen) == (1, 1)


def test_no_rule_is_loosened_below_half_of_its_value() -> None:
    steps = [Step(value, None, ("+1",) * alerts) for value, alerts in ((4.0, 9), (5.0, 5), (10.0, 1))]
    unit = Unit(get_rule("NIGHT_SHIFT"), Knob("NIGHT_SHIFT", "min_calls"), EVERYONE, steps, 2, 2, 0.5)
    _loosen([unit], allowed=100)
    assert unit.chosen == 1


@pytest.mark.parametrize(("text", "expected"), [("50", 50), ("50/day", 50), ("70/week", 10), (2.5, 2.5)])
def test_budgets_are_alerts_a_day(text: float | str, expected: float) -> None:
    assert parse_budget(text) == expected


def test_bad_budgets_and_histories_are_refused() -> None:
    for text in ("0", "-1", "many", "5/month"):
        with pytest.raises(UsageError, match="is not a budget"):
            parse_budget(text)
    assert parse_history("4w") == timedelta(days=28)
    assert parse_history("10d") == timedelta(days=10)
    with pytest.raises(UsageError, match="is not a duration"):
        parse_history("0w")


# -- what is adopted


def _proposal(**configuration: Any) -> Proposal:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    return Proposal(pl.DataFrame(), moment, moment, moment, 50, 80, 45, 40, True, configuration)


def test_the_file_to_adopt_is_toml_whatever_a_segment_is_named(tmp_path: Path) -> None:
    odd = 'a "b"]\n[rules.X]\nmin = 1'
    wanted = {"SIMBOX_RATIO": {"min_unique_destinations": 41, "segments": {odd: {"min_unique_destinations": 60}}}}
    file = write_toml(_proposal(**wanted), tmp_path / "new.toml")
    assert tomllib.loads(file.read_text())["rules"] == wanted
    with pytest.raises(UsageError, match="exists already"):
        write_toml(_proposal(**wanted), file)
    with pytest.raises(UsageError, match="cannot be written"):
        write_toml(_proposal(), tmp_path / "none" / "new.toml")
    assert "nothing to adopt" in render_toml(_proposal())


# -- the backtest


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Three weeks of 1,500 subscribers."""
    from sentinel_batch.profiles import build_profiles
    from sentinel_batch.simulation.population import simulate_population

    desk = open_desk(tmp_path_factory.mktemp("calibration") / "lake", rules={})
    simulate_population(lake=desk, subscribers=1500, days=21, seed=5, boxes=2, sims_per_box=8)
    build_profiles(lake=desk)
    return desk.snapshot()


def test_a_history_is_run_over_and_its_first_week_is_not_counted(population: Desk) -> None:
    test = plan_backtest(population, timedelta(days=28), None)
    assert test.until - test.since == timedelta(days=21)
    assert test.length == 14
    short = plan_backtest(population, timedelta(days=7), None)
    assert short.length == 4
    with pytest.raises(UsageError, match="at least 2 are needed"):
        plan_backtest(population, timedelta(days=1), None)


def test_segments_share_out_the_alerts(population: Desk) -> None:
    given: dict[str, Any] = {"lake": population, "rules": ["ASR_ACD"], "levels": (0.99,)}
    whole = calibrate_rules(**given).thresholds.filter(pl.col("current"))
    parts = calibrate_rules(**given, segments=True).thresholds.filter(pl.col("current"))
    assert parts.height > 1
    assert parts["alerts_per_day"].sum() == pytest.approx(whole["alerts_per_day"].item())


def test_a_held_out_week_is_forecast(population: Desk) -> None:
    """The alerts of the third week, from the two before it; a small population, so the bound is one of chance."""
    whole = plan_backtest(population, timedelta(days=28), None)
    edge = whole.until - timedelta(days=7)
    names = ["ASR_ACD", "BEHAVIOUR_SHIFT"]
    proposal = calibrate_rules(lake=population, until=edge, budget=5, rules=names)
    rules = [(get_rule(name), proposal.configuration.get(name, {})) for name in names]
    opened = pl.concat(whole.run(rules)).filter(pl.col("opened_at") > edge)
    forecast = proposal.expected_per_day * 7
    assert proposal.within_budget and proposal.expected_per_day <= 5
    assert abs(opened.height - forecast) <= 4 * (forecast + opened.height) ** 0.5


def test_the_values_in_use_are_those_of_the_settings(population: Desk) -> None:
    desk = population.configure(rules={"ASR_ACD": {"min_attempts": 41}})
    assert find_knob(get_rule("ASR_ACD")) == Knob("ASR_ACD", "min_attempts", "call_count")
    tried = calibrate_rules(lake=desk, rules=["ASR_ACD"], levels=(0.99,)).thresholds
    assert tried.filter(pl.col("current"))["value"].to_list() == [41]
