"""Rules find what they found before they were taken apart into steps."""

from __future__ import annotations

import json

import pytest

from sentinel_batch.rules import list_rules
from tests.sentinel_batch.rules.frozen_findings import FILE, freeze


@pytest.fixture(scope="module")
def found() -> dict[str, list[object]]:
    return freeze()


def test_the_findings_are_those_that_were_frozen(found: dict[str, list[object]]) -> None:
    assert found == json.loads(FILE.read_text(encoding="utf-8"))


def test_every_rule_finds_something_in_the_simulated_population(found: dict[str, list[object]]) -> None:
    assert all(found[f"simulated/loose/{rule.id}"][0] for rule in list_rules())
