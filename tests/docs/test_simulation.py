"""docs/simulation.md has the figures that the generator uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_batch.simulation.population import documentation
from sentinel_batch.simulation.population.campaigns import CAMPAIGNS

PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"


@pytest.mark.parametrize("table", ["kinds", "strategies", "mixtures"])
def test_the_tables_are_current(table: str) -> None:
    current = getattr(documentation, f"render_{table}")()
    assert current in PAGE.read_text(encoding="utf-8"), (
        "stale: python -m sentinel_batch.simulation.population.documentation"
    )


@pytest.mark.parametrize("kind", CAMPAIGNS)
def test_every_campaign_is_described(kind: str) -> None:
    assert f"| `{kind}` |" in PAGE.read_text(encoding="utf-8")
