"""The command line: commands parse, call the library and print; the logic is elsewhere."""

from __future__ import annotations

import os

ALLOCATOR = "dirty_decay_ms:30000,muzzy_decay_ms:30000,narenas:2"
"""Let Polars' allocator (jemalloc) keep freed pages for half a minute, in two pools for all threads:
fresh pages for every block cost 10 % of the processor time of an ingest. Only a process of our own is tuned so."""


def main() -> None:
    """Run the command line; the console script ``sentinel-batch`` starts here."""
    tune_allocator()
    from sentinel_batch.cli.application import app

    app()


def tune_allocator() -> None:
    """Set :data:`ALLOCATOR`, unless the user has set something; before Polars is imported."""
    os.environ.setdefault("_RJEM_MALLOC_CONF", ALLOCATOR)
