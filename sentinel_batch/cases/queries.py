"""Reading of cases: lists, and single ones with all that belongs to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinel_batch.cases.commits import Row, current_rows
from sentinel_batch.cases.matching import OPEN_STATUSES, STATUSES
from sentinel_batch.errors import CaseNotFoundError, UsageError
from sentinel_batch.lake import Lake, open_lake
from sentinel_batch.schema import CASE_EVENTS, CASE_LINKS, CASE_MEMBERS, CASES, SEVERITIES

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class CaseFile:
    """One case with all that belongs to it.

    Parameters
    ----------
    case
        Its row of ``cases``.
    members
        ``number, severity, rules, call_count, minutes, loss, first_seen, last_seen, top_cell, top_imei``, the most
        minutes first.
    links
        ``number_a, number_b, kind, strength, evidence``, the strongest first.
    events
        Its history, oldest first.
    """

    case: Row
    members: pl.DataFrame
    links: pl.DataFrame
    events: pl.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "case": dict(self.case),
            "members": self.members.to_dicts(),
            "links": self.links.to_dicts(),
            "events": self.events.to_dicts(),
        }


def list_cases(
    *, lake: Lake | str | Path | None = None, status: str | Sequence[str] | None = None, limit: int | None = None
) -> pl.DataFrame:
    """Return cases, worst first: by severity, then loss, then oldest.

    Parameters
    ----------
    lake
        The lake, its path, or None for the configured one.
    status
        One or several of :data:`sentinel_batch.cases.matching.STATUSES`, or ``all``; None means those not closed.
    limit
        At most so many rows; None for all.

    Raises
    ------
    UsageError
        If the status or the limit is not allowed.
    """
    import polars as pl

    if limit is not None and limit < 0:
        raise UsageError(f"The limit {limit} is negative.", hint="Allowed: 0 or more; leave it out for all cases.")
    rank = pl.col("severity").replace_strict(list(SEVERITIES), list(range(len(SEVERITIES))), return_dtype=pl.Int8)
    rows = open_lake(lake).scan(CASES.name).filter(pl.col("status").is_in(_chosen(status)))
    found = rows.sort(rank, "loss", "case_id", descending=[True, True, False]).collect()
    return found if limit is None else found.head(min(limit, found.height))


def get_case(case_id: int, *, lake: Lake | str | Path | None = None) -> CaseFile:
    """Return one case, whatever its status, with members, links and history.

    Raises
    ------
    CaseNotFoundError
        If there is none of that id.
    """
    import polars as pl

    opened = open_lake(lake)
    row = find_case(opened, case_id)
    events = opened.scan(CASE_EVENTS.name).filter(pl.col("case_id") == case_id).collect()
    committed = opened.committed(CASES.name, events["content_id"].unique())
    return CaseFile(
        row,
        current_rows(opened, CASE_MEMBERS.name, [case_id])
        .drop("case_id", "content_id")
        .sort("minutes", "number", descending=[True, False]),
        current_rows(opened, CASE_LINKS.name, [case_id])
        .drop("case_id", "content_id")
        .sort("strength", "number_a", "number_b", "kind", descending=[True, False, False, False]),
        events.filter(pl.col("content_id").is_in(list(committed))).drop("content_id").sort("at", maintain_order=True),
    )


def find_case(lake: Lake, case_id: int) -> Row:
    """Return the row of a case, or say that there is none.

    Raises
    ------
    CaseNotFoundError
        If there is none of that id.
    """
    import polars as pl

    rows = lake.scan(CASES.name).filter(pl.col("case_id") == case_id).collect().to_dicts()
    if not rows:
        raise CaseNotFoundError(
            f"There is no case {case_id}.", hint="sentinel-batch cases list --status all names them.", case_id=case_id
        )
    return rows[0]


def _chosen(status: str | Sequence[str] | None) -> list[str]:
    if status is None:
        return list(OPEN_STATUSES)
    chosen = [status] if isinstance(status, str) else list(status)
    if chosen == ["all"]:
        return list(STATUSES)
    for name in chosen:
        if name not in STATUSES:
            raise UsageError(f"{name!r} is no status.", hint=f"Allowed: {', '.join(STATUSES)}, all.")
    return chosen
