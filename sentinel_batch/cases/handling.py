"""What people do with a case: take it, mark it, close it."""

from __future__ import annotations

import json

import polars as pl

from sentinel_batch.alerts import DISPOSITIONS, review_alerts
from sentinel_batch.cases.commits import CASE_HISTORY, commit_cases, current_rows
from sentinel_batch.cases.queries import CaseFile, find_case, read_case
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.history import Row, actor_name
from sentinel_batch.lake import Snapshot
from sentinel_batch.runs import recorded_run
from sentinel_batch.schema import CASE_MEMBERS, FRAUD_ALERTS
from sentinel_batch.window import now

MARKS = ("open", "watch", "confirmed")
"""Statuses that a person may give; :func:`close_case` closes."""

_TRACKED = ("status", "assignee", "verdict", "notes")


def assign_case(
    case_id: int,
    assignee: str,
    *,
    by: str | None = None,
    lake: DeskLike = None,
    config: ConfigLike = None,
) -> CaseFile:
    """Give a case to somebody; an unseen case is open from then on.

    Parameters
    ----------
    case_id
        Its id.
    assignee
        Who takes it.
    by
        Who decided; None takes the user of the session.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    CaseFile
        The case as it is now.

    Raises
    ------
    CaseNotFoundError
        If there is none of that id.
    UsageError
        If the assignee is empty, or the case is closed or merged.
    """
    if not assignee.strip():
        raise UsageError("No assignee is given.", hint="Name who takes the case: cases assign 7 --to ada.")
    return _change(open_desk(lake, config), case_id, {"assignee": assignee.strip()}, "assigned", "", by)


def mark_case(
    case_id: int,
    status: str,
    *,
    notes: str = "",
    by: str | None = None,
    lake: DeskLike = None,
    config: ConfigLike = None,
) -> CaseFile:
    """Mark a case as open, on watch or confirmed.

    Parameters
    ----------
    case_id
        Its id.
    status
        One of :data:`MARKS`.
    notes
        Why; empty keeps the notes that are there.
    by
        Who decided; None takes the user of the session.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    CaseFile
        The case as it is now.

    Raises
    ------
    CaseNotFoundError
        If there is none of that id.
    UsageError
        If the status is not allowed, or the case is closed or merged.
    """
    if status not in MARKS:
        raise UsageError(f"{status!r} is not a mark.", hint=f"Allowed: {', '.join(MARKS)}; cases close closes a case.")
    return _change(open_desk(lake, config), case_id, {"status": status}, "marked", notes, by)


def close_case(
    case_id: int,
    *,
    verdict: str,
    notes: str = "",
    review: bool = False,
    by: str | None = None,
    lake: DeskLike = None,
    config: ConfigLike = None,
) -> CaseFile:
    """Close a case with a verdict.

    Parameters
    ----------
    case_id
        Its id.
    verdict
        One of the dispositions of alerts: ``confirmed``, ``false-positive``, ``watch``.
    notes
        Why; empty keeps the notes that are there.
    review
        Give the same verdict on every alert of its members that is still open.
    by
        Who decided; None takes the user of the session.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    CaseFile
        The case as it is now.

    Raises
    ------
    CaseNotFoundError
        If there is none of that id.
    UsageError
        If the verdict is not allowed, or the case is closed or merged already.
    """
    if verdict not in DISPOSITIONS:
        raise UsageError(f"{verdict!r} is not a verdict.", hint=f"Allowed: {', '.join(DISPOSITIONS)}.")
    desk = open_desk(lake, config)
    if review:
        ids = _open_alerts(desk.lake.snapshot(), case_id)
        if ids:
            review_alerts(ids, disposition=verdict, notes=notes or f"case {case_id}", by=by, lake=desk)
    return _change(desk, case_id, {"status": "closed", "verdict": verdict}, "closed", notes, by)


def _change(desk: Desk, case_id: int, changes: Row, event: str, notes: str, by: str | None) -> CaseFile:
    actor, moment = actor_name(by), now()
    with desk.lake.lock(desk.config.lock_timeout):
        tables = desk.lake.snapshot()
        before = find_case(tables, case_id)
        _refuse_ended(before)
        seen = {"status": "open"} if before["status"] == "unseen" else {}
        after = {**before, **seen, **changes, **({"notes": notes} if notes else {})}
        events = CASE_HISTORY.compare(before, after, _TRACKED, moment, event, actor=actor, note=notes)
        if events:
            with recorded_run(desk.lake, "cases", {"case_id": case_id, "event": event, "by": actor}):
                commit_cases(desk.lake, tables, [{**after, "updated_at": moment}], events)
    return read_case(desk.lake.snapshot(), case_id)


def _refuse_ended(case: Row) -> None:
    if case["status"] == "merged":
        raise UsageError(
            f"Case {case['case_id']} was merged into case {case['merged_into']}.",
            hint=f"Use case {case['merged_into']} instead; nothing was written.",
        )
    if case["status"] == "closed":
        raise UsageError(
            f"Case {case['case_id']} is closed ({case['verdict']}).",
            hint="If its numbers call again, a new case names it as an earlier one; nothing was written.",
        )


def _open_alerts(tables: Snapshot, case_id: int) -> list[int]:
    """Return the open alerts of the members of a case that goes on."""
    _refuse_ended(find_case(tables, case_id))
    members = current_rows(tables, CASE_MEMBERS.name, [case_id])
    ids = sorted({i for text in members["alert_ids"] for i in json.loads(text)})
    still = tables.scan(FRAUD_ALERTS.name).filter(pl.col("id").is_in(ids) & (pl.col("status") == "open"))
    return still.select("id").collect()["id"].to_list()
