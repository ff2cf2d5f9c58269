"""Histories of alerts and cases: one event per change, written before the change, never altered.

An event counts only once the commit that it belongs to is in the log of the table that it tells of.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from sentinel_batch.lake import Lake, Snapshot
from sentinel_batch.schema import Table, polars_schema

Row = dict[str, Any]

DETECTION = "detection"
"""Actor of the changes that no person makes."""


@dataclass(frozen=True)
class History:
    """Which table tells what happened to the rows of another.

    Parameters
    ----------
    events
        Holds the events.
    subjects
        The table whose rows change; its key is one column.
    subject
        Column of ``events`` that names the row.
    commit
        Column of ``events`` that names the commit.
    """

    events: Table
    subjects: Table
    subject: str
    commit: str

    def describe(
        self,
        row_id: int,
        at: datetime,
        event: str,
        *,
        actor: str = DETECTION,
        field: str | None = None,
        before: Any = None,
        after: Any = None,
        note: str = "",
    ) -> Row:
        """Return one event, which belongs to no commit yet."""
        return {
            self.subject: row_id,
            "at": at,
            "actor": actor,
            "event": event,
            "field": field,
            "before": _text(before),
            "after": _text(after),
            "note": note,
        }

    def compare(
        self,
        before: Row,
        after: Row,
        columns: Iterable[str],
        at: datetime,
        event: str,
        *,
        actor: str = DETECTION,
        note: str = "",
    ) -> list[Row]:
        """Return one event for each of the columns whose value changed."""
        [key] = self.subjects.key
        return [
            self.describe(
                after[key], at, event, actor=actor, field=name, before=before[name], after=after[name], note=note
            )
            for name in columns
            if before[name] != after[name]
        ]

    def append(self, lake: Lake, events: Sequence[Row], commit_id: str) -> None:
        """Write events; they count from the commit of that id to the subjects' table on."""
        rows = pl.DataFrame(list(events), schema=polars_schema(self.events.columns))
        lake.append(self.events.name, rows.with_columns(pl.lit(commit_id).alias(self.commit)))

    def read(self, tables: Snapshot, *conditions: pl.Expr) -> pl.DataFrame:
        """Return the events that count, of those that meet the conditions, oldest first."""
        found = tables.scan(self.events.name).filter(*conditions).collect()
        committed = tables.committed(self.subjects.name, found[self.commit].unique())
        kept = found.filter(pl.col(self.commit).is_in(list(committed)))
        return kept.sort("at", self.subject, maintain_order=True)


def actor_name(by: str | None) -> str:
    """Return who acts: the given name, else the user of the session, else ``unknown``."""
    if by and by.strip():
        return by.strip()
    if os.environ.get("USER"):
        return os.environ["USER"]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else str(value)
