"""The sizing page says what the committed results give, and nothing is read out of them that they do not hold."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.growth_laws import Law, fit
from benchmarks.sizing import PARTS, RESULTS, Measured, plan_cluster, render, tell_sizes

PAGE = Path(__file__).parents[2] / "docs" / "sizing.md"
SIZES = (0.025, 0.1, 0.25, 0.5, 1.0)


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return document


def test_the_tables_of_the_page_are_those_of_the_results(results: dict[str, Any]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == render(page, results), "docs/sizing.md is stale: python -m benchmarks.sizing docs/sizing.md"
    assert all(f"<!-- begin {name}: made by python -m benchmarks.sizing; do not edit -->" in page for name in PARTS)


def test_other_results_give_another_page(results: dict[str, Any]) -> None:
    changed = copy.deepcopy(results)
    for night in changed["nights"]:
        night["steps"]["profiles"]["cpu_seconds"] *= 10
    page = PAGE.read_text(encoding="utf-8")
    assert render(page, changed) != page


def test_every_rule_and_size_has_a_row(results: dict[str, Any]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    measured = Measured(results)
    assert len(measured.rules) == 17
    assert all(page.count(f"| {rule} |") >= 1 for rule in measured.rules)
    assert len(tell_sizes(measured).splitlines()) == 2 + 5


def test_more_calls_need_no_fewer_executors_and_the_rules_stay_within_their_time(results: dict[str, Any]) -> None:
    measured = Measured(results)
    plans = [plan_cluster(measured, millions) for millions in (1, 10, 100, 1_000, 10_000)]
    assert [executors for executors, _ in plans] == sorted(executors for executors, _ in plans)
    planning = sum(measured.spark_rule(rule)[0] for rule in measured.rules) / 60
    assert all(minutes <= planning + 60.001 for _, minutes in plans)


@given(
    st.floats(0.01, 2),
    st.floats(0.5, 50),
    st.sampled_from([0.5, 0.75, 1.0, 1.5, 2.0]),
)
def test_a_law_is_found_again(fixed: float, rate: float, power: float) -> None:
    truth = Law(fixed, rate, power, power)
    found = fit([(size, truth.at(size)) for size in SIZES])
    assert all(found.at(size) == pytest.approx(truth.at(size), rel=0.35) for size in SIZES)
    if power == 1.0:
        assert (found.power, found.at(1_000)) == (1.0, pytest.approx(truth.at(1_000), rel=0.01))


def test_what_grows_with_the_square_is_not_taken_for_a_line() -> None:
    found = fit([(size, 0.01 + 3 * size**2) for size in SIZES])
    assert (found.power, found.fitted) == (2.0, 2.0)
    assert found.at(10) == pytest.approx(300, rel=0.01)


def test_noise_is_not_taken_for_a_power() -> None:
    noisy = [(size, 0.03 + 0.06 * size * (1.08 if place % 2 else 0.92)) for place, size in enumerate(SIZES)]
    assert fit(noisy).power == 1.0


def test_three_sizes_show_no_exponent() -> None:
    found = fit([(size, 0.01 + 3 * size**2) for size in SIZES[:3]])
    assert (found.power, found.fitted) == (1.0, None)


def test_what_costs_the_same_whatever_the_calls_has_no_rate() -> None:
    found = fit([(size, 5.0) for size in SIZES])
    assert found.at(1_000_000) == pytest.approx(5.0)
