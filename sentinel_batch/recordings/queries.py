"""Reading recordings back."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.recordings.shaping import LABEL_ORDER, sort_worst
from sentinel_batch.schema import AUDIO_FEATURES, AUDIO_SEGMENTS, RECORDINGS

STATUSES = ("scored", "abstained", "failed")


def list_recordings(
    lake: DeskLike = None,
    config: ConfigLike = None,
    *,
    label: str | None = None,
    status: str | None = None,
    action: str | None = None,
    number: str | None = None,
    run_id: str | None = None,
    limit: int | None = None,
    superseded: bool = False,
) -> pl.DataFrame:
    """List recordings, worst first: likely synthetic, spliced, then by score (0 human … 1 synthetic), failed ones last.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    label
        ``likely_real``, ``uncertain`` or ``likely_synthetic``.
    status
        ``scored``, ``abstained`` or ``failed``.
    action
        Such as ``BLOCK``.
    number
        Number of the caller or of the called party, as stored (E.164).
    run_id
        Those that this run stored.
    limit
        At most so many.
    superseded
        Whether earlier analyses of the same recording (by another model, policy or manifest) are listed too.

    Returns
    -------
    polars.DataFrame
        Columns of table ``recordings``.

    Raises
    ------
    UsageError
        If label, status or limit is not allowed.
    """
    _check("label", label, LABEL_ORDER)
    _check("status", status, STATUSES)
    if limit is not None and limit < 0:
        raise UsageError(f"limit = {limit} is negative.", hint="Give 0 or more.", allowed=">= 0")
    rows = open_desk(lake, config).tables.read(RECORDINGS.name)
    if not superseded:
        rows = rows.sort("analysed_at", "recording_id").unique(["path", "sha256"], keep="last", maintain_order=True)
    wanted = {"label": label, "status": status, "action": action, "run_id": run_id}
    for column, value in wanted.items():
        rows = rows if value is None else rows.filter(pl.col(column) == value)
    if number is not None:
        rows = rows.filter((pl.col("caller_number") == number) | (pl.col("callee_number") == number))
    found = sort_worst(rows)
    return found if limit is None else found.head(limit)


def read_segments(
    lake: DeskLike = None, config: ConfigLike = None, *, recording_ids: Collection[str] | None = None
) -> pl.DataFrame:
    """Read the scored segments of recordings, in order of channel and time.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    recording_ids
        Which recordings; all by default.

    Returns
    -------
    polars.DataFrame
        Columns of table ``audio_segments``; only what was committed.
    """
    return _read_side(AUDIO_SEGMENTS.name, lake, config, recording_ids, ["recording_id", "channel", "start"])


def read_features(
    lake: DeskLike = None, config: ConfigLike = None, *, recording_ids: Collection[str] | None = None
) -> pl.DataFrame:
    """Read the features of the worst segments of recordings, one row per segment and feature.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    recording_ids
        Which recordings; all by default.

    Returns
    -------
    polars.DataFrame
        Columns of table ``audio_features``; only what was committed.
    """
    return _read_side(AUDIO_FEATURES.name, lake, config, recording_ids, ["recording_id", "channel", "start", "feature"])


def _read_side(
    name: str, lake: DeskLike, config: ConfigLike, recording_ids: Collection[str] | None, order: list[str]
) -> pl.DataFrame:
    tables = open_desk(lake, config).tables
    rows = tables.scan(name)
    if recording_ids is not None:
        rows = rows.filter(pl.col("recording_id").is_in(list(recording_ids)))
    found = rows.collect()
    committed = tables.committed(RECORDINGS.name, found["batch_id"].unique().drop_nulls().to_list())
    return found.filter(pl.col("batch_id").is_in(list(committed))).sort(order)


def _check(name: str, value: str | None, allowed: Collection[str]) -> None:
    if value is not None and value not in allowed:
        raise UsageError(
            f"{name} = {value!r} is not allowed; allowed: {', '.join(allowed)}.",
            hint=f"Give one of: {', '.join(allowed)}.",
            value=value,
            allowed=list(allowed),
        )
