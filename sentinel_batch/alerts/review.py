"""Verdicts on alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from batch_base.plain import unwrap
from sentinel_batch.alerts.events import ALERT_HISTORY, commit_alerts, read_events
from sentinel_batch.alerts.queries import find_rows
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.history import Row, actor_name
from sentinel_batch.lake import Snapshot
from sentinel_batch.runs import recorded_run
from sentinel_batch.schema import FRAUD_ALERTS, polars_schema
from sentinel_batch.window import now

DISPOSITIONS = ("confirmed", "false-positive", "watch")
"""Verdicts: fraud, no fraud, not yet decided but seen."""

_TRACKED = ("status", "reviewed", "disposition", "reviewer_notes")


_GIVEN, _TAKEN_BACK, _NOTED = "reviewed", "review undone", "noted"


@dataclass(frozen=True)
class Reviewed:
    """Alerts after a review.

    Parameters
    ----------
    rows
        The alerts as they are now, in the order of the ids.
    notices
        Of whom notes were replaced, and of which alerts nothing changed.
    """

    rows: pl.DataFrame
    notices: list[str]


def review_alerts(
    ids: int | Iterable[int],
    *,
    disposition: str | None = None,
    notes: str = "",
    replace: bool = False,
    by: str | None = None,
    lake: DeskLike = None,
    config: ConfigLike = None,
) -> pl.DataFrame:
    """Give a verdict on alerts, or only say that they were looked at; all of them, or none.

    Parameters
    ----------
    ids
        Id of the alert, or ids of several.
    disposition
        One of :data:`DISPOSITIONS`; None gives no verdict, and keeps one that is there.
    notes
        Kept in ``reviewer_notes``; empty keeps the notes that are there. Others replace them: the history keeps those.
    replace
        Whether a verdict may be replaced by another one, ``confirmed`` by ``false-positive``; the history keeps it.
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
        If the disposition is not allowed, there is no id, one of the alerts was merged into another, or has another
        verdict that is not to be replaced; nothing is written.
    LakeLockedError
        If another process holds the lock for longer than the setting ``lock_timeout``.
    """
    return give_verdict(
        ids, disposition=disposition, notes=notes, replace=replace, by=by, lake=lake, config=config
    ).rows


def give_verdict(
    ids: int | Iterable[int],
    *,
    disposition: str | None,
    notes: str,
    replace: bool,
    by: str | None,
    lake: DeskLike = None,
    config: ConfigLike = None,
) -> Reviewed:
    """Do what :func:`review_alerts` says, and tell what was replaced and where nothing changed."""
    if disposition is not None and disposition not in DISPOSITIONS:
        raise UsageError(f"{disposition!r} is not a disposition.", hint=f"Allowed: {', '.join(DISPOSITIONS)}.")

    def judge(tables: Snapshot, before: list[Row]) -> list[Row]:
        if not replace:
            _refuse_judged(tables, before, disposition)
        verdict = {"status": "reviewed", "reviewed": True}
        verdict |= {"disposition": disposition} if disposition is not None else {}
        verdict |= {"reviewer_notes": notes} if notes else {}
        return [row | verdict for row in before]

    return _change(open_desk(lake, config), ids, judge, _GIVEN, {"disposition": disposition}, notes, by)


def annotate_alerts(
    ids: int | Iterable[int],
    *,
    notes: str,
    by: str | None = None,
    lake: DeskLike = None,
    config: ConfigLike = None,
) -> pl.DataFrame:
    """Replace the notes of alerts, and nothing else: they stay reviewed, or not; the history keeps the old notes.

    Parameters
    ----------
    ids
        Id of the alert, or ids of several.
    notes
        The new ``reviewer_notes``; empty erases them.
    by
        Who writes; None takes the user of the session.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    polars.DataFrame
        The alerts as they are now, in the order of the ids.

    Raises
    ------
    AlertNotFoundError
        If one of the ids does not exist; nothing is written.
    UsageError
        If there is no id, or one of the alerts was merged into another.
    LakeLockedError
        If another process holds the lock for longer than the setting ``lock_timeout``.
    """

    def write(tables: Snapshot, before: list[Row]) -> list[Row]:
        return [row | {"reviewer_notes": notes or None} for row in before]

    return _change(open_desk(lake, config), ids, write, _NOTED, {}, "", by).rows


def undo_review(
    ids: int | Iterable[int],
    *,
    notes: str = "",
    by: str | None = None,
    lake: DeskLike = None,
    config: ConfigLike = None,
) -> pl.DataFrame:
    """Take back the last review of each alert, which is then as it was before; all of them, or none.

    Parameters
    ----------
    ids
        Id of the alert, or ids of several.
    notes
        Why; kept in the history.
    by
        Who decided; None takes the user of the session.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    polars.DataFrame
        The alerts as they are now, in the order of the ids.

    Raises
    ------
    AlertNotFoundError
        If one of the ids does not exist; nothing is written.
    UsageError
        If there is no id, one of the alerts was merged into another, or has no review to take back.
    LakeLockedError
        If another process holds the lock for longer than the setting ``lock_timeout``.
    """

    def restore(tables: Snapshot, before: list[Row]) -> list[Row]:
        events = read_events(tables, [row["id"] for row in before]).to_dicts()
        return [row | _before_review(row["id"], events) for row in before]

    return _change(open_desk(lake, config), ids, restore, _TAKEN_BACK, {}, notes, by).rows


def _change(
    desk: Desk,
    ids: int | Iterable[int],
    decide: Callable[[Snapshot, list[Row]], list[Row]],
    event: str,
    facts: Row,
    notes: str,
    by: str | None,
) -> Reviewed:
    """Change alerts under the lake's lock, with one event for each field that changes."""
    ids = unwrap(ids)
    wanted = [ids] if isinstance(ids, int) else list(dict.fromkeys(map(unwrap, ids)))
    if not wanted:
        raise UsageError("No alert was named.", hint="Name at least one id: sentinel-batch alerts review ID…")
    actor, moment = actor_name(by), now()
    with desk.lake.lock(desk.config.lock_timeout):
        tables = desk.lake.snapshot()
        before = find_rows(tables, wanted)
        _refuse_merged(before)
        after, events = [], []
        for old, new in zip(before, decide(tables, before), strict=True):
            changes = ALERT_HISTORY.compare(old, new, _TRACKED, moment, event, actor=actor, note=notes)
            after.append(new | {"updated_at": moment} if changes else new)
            events += changes
        notices = _tell_changes(tables, before, after) if event == _GIVEN else []
        if events:
            with recorded_run(desk.lake, "review", {"ids": wanted, "event": event, "by": actor, **facts}) as run:
                run.counts = {"alerts": len({row["alert_id"] for row in events})}
                rest = tables.read(FRAUD_ALERTS.name).filter(~pl.col("id").is_in(wanted))
                commit_alerts(desk.lake, pl.concat([rest, _frame(after)]), events)
    return Reviewed(_frame(after), notices)


def _tell_changes(tables: Snapshot, before: list[Row], after: list[Row]) -> list[str]:
    """Say whose notes a review replaces, and which alerts it leaves as they were."""
    told = read_events(tables, [row["id"] for row in before]).to_dicts()
    notices = []
    for old, new in zip(before, after, strict=True):
        if all(old[name] == new[name] for name in _TRACKED):
            field = "disposition" if old["disposition"] is not None else "status"
            said = f"judged {old['disposition']}" if old["disposition"] is not None else "looked at"
            notices.append(f"Alert {old['id']}: nothing changed: {said}{_tell_author(told, old, field)}.")
        elif old["reviewer_notes"] and old["reviewer_notes"] != new["reviewer_notes"]:
            author = _tell_author(told, old, "reviewer_notes")
            notices.append(
                f"Alert {old['id']}: the notes given{author} were replaced; they are in the history: "
                f"sentinel-batch alerts show {old['id']}"
            )
    return notices


def _tell_author(events: list[Row], row: Row, field: str) -> str:
    """Say who gave a field the value that it has, and when; nothing where the history does not tell."""
    given = [
        event
        for event in events
        if (event["alert_id"], event["event"], event["field"]) == (row["id"], _GIVEN, field)
        and event["after"] == str(row[field])
    ]
    return f" by {given[-1]['actor']} on {given[-1]['at']:%Y-%m-%d %H:%M} UTC" if given else ""


def _before_review(alert_id: int, events: Iterable[Row]) -> Row:
    """Return the fields that the alert's last review changed, as they were before it."""
    commits: dict[str, list[Row]] = {}
    for row in events:
        if row["alert_id"] == alert_id and row["event"] in (_GIVEN, _TAKEN_BACK):
            commits.setdefault(row["commit_id"], []).append(row)
    standing: list[list[Row]] = []
    for changes in commits.values():
        if changes[0]["event"] == _GIVEN:
            standing.append(changes)
        else:
            standing.pop()
    if not standing:
        raise UsageError(
            f"Alert {alert_id} has no review that could be taken back.",
            hint=f"See its history: sentinel-batch alerts show {alert_id}; nothing was written.",
        )
    return {
        row["field"]: row["before"] == "True" if row["field"] == "reviewed" else row["before"] for row in standing[-1]
    }


def _refuse_judged(tables: Snapshot, rows: list[Row], disposition: str | None) -> None:
    """Refuse to replace a verdict without being told to; ``watch`` is none yet, and an alert that rose again is new."""
    settled = {"confirmed", "false-positive"} - {disposition}
    judged = [row for row in rows if row["status"] == "reviewed" and row["disposition"] in settled]
    if disposition is None or not judged:
        return
    row = judged[0]
    when = _tell_author(read_events(tables, [row["id"]]).to_dicts(), row, "disposition")
    raise UsageError(
        f"Alert {row['id']} was judged {row['disposition']}{when}.",
        # Read at the terminal, in notebooks, over HTTP and on the page, which all call it "replace".
        hint=f"Say that it is to be replaced (--replace, replace=True, the page's tick), or take it back: "
        f"sentinel-batch alerts undo {row['id']}. Nothing was written.",
        alert_id=row["id"],
    )


def _refuse_merged(rows: list[Row]) -> None:
    for row in rows:
        if row["status"] == "merged":
            raise UsageError(
                f"Alert {row['id']} was merged into alert {row['merged_into']}.",
                hint=f"Review alert {row['merged_into']} instead; nothing was written.",
            )


def _frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=polars_schema(FRAUD_ALERTS.columns))
