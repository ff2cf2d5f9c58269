"""A real S3 server on this machine, as the environment of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.object_store import ObjectStore, serving_objects


@pytest.fixture(scope="session")
def running_store() -> Iterator[ObjectStore]:
    """An S3 server; import it to use it."""
    pytest.importorskip("moto.server", reason="moto is not installed (test extra)")
    pytest.importorskip("obstore", reason="obstore is not installed (extra objects)")
    with serving_objects() as store:
        yield store


@pytest.fixture
def s3(
    running_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ObjectStore]:
    """The server, found by what runs in the test, with a cache of its own."""
    for name, value in running_store.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    yield running_store
    running_store.heedless = False
