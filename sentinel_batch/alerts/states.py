"""States of an alert, and how a detection moves it from one to another.

===========  ==========================================================================================
open         to be looked at
reviewed     somebody gave a verdict; a higher severity opens it again
suppressed   its number was on the suppression list when it was found; it opens when it is found without
merged       late calls joined its episode to that of an older alert, named by ``merged_into``
===========  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sentinel_batch.alerts.episodes import FACTS, Episode, alert_key, severity_rose
from sentinel_batch.alerts.events import ALERT_HISTORY
from sentinel_batch.alerts.suppression import Suppression
from sentinel_batch.history import Row

STATUSES = ("open", "reviewed", "suppressed", "merged")
"""Every status of an alert."""

_TRACKED = (
    *(fact for fact in FACTS if fact not in ("evidence_summary", "evidence")),
    "status",
    "reviewed",
    "disposition",
    "merged_into",
)


@dataclass
class Settlement:
    """What a detection changes: new rows of ``fraud_alerts``, events, and which id falls in which class."""

    created: list[int] = field(default_factory=list)
    updated: list[int] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)
    reopened: list[int] = field(default_factory=list)
    merged: list[int] = field(default_factory=list)
    suppressed: list[Row] = field(default_factory=list)
    changed: dict[int, Row] = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)


def settle(
    episodes: list[Episode],
    *,
    next_id: int,
    moment: datetime,
    run_id: str,
    suppression_of: Callable[[str], Suppression | None],
) -> Settlement:
    """Decide what becomes of the alerts of each episode.

    Parameters
    ----------
    episodes
        From :func:`sentinel_batch.alerts.episodes.group_episodes`; new ids are given in their order.
    next_id
        The first free id.
    moment
        Time of every change.
    run_id
        The run that changed alerts are marked with.
    suppression_of
        Gives the suppression that covers a number now, or None.
    """
    result = Settlement()
    for episode in episodes:
        suppression = suppression_of(episode.suspect)
        if episode.alerts:
            kept, kind = _continue(episode, suppression, moment, run_id, result)
        else:
            kept, kind = _open(episode, suppression, next_id, moment, run_id, result), "created"
            next_id += 1
        if suppression is None:
            getattr(result, kind).append(kept["id"])
        else:
            result.suppressed.append(
                {
                    "suspect_number": episode.suspect,
                    "pattern": suppression.pattern,
                    "reason": suppression.reason,
                    "alert_id": kept["id"],
                    "alert_severity": kept["alert_severity"],
                }
            )
    return result


def _open(
    episode: Episode, suppression: Suppression | None, alert_id: int, moment: datetime, run_id: str, result: Settlement
) -> Row:
    facts = episode.facts
    alert = {
        **facts,
        "id": alert_id,
        "suspect_number": episode.suspect,
        "detection_rule": episode.findings[0]["detection_rule"],
        "alert_key": alert_key(episode.scope, episode.suspect, facts["episode_start"]),
        "created_at": moment,
        "updated_at": moment,
        "reviewed": False,
        "reviewer_notes": None,
        "disposition": None,
        "merged_into": None,
        "run_id": run_id,
        "status": "suppressed" if suppression else "open",
    }
    note = f"suppressed by {suppression.pattern}: {suppression.reason}" if suppression else ""
    result.changed[alert_id] = alert
    result.events.append(
        ALERT_HISTORY.describe(
            alert_id, moment, "created", field="alert_severity", after=facts["alert_severity"], note=note
        )
    )
    return alert


def _continue(
    episode: Episode, suppression: Suppression | None, moment: datetime, run_id: str, result: Settlement
) -> tuple[Row, str]:
    before, absorbed = episode.alerts[0], episode.alerts[1:]
    after = {**before, **episode.facts}
    reopening = _reopening(before, after, absorbed, suppression)
    if reopening:
        after |= {"status": "suppressed" if suppression else "open", "reviewed": False, "disposition": None}
        if any(other["status"] != "suppressed" for other in absorbed):
            after["status"] = "open"
    changes = ALERT_HISTORY.compare(before, after, _TRACKED, moment, "updated")
    for other in absorbed:
        _close(other, before["id"], moment, run_id, result)
        note = f"it was {other['disposition'] or other['status']}"
        changes.append(ALERT_HISTORY.describe(before["id"], moment, "absorbed", after=other["id"], note=note))
    if reopening:
        reopened = ALERT_HISTORY.describe(before["id"], moment, "reopened", before=before["status"], note=reopening)
        changes.append(reopened)
    if not changes:
        return before, "unchanged"
    result.events += changes
    result.changed[before["id"]] = {**after, "updated_at": moment, "run_id": run_id}
    return after, "reopened" if reopening else "updated"


def _reopening(before: Row, after: Row, absorbed: list[Row], suppression: Suppression | None) -> str:
    """Say why the alert has to be looked at (again), or nothing."""
    if before["status"] == "reviewed" and severity_rose(before, after):
        return (
            f"severity rose from {before['alert_severity']} to {after['alert_severity']} after the review"
            f" ({before['disposition']}: {before['reviewer_notes'] or 'no notes'})"
        )
    if before["status"] == "suppressed" and suppression is None:
        return "found again while no suppression covers the number"
    if before["status"] == "suppressed" and any(other["status"] != "suppressed" for other in absorbed):
        return "it took over the episode of an alert that was not suppressed"
    return ""


def _close(alert: Row, survivor: int, moment: datetime, run_id: str, result: Settlement) -> None:
    after = {**alert, "status": "merged", "merged_into": survivor}
    note = f"late calls joined its episode to that of alert {survivor}"
    result.events += ALERT_HISTORY.compare(alert, after, ("status", "merged_into"), moment, "merged", note=note)
    result.changed[alert["id"]] = {**after, "updated_at": moment, "run_id": run_id}
    result.merged.append(alert["id"])
