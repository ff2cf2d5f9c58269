"""Reading of cases: lists, and single ones with all that belongs to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from sentinel_batch.cases.commits import CASE_HISTORY, current_rows
from sentinel_batch.cases.matching import OPEN_STATUSES, STATUSES
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.errors import CaseNotFoundError, UsageError
from sentinel_batch.history import Row
from sentinel_batch.lake import Snapshot
from sentinel_batch.schema import CASE_LINKS, CASE_MEMBERS, CASES
from sentinel_batch.severity import sort_by_importance


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
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    status: str | Sequence[str] | None = None,
    limit: int | None = None,
) -> pl.DataFrame:
    """Return cases in the one order of importance (:func:`sentinel_batch.severity.sort_by_importance`).

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    status
        One or several of :data:`sentinel_batch.cases.matching.STATUSES`, or ``all``; None means those not closed.
    limit
        At most so many rows; None for all.

    Raises
    ------
    UsageError
        If the status or the limit is not allowed.
    """
    if limit is not None and limit < 0:
        raise UsageError(f"The limit {limit} is negative.", hint="Allowed: 0 or more; leave it out for all cases.")
    rows = open_desk(lake, config).tables.scan(CASES.name).filter(pl.col("status").is_in(_chosen(status)))
    found = sort_by_importance(rows.collect(), "case_id", probability="probability")
    return found if limit is None else found.head(min(limit, found.height))


def get_case(case_id: int, *, lake: DeskLike = None, config: ConfigLike = None) -> CaseFile:
    """Return one case, whatever its status, with members, links and history.

    Parameters
    ----------
    case_id
        Its id.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Raises
    ------
    CaseNotFoundError
        If there is none of that id.
    """
    return read_case(open_desk(lake, config).tables, case_id)


def read_case(tables: Snapshot, case_id: int) -> CaseFile:
    """Return what :func:`get_case` does."""
    find_case(tables, case_id)
    return read_cases(tables, [case_id])[0]


def read_cases(tables: Snapshot, case_ids: Sequence[int]) -> list[CaseFile]:
    """Return several cases, in the order of their ids, as :func:`get_case` does; each table is read once."""
    rows = tables.scan(CASES.name).filter(pl.col("case_id").is_in(list(case_ids))).collect().to_dicts()
    by_id = {row["case_id"]: row for row in rows}
    members, links = (
        current_rows(tables, name, case_ids).drop("content_id") for name in (CASE_MEMBERS.name, CASE_LINKS.name)
    )
    events = CASE_HISTORY.read(tables, pl.col("case_id").is_in(list(case_ids))).drop("content_id")
    strongest_first = ("strength", "number_a", "number_b", "kind")

    def own(part: pl.DataFrame, case_id: int) -> pl.DataFrame:
        return part.filter(pl.col("case_id") == case_id)

    return [
        CaseFile(
            by_id[case_id],
            own(members, case_id).drop("case_id").sort("minutes", "number", descending=[True, False]),
            own(links, case_id).drop("case_id").sort(strongest_first, descending=[True, False, False, False]),
            own(events, case_id),
        )
        for case_id in case_ids
        if case_id in by_id
    ]


def find_case(tables: Snapshot, case_id: int) -> Row:
    """Return the row of a case, or say that there is none.

    Raises
    ------
    CaseNotFoundError
        If there is none of that id.
    """
    rows = tables.scan(CASES.name).filter(pl.col("case_id") == case_id).collect().to_dicts()
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
            raise UsageError(f"{name!r} is not a status.", hint=f"Allowed: {', '.join(STATUSES)}, all.")
    return chosen
