"""Lakes that the report's tests only read, and a browser, each made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import open_browser

from sentinel_batch.lake import Lake
from tests.sentinel_batch.reporting.report_lake import fill, mixed_alerts


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    driver = open_browser(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def make_lake(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Lake]:
    """Give a function that makes a filled lake of its own."""

    def make(alerts: int = 14, **options: Any) -> Lake:
        lake = Lake.create(tmp_path_factory.mktemp("lake") / "lake é")
        hostile = bool(options.get("hostile"))
        return fill(lake, mixed_alerts(alerts, hostile=hostile) if alerts else [], **options)

    return make


@pytest.fixture(scope="session")
def lake(make_lake: Callable[..., Lake]) -> Lake:
    """A lake of two days with fourteen alerts, one of them merged and one suppressed; read it only."""
    return make_lake()


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Give a function that makes a fresh folder."""
    return lambda: tmp_path_factory.mktemp("out")
