"""Where calls and voices agree: suspects of an alert whose recordings are likely synthetic too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sentinel_batch.lake import Lake, open_lake
from sentinel_batch.recordings.queries import list_recordings
from sentinel_batch.schema import CALL_RECORDS, FRAUD_ALERTS, SEVERITIES

if TYPE_CHECKING:
    import polars as pl


def list_joint_findings(lake: Lake | str | Path | None = None) -> pl.DataFrame:
    """List the numbers that have an alert and of which a recording is ``likely_synthetic``: one row per number.

    A recording belongs to the number that its manifest names as the caller, and to the caller of the call record that
    has the recording's call id. Alerts that were merged or are suppressed do not count.

    Parameters
    ----------
    lake
        The lake, or its folder; by default the configured one.

    Returns
    -------
    polars.DataFrame
        ``suspect_number``, ``alert_severity`` (the worst), ``alert_ids``, ``recordings`` (how many), ``recording_ids``
        and ``paths`` (worst first), ``worst_score`` (0 human … 1 synthetic), ``matched_by`` (``number``, ``call_id`` or
        both); worst severity and score first.
    """
    import polars as pl

    opened = open_lake(lake)
    synthetic = list_recordings(opened, label="likely_synthetic")
    matches = pl.concat([_by_number(synthetic), _by_call(opened, synthetic)])
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
    found = _suspects(opened).join(voices, on="suspect_number", how="inner")
    columns = ["alert_ids", "recordings", "recording_ids", "paths", "worst_score", "matched_by"]
    return found.sort("rank", "worst_score", "suspect_number", descending=[True, True, False]).select(
        "suspect_number", "alert_severity", *columns
    )


def _suspects(lake: Lake) -> pl.DataFrame:
    import polars as pl

    rank = pl.col("alert_severity").replace_strict({s: i for i, s in enumerate(SEVERITIES)}, default=-1)
    alerts = lake.scan(FRAUD_ALERTS.name).filter(
        pl.col("merged_into").is_null() & ~pl.col("status").is_in(["merged", "suppressed"]).fill_null(False)
    )
    return (
        alerts.with_columns(rank.alias("rank"))
        .sort("rank", "id", descending=[True, False])
        .group_by("suspect_number", maintain_order=True)
        .agg(pl.col("alert_severity").first(), pl.col("rank").first(), pl.col("id").alias("alert_ids"))
        .drop_nulls("suspect_number")
        .collect()
    )


def _by_number(recordings: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return recordings.drop_nulls("caller_number").select(
        pl.col("caller_number").alias("suspect_number"),
        "recording_id",
        "path",
        "score",
        pl.lit("number").alias("matched_by"),
    )


def _by_call(lake: Lake, recordings: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    known = recordings.drop_nulls("call_id").select("call_id", "recording_id", "path", "score")
    calls = (
        lake.scan(CALL_RECORDS.name)
        .select("call_id", pl.col("caller_number").alias("suspect_number"))
        .filter(pl.col("call_id").is_in(known["call_id"].to_list()))
        .unique()
        .collect()
        if known.height
        else pl.DataFrame(schema={"call_id": pl.String, "suspect_number": pl.String})
    )
    joined = known.join(calls, on="call_id", how="inner")
    return joined.select("suspect_number", "recording_id", "path", "score", pl.lit("call_id").alias("matched_by"))
