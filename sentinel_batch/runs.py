"""The history of commands that wrote to the lake: one row of table ``runs`` each."""

from __future__ import annotations

import json
import platform
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import Any

import polars as pl

from sentinel_batch.errors import SentinelError
from sentinel_batch.lake import Lake
from sentinel_batch.numbers import plan_edition
from sentinel_batch.schema import RUNS, polars_schema
from sentinel_batch.window import now


@dataclass
class Run:
    """A command under way; fill in what it did before its block ends.

    Parameters
    ----------
    run_id
        Sorts by time; also the commit id of what the run writes.
    command
        ``ingest``, ``profiles``, ``detect``, ``rules run``, ``cases``, ``review``, ``suppress``, ``report``,
        ``audio``, ``nightly``, ``maintain`` or ``events``.
    parameters, inputs, counts
        JSON-serialisable facts: options, input file to hash, what was counted.
    since, until
        The examined period, where there is one.
    """

    run_id: str
    command: str
    parameters: dict[str, Any]
    inputs: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None


def new_run_id() -> str:
    """Return a fresh run id, such as ``20261121T020000Z-9f3a1c``; later ids sort after earlier ones."""
    return f"{now():%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(3)}"


@contextmanager
def recorded_run(lake: Lake, command: str, parameters: dict[str, Any], *, run_id: str | None = None) -> Iterator[Run]:
    """Run a block as one command and write its row of ``runs`` when the block ends, also when it fails.

    Raises
    ------
    LakeReadOnlyError
        Before anything is done, if the lake cannot be written.
    """
    lake.require_writable()
    run = Run(run_id or new_run_id(), command, parameters)
    started_at, clock = now(), time.perf_counter()
    outcome, message = "done", ""
    try:
        yield run
    except BaseException as error:
        outcome = "failed"
        message = error.message if isinstance(error, SentinelError) else f"{type(error).__name__}: {error}"
        raise
    finally:
        row = {
            "run_id": run.run_id,
            "command": command,
            "parameters": _json(run.parameters),
            "versions": _json(versions()),
            "inputs": _json(run.inputs),
            "counts": _json(run.counts),
            "since": run.since,
            "until": run.until,
            "started_at": started_at,
            "duration_seconds": time.perf_counter() - clock,
            "outcome": outcome,
            "message": message,
        }
        if outcome == "failed":
            with suppress(Exception):
                _append(lake, row)
        else:
            _append(lake, row)


@cache
def versions() -> dict[str, str]:
    """Return the versions of Sentinel Batch, Python and the libraries that results depend on."""
    names = ("sentinel-batch", "polars", "duckdb", "deltalake", "pyarrow")
    found = {"python": platform.python_version(), "numbering_plan": plan_edition()}
    for name in names:
        with suppress(Exception):
            found[name] = getattr(sys.modules.get(name.replace("-", "_")), "__version__", None) or version(name)
    return found


def _append(lake: Lake, row: dict[str, Any]) -> None:
    lake.append(RUNS.name, pl.DataFrame([row], schema=polars_schema(RUNS.columns)))


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
