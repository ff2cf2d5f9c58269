"""Services for the tests: one that many share, with the lake of 1,200 calls and two alerts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from page_samples import fill_pages
from running_service import RunningService, serving


@pytest.fixture(scope="module")
def service(_seeded_lake: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with keys on a lake of its own; the tests of a module share it."""
    yield from serving(_seeded_lake[0] / "lake", tmp_path_factory.mktemp("service"), {"wait_seconds": 60.0})


@pytest.fixture(scope="module")
def page_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service whose lake has something for every page."""
    folder = tmp_path_factory.mktemp("pages")
    lake = fill_pages(folder)
    running = RunningService(lake, {"config": {"reports": str(folder / "reports")}}).make_keys().start()
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.log.read_text()


@pytest.fixture
def admin(service: RunningService) -> Iterator[httpx.Client]:
    """A client that may do everything."""
    with service.client() as client:
        yield client
