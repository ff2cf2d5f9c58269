"""The engines that the tests of this folder run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from spark_servers import run_sail, run_spark

HERE = Path(__file__).parent

Settings = dict[str, Any]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process of ``--dist loadgroup`` have all tests on Apache Spark, so that it starts once."""
    for item in items:
        called = getattr(item, "callspec", None)
        chosen = called is not None and called.params.get("engine") == "spark"
        if item.path.parent == HERE and (chosen or "spark" in getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("spark"))


@pytest.fixture(scope="session")
def sail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with run_sail(tmp_path_factory.mktemp("sail") / "server") as settings:
        yield settings


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with run_spark(tmp_path_factory.mktemp("spark") / "server") as settings:
        yield settings


@pytest.fixture(scope="session", params=["sail", pytest.param("spark", marks=pytest.mark.cluster)])
def engine(request: pytest.FixtureRequest) -> Settings:
    """The settings with which rules run on Sail, and on Apache Spark."""
    settings: Settings = request.getfixturevalue(request.param)
    return settings
