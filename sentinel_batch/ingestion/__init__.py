"""Ingestion: CDR files in many dialects into the lake, every row accounted for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentinel_batch.ingestion.dialects.catalogue import list_dialects, load_dialect
    from sentinel_batch.ingestion.dialects.dialect import Dialect
    from sentinel_batch.ingestion.loading.run import ingest
    from sentinel_batch.ingestion.result import FileResult, IngestResult

__all__ = ["Dialect", "FileResult", "IngestResult", "ingest", "list_dialects", "load_dialect"]

_HOMES = {
    "Dialect": "dialects.dialect",
    "list_dialects": "dialects.catalogue",
    "load_dialect": "dialects.catalogue",
    "ingest": "loading.run",
    "FileResult": "result",
    "IngestResult": "result",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
