"""Where calls and voices agree: suspects of an alert whose recordings are likely synthetic too."""

from __future__ import annotations

import polars as pl

from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.lake import Snapshot
from sentinel_batch.recordings.queries import list_recordings
from sentinel_batch.schema import CALL_RECORDS, FRAUD_ALERTS
from sentinel_batch.severity import severity_rank


def list_joint_findings(lake: DeskLike = None, config: ConfigLike = None) -> pl.DataFrame:
    """List the numbers that have an alert and of which a recording is ``likely_synthetic``: one row per number.

    A recording belongs to the number that its manifest names as the caller, and to the caller of the call record that
    has the recording's call id. Alerts that were merged or are suppressed do not count.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    polars.DataFrame
        ``suspect_number``, ``alert_severity`` (the worst), ``alert_ids``, ``recordings`` (how many), ``recording_ids``
        and ``paths`` (worst first), ``worst_score`` (0 human … 1 synthetic), ``matched_by`` (``number``, ``call_id`` or
        both); worst severity and score first.
    """
    desk = open_desk(lake, config).snapshot()
    synthetic = list_recordings(desk, label="likely_synthetic")
    matches = pl.concat([_by_number(synthetic), _by_call(desk.tables, synthetic)])
    voices = (
        matches.group_by("suspect_number", "recording_id", "path", "score")
        .agg(pl.col("matched_by").unique())
        .sort("score", "path", descending=[True, False])
        .group_by("suspect_number", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("recordings"),
            pl.col("recording_id").alias("recording_ids"),
            pl.col("path").alias("paths"),
            pl.col("score").max().alias("worst_score"),
            pl.col("matched_by").explode(empty_as_null=True).unique().sort(descending=True),
        )
    )
    found = _suspects(desk.tables).join(voices, on="suspect_number", how="inner")
    columns = ["alert_ids", "recordings", "recording_ids", "paths", "worst_score", "matched_by"]
    return found.sort("rank", "worst_score", "suspect_number", descending=[True, True, False]).select(
        "suspect_number", "alert_severity", *columns
    )


def _suspects(tables: Snapshot) -> pl.DataFrame:
    alerts = tables.scan(FRAUD_ALERTS.name).filter(
        pl.col("merged_into").is_null() & ~pl.col("status").is_in(["merged", "suppressed"]).fill_null(False)
    )
    return (
        alerts.with_columns(severity_rank().alias("rank"))
        .sort("rank", "id", descending=[True, False])
        .group_by("suspect_number", maintain_order=True)
        .agg(pl.col("alert_severity").first(), pl.col("rank").first(), pl.col("id").alias("alert_ids"))
        .drop_nulls("suspect_number")
        .collect()
    )


def _by_number(recordings: pl.DataFrame) -> pl.DataFrame:
    return recordings.drop_nulls("caller_number").select(
        pl.col("caller_number").alias("suspect_number"),
        "recording_id",
        "path",
        "score",
        pl.lit("number").alias("matched_by"),
    )


def _by_call(tables: Snapshot, recordings: pl.DataFrame) -> pl.DataFrame:
    known = recordings.drop_nulls("call_id").select("call_id", "recording_id", "path", "score")
    calls = (
        tables.scan(CALL_RECORDS.name)
        .select("call_id", pl.col("caller_number").alias("suspect_number"))
        .filter(pl.col("call_id").is_in(known["call_id"].to_list()))
        .unique()
        .collect()
        if known.height
        else pl.DataFrame(schema={"call_id": pl.String, "suspect_number": pl.String})
    )
    joined = known.join(calls, on="call_id", how="inner")
    return joined.select("suspect_number", "recording_id", "path", "score", pl.lit("call_id").alias("matched_by"))
