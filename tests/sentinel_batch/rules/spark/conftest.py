"""The engines that the tests of this folder run on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from spark_servers import run_sail, run_spark

Settings = dict[str, Any]


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
