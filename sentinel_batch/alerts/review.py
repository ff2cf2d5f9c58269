"""Verdicts on alerts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel_batch.alerts.events import actor_name, commit_alerts, describe_changes
from sentinel_batch.alerts.queries import find_rows
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import DEFAULT_LOCK_TIMEOUT, Lake, now, open_lake
from sentinel_batch.runs import recorded_run
from sentinel_batch.schema import FRAUD_ALERTS, polars_schema

if TYPE_CHECKING:
    import polars as pl

DISPOSITIONS = ("confirmed", "false-positive", "watch")
"""Verdicts: fraud, no fraud, not yet decided but seen."""

_TRACKED = ("status", "reviewed", "disposition", "reviewer_notes")


def review_alerts(
    ids: int | Iterable[int],
    *,
    disposition: str,
    notes: str = "",
    by: str | None = None,
    lake: Lake | str | Path | None = None,
    lock_timeout: float = DEFAULT_LOCK_TIMEOUT,
) -> pl.DataFrame:
    """Give a verdict on alerts; all of them, or none.

    Parameters
    ----------
    ids
        Id of the alert, or ids of several.
    disposition
        One of :data:`DISPOSITIONS`.
    notes
        Kept in ``reviewer_notes``; empty keeps the notes that are there.
    by
        Who decided; None takes the user of the session.
    lake
        The lake, its path, or None for the configured one.
    lock_timeout
        Seconds to wait for another writer.

    Returns
    -------
    polars.DataFrame
        The alerts as they are now, in the order of the ids. A verdict that was already given changes nothing.

    Raises
    ------
    AlertNotFoundError
        If one of the ids does not exist; nothing is written.
    UsageError
        If the disposition is not allowed, there is no id, or one of the alerts was merged into another.
    """
    import polars as pl

    wanted = [ids] if isinstance(ids, int) else list(dict.fromkeys(ids))
    if disposition not in DISPOSITIONS:
        raise UsageError(f"{disposition!r} is no disposition.", hint=f"Allowed: {', '.join(DISPOSITIONS)}.")
    if not wanted:
        raise UsageError("No alert was named.", hint="Name at least one id: sentinel-batch alerts review ID…")
    opened, actor, moment = open_lake(lake), actor_name(by), now()
    with opened.lock(lock_timeout):
        verdict = {"status": "reviewed", "reviewed": True, "disposition": disposition}
        verdict |= {"reviewer_notes": notes} if notes else {}
        before = find_rows(opened, wanted)
        _refuse_merged(before)
        after = [{**row, **verdict} for row in before]
        events = [
            event
            for old, new in zip(before, after, strict=True)
            for event in describe_changes(old, new, _TRACKED, moment, "reviewed", actor=actor, note=notes)
        ]
        if events:
            changed = {event["alert_id"] for event in events}
            after = [row | {"updated_at": moment} if row["id"] in changed else row for row in after]
            with recorded_run(opened, "review", {"ids": wanted, "disposition": disposition, "by": actor}) as run:
                run.counts = {"alerts": len(changed)}
                rest = opened.read(FRAUD_ALERTS.name).filter(~pl.col("id").is_in(wanted))
                commit_alerts(opened, pl.concat([rest, _frame(after)]), events)
    return _frame(after)


def _refuse_merged(rows: list[dict[str, object]]) -> None:
    for row in rows:
        if row["status"] == "merged":
            raise UsageError(
                f"Alert {row['id']} was merged into alert {row['merged_into']}.",
                hint=f"Review alert {row['merged_into']} instead; nothing was written.",
            )


def _frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(rows, schema=polars_schema(FRAUD_ALERTS.columns))
