"""The account that a night gives of itself: figures, and what went wrong, worst first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.reporting import LOST, Night, say_file, say_trouble
from sentinel_batch.schema import SEVERITIES

if TYPE_CHECKING:
    from sentinel_batch.alerts import AlertChanges
    from sentinel_batch.nightly.outcome import NightlyResult
    from sentinel_batch.reporting import PastNight

_AGAIN = "sentinel-batch nightly"


def give_account(result: NightlyResult, repeated: PastNight | None) -> Night:
    """Return the night as its report tells it.

    Parameters
    ----------
    result
        What the night did so far.
    repeated
        The night whose report this is again, if nothing new came in.
    """
    quiet = result.since is None and result.error is None
    return Night(
        run_id=result.run_id,
        started_at=result.started_at,
        outcome=_judge(result),
        files=result.files,
        troubles=list_troubles(result),
        figures=count_night(result),
        repeats=None if repeated is None else {"run_id": repeated.run_id, "started_at": repeated.started_at},
        quiet=quiet,
        deliveries=result.deliveries,
    )


def count_night(result: NightlyResult) -> dict[str, Any]:
    """Return the figures of a night, as the history and the trend have them."""
    new = dict.fromkeys(reversed(SEVERITIES), 0)
    for changes in result.alert_changes:
        for severity in _severities(changes, [*changes.created, *changes.reopened]):
            new[severity] += 1
    return {**result.file_counts, "new": new, "alerts_grown": result.alerts_grown, "seconds": round(result.elapsed, 1)}


def list_troubles(result: NightlyResult) -> list[dict[str, str]]:
    """Return what went wrong: what was lost, what failed, what somebody should look at."""
    lost = [file for file in result.files if file["outcome"] in LOST]
    doubtful = [file for file in result.files if file["outcome"] in ("unfinished", "empty", "not_read")]
    return [
        *(say_file("lost", file) for file in lost),
        *_failed_steps(result),
        *(say_trouble("failed", f"Rule {r['rule']}", r["message"], r["hint"]) for r in result.failed_rules),
        *result.late,
        *(say_file("warning", file) for file in doubtful),
        *_unread_recordings(result),
        *(say_trouble("warning", "Settings", notice) for notice in result.notices),
    ]


def say_unsent(target: str, reason: str) -> dict[str, str]:
    """Return the trouble that somebody could not be told of a night."""
    return say_trouble("failed", f"Telling {target}", reason, command="sentinel-batch notify test --send")


def _judge(result: NightlyResult) -> str:
    if result.error is not None or any(step.status == "failed" and step.name != "notify" for step in result.steps):
        return "failed"
    return "partial" if result.failed_files or result.failed_rules else "done"


def _failed_steps(result: NightlyResult) -> Iterable[dict[str, str]]:
    said = set()
    for step in result.steps:
        if step.status == "failed" and step.error is not None and step.name != "notify":
            said.add(step.error["message"])
            yield say_trouble("failed", f"Step {step.name}", step.error["message"], step.error["hint"], _AGAIN)
    if result.error is not None and result.error["message"] not in said:
        yield say_trouble("failed", "The night", result.error["message"], result.error["hint"], _AGAIN)


def _unread_recordings(result: NightlyResult) -> Iterable[dict[str, str]]:
    for group in result.recordings.unread if result.recordings is not None else ():
        yield say_trouble(
            "warning", f"{group.files:,} files of the audio inbox ({group.kind})", f"not read. {group.needed}"
        )


def _severities(changes: AlertChanges, ids: list[int]) -> list[str]:
    found = changes.alerts.filter(pl.col("id").is_in(ids))["alert_severity"]
    return [severity for severity in found.to_list() if severity in SEVERITIES]
