"""No single raw attribute of the records gives SIM boxes away: that would be the generator's mark, not a fraudster's.

For each attribute the best decision stump is looked for with the truth at hand, on the very numbers it is judged on. At
the default prevalence (here, where boxes are frequent, every other number counts as many) it may never find a third of
the SIMs with more than one in twenty of its suspects being one.
"""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest

from sentinel_batch.simulation.population import Plan
from tests.sentinel_batch.simulation.population_lake import simulated

RECALL = 0.33
PRECISION = 0.05


@cache
def profiles() -> pl.DataFrame:
    """One row per national number that calls: raw attributes, and whether it is a SIM in a box."""
    sim = simulated()
    numbers = (
        sim.calls.filter(pl.col("imsi").is_not_null())
        .sort("call_timestamp")
        .group_by("caller_number")
        .agg(
            prefix=pl.col("caller_number").first().str.slice(0, 7),
            last_digits=pl.col("caller_number").first().str.slice(-2),
            tac=pl.col("imei").first().str.slice(0, 8),
            serial=pl.col("imei").first().str.slice(8, 2),
            network=pl.col("imsi").first().str.slice(0, 5),
            subscription=pl.col("imsi").first().str.slice(5, 2),
            cell=pl.col("location_code").mode().sort().first(),
            city=pl.col("location_code").mode().sort().first().str.slice(0, 3),
            first_day=pl.col("local_date").min().cast(pl.String),
            second_of_minute=(pl.col("call_timestamp").dt.second()).mean(),
            round_minutes=(pl.col("call_timestamp").dt.second() == 0).mean(),
            round_durations=(pl.col("duration_seconds") % 10 == 0).mean(),
            longest=pl.col("duration_seconds").max(),
            mean_duration=pl.col("duration_seconds").mean(),
            answer_ratio=pl.col("answered").mean(),
            first_hour=pl.col("local_hour").min(),
            position_in_file=pl.col("source_line").mean(),
        )
    )
    known = sim.truth.numbers.select("number", box=pl.col("kind") == "simbox")
    return numbers.join(known, left_on="caller_number", right_on="number")


CATEGORIES = ("prefix", "last_digits", "tac", "serial", "network", "subscription", "cell", "city", "first_day")
FIGURES = (
    "second_of_minute", "round_minutes", "round_durations", "longest", "mean_duration", "answer_ratio", "first_hour",
    "position_in_file",
)  # fmt: skip


def count(attribute: str) -> pl.DataFrame:
    """Return SIMs in boxes and other numbers by value, the others weighted up to the default prevalence."""
    found = profiles()
    weight = found["box"].mean() / Plan().prevalence  # type: ignore[operator]
    others = (~pl.col("box")).sum()
    return found.group_by(attribute).agg(boxes=pl.col("box").sum(), others=others * weight, fair=(others + 1) * weight)


def best_precision(counts: pl.DataFrame) -> float:
    """Return the best precision among the first rows that hold enough of the SIMs."""
    running = counts.select(pl.col("boxes", "others").cum_sum())
    enough = running.filter(pl.col("boxes") >= RECALL * counts["boxes"].sum())
    return float((enough["boxes"] / (enough["boxes"] + enough["others"])).max())  # type: ignore[arg-type]


@pytest.mark.parametrize("attribute", FIGURES)
def test_no_threshold_on_a_figure_finds_boxes(attribute: str) -> None:
    for descending in (False, True):
        assert best_precision(count(attribute).sort(attribute, descending=descending)) < PRECISION


@pytest.mark.parametrize("attribute", CATEGORIES)
def test_no_value_of_a_category_finds_boxes(attribute: str) -> None:
    # One more other number in each: that a rare value is seen at boxes only is chance in so small a population.
    share = pl.col("boxes") / (pl.col("boxes") + pl.col("fair"))
    counts = count(attribute).with_columns(share=share, others="fair").sort("share", attribute, descending=True)
    assert best_precision(counts) < PRECISION
