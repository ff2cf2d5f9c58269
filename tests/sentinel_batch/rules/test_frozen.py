"""Rules find what they found before they were taken apart into steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sentinel_batch.rules import list_rules
from tests.sentinel_batch.rules.frozen_findings import (
    FILE,
    SIMULATED,
    SMALL,
    detect,
    detect_otherwise,
    freeze,
    make_simulated,
    make_small,
)

FROZEN: dict[str, list[Any]] = json.loads(FILE.read_text(encoding="utf-8"))


def frozen_of(*begin: str) -> dict[str, list[Any]]:
    return {name: found for name, found in FROZEN.items() if name.startswith(begin)}


def test_the_findings_on_small_lakes_are_those_that_were_frozen(tmp_path: Path) -> None:
    make_small(tmp_path)
    found = freeze(detect(tmp_path, SMALL))
    assert found == frozen_of("bundled/", "generated/")
    assert sum(count > 0 for count, _ in found.values()) > 10


@pytest.mark.slow
def test_so_are_those_on_a_population_of_every_window_period_and_choice_of_calls(tmp_path: Path) -> None:
    make_simulated(tmp_path)
    found = freeze(detect(tmp_path, [SIMULATED])) | freeze(detect_otherwise(tmp_path))
    assert found == frozen_of("simulated/")
    assert all(found[f"simulated/loose/{rule.id}"][0] for rule in list_rules())
    others = ("simulated/windows/", "simulated/inside/", "simulated/outbound/", "simulated/answered/")
    assert sum(count > 0 for name, (count, _) in found.items() if name.startswith(others)) > 30
