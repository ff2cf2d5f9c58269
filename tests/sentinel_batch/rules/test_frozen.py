"""Rules find what they found before they were taken apart into steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sentinel_batch.rules import list_rules
from tests.sentinel_batch.rules.frozen_findings import FILE, detect, detect_otherwise, freeze, make_lakes

FROZEN: dict[str, list[Any]] = json.loads(FILE.read_text(encoding="utf-8"))
OTHERWISE = ("simulated/windows/", "simulated/inside/", "simulated/outbound/", "simulated/answered/")


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frozen")
    make_lakes(folder)
    return folder


def test_the_findings_are_those_that_were_frozen(lakes: Path) -> None:
    wanted = {name: found for name, found in FROZEN.items() if not name.startswith(OTHERWISE)}
    assert freeze(detect(lakes)) == wanted
    assert all(wanted[f"simulated/loose/{rule.id}"][0] for rule in list_rules())


@pytest.mark.slow
def test_so_are_those_of_other_windows_periods_and_calls(lakes: Path) -> None:
    wanted = {name: found for name, found in FROZEN.items() if name.startswith(OTHERWISE)}
    assert freeze(detect_otherwise(lakes)) == wanted
    assert sum(count > 0 for count, _ in wanted.values()) > 30
