"""What people do with a case: take it, mark it, close it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sentinel_batch.alerts import DISPOSITIONS, review_alerts
from sentinel_batch.alerts.events import actor_name
from sentinel_batch.cases.commits import commit_cases, current_rows, describe_case_changes
from sentinel_batch.cases.queries import CaseFile, find_case, get_case
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import DEFAULT_LOCK_TIMEOUT, Lake, now, open_lake
from sentinel_batch.runs import recorded_run
from sentinel_batch.schema import CASE_MEMBERS, FRAUD_ALERTS

MARKS = ("open", "watch", "confirmed")
"""Statuses that a person may give; :func:`close_case` closes."""

_TRACKED = ("status", "assignee", "verdict", "notes")


def assign_case(
    case_id: int,
    assignee: str,
    *,
    by: str | None = None,
    lake: Lake | str | Path | None = None,
    lock_timeout: float = DEFAULT_LOCK_TIMEOUT,
) -> CaseFile:
    """Give a case to somebody; an unseen case is open from then on.

    Raises
    ------
    CaseNotFoundError
        If there is none of that id.
    UsageError
        If the assignee is empty, or the case is closed or merged.
    """
    if not assignee.strip():
        raise UsageError("No assignee is given.", hint="Name who takes the case: cases assign 7 --to ada.")
    return _change(case_id, {"assignee": assignee.strip()}, "assigned", "", by, lake, lock_timeout)


def mark_case(
    case_id: int,
    status: str,
    *,
    notes: str = "",
    by: str | None = None,
    lake: Lake | str | Path | None = None,
    lock_timeout: float = DEFAULT_LOCK_TIMEOUT,
) -> CaseFile:
    """Mark a case as open, on watch or confirmed.

    Raises
    ------
    CaseNotFoundError
        If there is none of that id.
    UsageError
        If the status is not allowed, or the case is closed or merged.
    """
    if status not in MARKS:
        raise UsageError(f"{status!r} is no mark.", hint=f"Allowed: {', '.join(MARKS)}; cases close closes.")
    return _change(case_id, {"status": status}, "marked", notes, by, lake, lock_timeout)


def close_case(
    case_id: int,
    *,
    verdict: str,
    notes: str = "",
    review: bool = False,
    by: str | None = None,
    lake: Lake | str | Path | None = None,
    lock_timeout: float = DEFAULT_LOCK_TIMEOUT,
) -> CaseFile:
    """Close a case with a verdict.

    Parameters
    ----------
    case_id
        Its id.
    verdict
        One of the dispositions of alerts: ``confirmed``, ``false-positive``, ``watch``.
    notes
        Why.
    review
        Give the same verdict on every alert of its members that is still open.
    by
        Who decided; None takes the user of the session.
    lake
        The lake, its path, or None for the configured one.
    lock_timeout
        Seconds to wait for another writer.

    Raises
    ------
    CaseNotFoundError
        If there is none of that id.
    UsageError
        If the verdict is not allowed, or the case is closed or merged already.
    """
    if verdict not in DISPOSITIONS:
        raise UsageError(f"{verdict!r} is no verdict.", hint=f"Allowed: {', '.join(DISPOSITIONS)}.")
    opened = open_lake(lake)
    if review:
        _refuse_ended(find_case(opened, case_id))
        ids = _open_alerts(opened, case_id)
        if ids:
            words = notes or f"case {case_id}"
            review_alerts(ids, disposition=verdict, notes=words, by=by, lake=opened, lock_timeout=lock_timeout)
    changes = {"status": "closed", "verdict": verdict}
    return _change(case_id, changes, "closed", notes, by, opened, lock_timeout)


def _change(
    case_id: int,
    changes: dict[str, Any],
    event: str,
    notes: str,
    by: str | None,
    lake: Lake | str | Path | None,
    lock_timeout: float,
) -> CaseFile:
    opened, actor, moment = open_lake(lake), actor_name(by), now()
    with opened.lock(lock_timeout):
        before = find_case(opened, case_id)
        _refuse_ended(before)
        seen = {"status": "open"} if before["status"] == "unseen" else {}
        after = {**before, **seen, **changes, **({"notes": notes} if notes else {})}
        events = describe_case_changes(before, after, _TRACKED, moment, event, actor=actor, note=notes)
        if events:
            with recorded_run(opened, "cases", {"case_id": case_id, "event": event, "by": actor}):
                commit_cases(opened, [{**after, "updated_at": moment}], events)
    return get_case(case_id, lake=opened)


def _refuse_ended(case: dict[str, Any]) -> None:
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


def _open_alerts(lake: Lake, case_id: int) -> list[int]:
    import polars as pl

    members = current_rows(lake, CASE_MEMBERS.name, [case_id])
    ids = sorted({i for text in members["alert_ids"] for i in json.loads(text)})
    still = lake.scan(FRAUD_ALERTS.name).filter(pl.col("id").is_in(ids) & (pl.col("status") == "open"))
    return still.select("id").collect()["id"].to_list()
