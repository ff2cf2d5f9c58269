"""Verdicts on alerts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from sentinel_batch.alerts.events import ALERT_HISTORY, commit_alerts
from sentinel_batch.alerts.queries import find_rows
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.history import Row, actor_name
from sentinel_batch.runs import recorded_run
from sentinel_batch.schema import FRAUD_ALERTS, polars_schema
from sentinel_batch.window import now

DISPOSITIONS = ("confirmed", "false-positive", "watch")
"""Verdicts: fraud, no fraud, not yet decided but seen."""

_TRACKED = ("status", "reviewed", "disposition", "reviewer_notes")


def review_alerts(
    ids: int | Iterable[int],
    *,
    disposition: str,
    notes: str = "",
    by: str | None = None,
    lake: DeskLike = None,
    config: ConfigLike = None,
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
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

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
    LakeLockedError
        If another process holds the lock for longer than the setting ``lock_timeout``.
    """
    wanted = [ids] if isinstance(ids, int) else list(dict.fromkeys(ids))
    if disposition not in DISPOSITIONS:
        raise UsageError(f"{disposition!r} is not a disposition.", hint=f"Allowed: {', '.join(DISPOSITIONS)}.")
    if not wanted:
        raise UsageError("No alert was named.", hint="Name at least one id: sentinel-batch alerts review ID…")
    desk, actor, moment = open_desk(lake, config), actor_name(by), now()
    with desk.lake.lock(desk.config.lock_timeout):
        tables = desk.lake.snapshot()
        before = find_rows(tables, wanted)
        _refuse_merged(before)
        after, events = _judge(before, disposition, notes, actor, moment)
        if events:
            with recorded_run(desk.lake, "review", {"ids": wanted, "disposition": disposition, "by": actor}) as run:
                run.counts = {"alerts": len({event["alert_id"] for event in events})}
                rest = tables.read(FRAUD_ALERTS.name).filter(~pl.col("id").is_in(wanted))
                commit_alerts(desk.lake, pl.concat([rest, _frame(after)]), events)
    return _frame(after)


def _judge(rows: list[Row], disposition: str, notes: str, actor: str, moment: datetime) -> tuple[list[Row], list[Row]]:
    """Return the alerts with the verdict, and the events of those that it changes."""
    verdict = {"status": "reviewed", "reviewed": True, "disposition": disposition}
    verdict |= {"reviewer_notes": notes} if notes else {}
    judged, events = [], []
    for before in rows:
        after = before | verdict
        changes = ALERT_HISTORY.compare(before, after, _TRACKED, moment, "reviewed", actor=actor, note=notes)
        judged.append(after | {"updated_at": moment} if changes else after)
        events += changes
    return judged, events


def _refuse_merged(rows: list[Row]) -> None:
    for row in rows:
        if row["status"] == "merged":
            raise UsageError(
                f"Alert {row['id']} was merged into alert {row['merged_into']}.",
                hint=f"Review alert {row['merged_into']} instead; nothing was written.",
            )


def _frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=polars_schema(FRAUD_ALERTS.columns))
