"""Severities: losses of every kind, thresholds, and what is not known."""

from __future__ import annotations

import polars as pl
import pytest

from sentinel_batch.config import Config
from sentinel_batch.losses import LOSSES, Rates
from sentinel_batch.severity import believe, explain_grade, grade, grade_loss, price

RATES = Rates(24.40, 3.90, "NGN")
ROW = {"call_count": 120, "avg_duration_seconds": 90.0, "unique_destinations": 100, "confidence": 0.5}


@pytest.mark.parametrize(("kind", "loss"), [("bypass", 180 * 20.5), ("premium", 180 * 200.0), ("contacts", 100 * 50.0)])
def test_every_kind_of_loss_has_its_price(kind: str, loss: float) -> None:
    assert kind in LOSSES
    assert pl.DataFrame([ROW]).select(price(pl.lit(kind), RATES)).item() == pytest.approx(loss)


def test_what_is_not_known_costs_nothing_and_is_half_believed() -> None:
    row = pl.DataFrame([ROW | {"avg_duration_seconds": None, "confidence": None}], infer_schema_length=None)
    row = row.with_columns(pl.col("avg_duration_seconds", "confidence").cast(pl.Float64))
    assert row.select(price(pl.lit("bypass"), RATES)).item() == 0.0
    assert row.select(believe(pl.lit(0.8))).item() == pytest.approx(0.4)


def test_a_severity_begins_at_its_threshold() -> None:
    losses = pl.DataFrame({"loss": [0.0, 999.99, 1000.0, 4999.0, 5000.0, 20_000.0, None]})
    levels = ["LOW", "LOW", "MEDIUM", "MEDIUM", "HIGH", "CRITICAL", None]
    assert losses.select(grade(pl.col("loss"), RATES)).to_series().to_list() == levels
    assert [grade_loss(loss, RATES) for loss in losses["loss"].drop_nulls()] == levels[:-1]


def test_thresholds_and_prices_are_settings() -> None:
    rates = Rates.of(Config(critical_loss=100_000.0, premium_rate=1.0, contact_cost=2.0))
    assert (rates.premium, rates.contact) == (1.0, 2.0)
    assert explain_grade(60_000.0, 0.5, rates) == {
        "loss": 60_000.0,
        "probability": 0.5,
        "expected_loss": 30_000.0,
        "threshold": 5000.0,
        "currency": "NGN",
    }
