"""Services for the tests: one that many share, with the lake of 1,200 calls and two alerts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from running_service import RunningService, serving


@pytest.fixture(scope="module")
def service(_seeded_lake: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with keys on a lake of its own; the tests of a module share it."""
    yield from serving(_seeded_lake[0] / "lake", tmp_path_factory.mktemp("service"), {"wait_seconds": 60.0})


@pytest.fixture
def admin(service: RunningService) -> Iterator[httpx.Client]:
    """A client that may do everything."""
    with service.client() as client:
        yield client
