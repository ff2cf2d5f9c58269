"""Where cells are."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from sentinel_batch.config import Config
from sentinel_batch.detection import locate_cells


def test_the_exact_entry_wins_over_the_longest_beginning(tmp_path: Path) -> None:
    listed = tmp_path / "cells.csv"
    listed.write_text("location_code,latitude,longitude\nA*,1,1\nAB*,2,2\nABC1,3,3\n")
    config = Config(rules={"GEO_IMPOSSIBLE": {"locations": str(listed)}})
    found = locate_cells(pl.Series(["ABC1", "ABX", "AX", "Z", None, "AX"]), config)
    assert found.rows() == [("ABC1", 3.0, 3.0, "ABC1"), ("ABX", 2.0, 2.0, "AB"), ("AX", 1.0, 1.0, "A")]


def test_the_shipped_list_knows_lagos() -> None:
    [(cell, latitude, longitude, place)] = locate_cells(pl.Series(["LOS0042"]), Config()).rows()
    assert (cell, place) == ("LOS0042", "LOS")
    assert (latitude, longitude) == (pytest.approx(6.6, abs=0.2), pytest.approx(3.35, abs=0.2))


def test_a_list_that_cannot_be_read_is_no_list(tmp_path: Path) -> None:
    config = Config(rules={"GEO_IMPOSSIBLE": {"locations": str(tmp_path / "none.csv")}})
    assert locate_cells(pl.Series(["LOS0042"]), config).is_empty()
