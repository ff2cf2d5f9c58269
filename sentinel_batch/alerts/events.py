"""History of alerts: what happened to each, in table ``alert_events``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from batch_base.plain import unwrap
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.history import History, Row
from sentinel_batch.lake import Lake, Snapshot
from sentinel_batch.runs import new_run_id
from sentinel_batch.schema import ALERT_EVENTS, FRAUD_ALERTS

ALERT_HISTORY = History(ALERT_EVENTS, FRAUD_ALERTS, subject="alert_id", commit="commit_id")


def commit_alerts(lake: Lake, alerts: pl.DataFrame, events: Sequence[Row]) -> None:
    """Replace the alerts and add their events, so that both become visible at once; call it under the lake's lock."""
    commit_id = new_run_id()
    ALERT_HISTORY.append(lake, events, commit_id)
    lake.overwrite(FRAUD_ALERTS.name, alerts.sort("id"), commit_id=commit_id)


def list_events(
    alert_id: int | Iterable[int] | None = None, *, lake: DeskLike = None, config: ConfigLike = None
) -> pl.DataFrame:
    """Return the history of alerts, oldest change first.

    Parameters
    ----------
    alert_id
        Id of one alert, or ids of several; None returns the history of all.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    polars.DataFrame
        Columns of ``alert_events``; changes whose commit never happened are left out.
    """
    tables = open_desk(lake, config).tables
    if alert_id is None:
        return ALERT_HISTORY.read(tables)
    alert_id = unwrap(alert_id)
    return read_events(tables, [alert_id] if isinstance(alert_id, int) else alert_id)


def read_events(tables: Snapshot, ids: Iterable[int]) -> pl.DataFrame:
    """Return the history of the alerts of the ids, oldest change first."""
    return ALERT_HISTORY.read(tables, pl.col("alert_id").is_in(list(ids)))
