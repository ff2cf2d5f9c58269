"""Text columns to call records: typed, normalised, validated, with a reason for every row that cannot be kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.shaping.fields import (
    find_missing_times,
    goes,
    has_legs,
    read_call_ids,
    read_call_times,
    read_directions,
    read_field,
    read_parties,
    read_trunks,
)
from sentinel_batch.ingestion.shaping.outcome import read_talk
from sentinel_batch.ingestion.shaping.selection import select_calls
from sentinel_batch.ingestion.values.cells import is_missing, tidy
from sentinel_batch.ingestion.values.timestamps import bounds_of
from sentinel_batch.ingestion.values.zones import to_local
from sentinel_batch.numbers import (
    CALLERS,
    E164,
    MISSING,
    NOTHING,
    ROUNDED,
    SHORT_CODE,
    NumberBook,
    Tally,
)

if TYPE_CHECKING:
    import polars as pl

PREFIX_LENGTH = 7
"""``callee_prefix`` is the first seven characters: ``+``, country code and operator (+234803)."""

STAMPED = ("source_file", "ingest_id", "processed_at")
"""Columns that are the same in all rows of a file, written last."""

_HOUR = 3_600_000_000
OPTIONAL_TEXT = ("termination_cause", "location_code", "imei", "imsi")

DEVICE_TEXT = ("location_code", "imei", "imsi")
"""Fields of a party's device: rules take them for the caller's."""

REASONS = (
    "ragged_row",
    "missing_caller",
    "rounded_caller",
    "invalid_caller",
    "caller_short_code",
    "missing_callee",
    "rounded_callee",
    "invalid_callee",
    "missing_timestamp",
    "bad_timestamp",
    "implausible_timestamp",
    "missing_duration",
    "bad_duration",
    "negative_duration",
)
"""Why a row can be rejected; a row with several faults has the first of these."""


@dataclass(frozen=True)
class Shaping:
    """What the shape of a file's rows depends on.

    Parameters
    ----------
    layout
        Where the fields stand.
    numbers
        Normal forms of telephone numbers.
    zone
        Zone of times without an offset (the dialect's, or the run's).
    local_zone
        Zone of ``local_date``, ``local_hour`` and ``iso_weekday``.
    day_first
        How 03/04/2026 is read.
    earliest, latest
        Plausible times, UTC.
    """

    layout: Layout
    numbers: NumberBook
    zone: str
    local_zone: str
    day_first: bool | None
    earliest: datetime
    latest: datetime


@dataclass(frozen=True)
class Shaped:
    """What became of rows.

    Parameters
    ----------
    records
        Rows kept, as ``call_records`` without :data:`STAMPED`.
    rejects
        ``source_line, column, reason`` of rows rejected.
    skipped
        Number of rows that are no calls, by their type.
    tally
        How the telephone numbers of all rows were read.
    """

    records: pl.DataFrame
    rejects: pl.DataFrame
    skipped: dict[str, int]
    tally: Tally


def shape_rows(cells: pl.DataFrame, shaping: Shaping) -> Shaped:
    """Turn split rows into call records and rejects.

    Parameters
    ----------
    cells
        Text columns ``c0``, ``c1``, … and ``source_line``.
    shaping
        What the result depends on.
    """
    import polars as pl

    cells, skipped = select_calls(cells, shaping.layout)
    frame, plain, tally = _read_fields(cells, shaping)
    if plain and _all_plausible(frame, shaping):
        return Shaped(_finish(frame, shaping), _no_rejects(), skipped, tally)
    doubtful = frame.select("source_line", _reason(shaping).alias("reason")).filter(pl.col("reason").is_not_null())
    column = pl.col("reason").replace_strict(_COLUMN_OF, return_dtype=pl.String)
    rejects = doubtful.select("source_line", column.alias("column"), "reason")
    kept = frame.join(rejects, on="source_line", how="anti", maintain_order="left")
    return Shaped(_finish(kept, shaping), rejects, skipped, tally)


_COLUMN_OF = {
    reason: {"caller": "caller_number", "callee": "callee_number", "timestamp": "call_timestamp"}.get(
        reason.split("_")[1] if not reason.startswith("caller_") else "caller", "duration_seconds"
    )
    for reason in REASONS[1:]
}


def _all_plausible(frame: pl.DataFrame, shaping: Shaping) -> bool:
    times, durations = frame["call_timestamp"], frame["duration_seconds"]
    if frame.is_empty() or times.null_count() or durations.null_count():
        return frame.is_empty()
    first, last = bounds_of(frame)
    return shaping.earliest <= first and last <= shaping.latest and cast(int, durations.min()) >= 0


def _no_rejects() -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(schema={"source_line": pl.Int64, "column": pl.String, "reason": pl.String})


def _read_fields(cells: pl.DataFrame, shaping: Shaping) -> tuple[pl.DataFrame, bool, Tally]:
    """Return the fields of all rows, whether both numbers are E.164 in each, and how numbers were read."""
    import polars as pl

    layout = shaping.layout
    times = read_call_times(cells, layout, shaping.zone, shaping.day_first)
    duration, answered = read_talk(cells, layout, times, shaping.zone, shaping.day_first)
    directions = read_directions(cells, layout)
    callers, callees = read_parties(cells, layout, directions)
    caller, caller_kind, tally = shaping.numbers.normalise(callers)
    callee, callee_kind, more = shaping.numbers.normalise(callees)
    tally.add(more)
    frame = pl.DataFrame(
        {
            "source_line": cells["source_line"],
            "call_timestamp": times,
            "duration_seconds": duration,
            "answered": answered,
            "caller_number": caller,
            "callee_number": callee,
        }
    ).with_columns(_kind(caller_kind).alias("caller_kind"), _kind(callee_kind).alias("callee_kind"))
    frame = frame.with_columns(**_faults(cells, frame, layout))
    texts = [tidy(read_field(cells, layout, field)).alias(field) for field in OPTIONAL_TEXT if layout.positions(field)]
    if layout.dialect.served_device and directions is not None:
        texts = [_of_callers(text, directions) if text.name in DEVICE_TEXT else text for text in texts]
    if layout.positions("trunk"):
        texts.append(read_trunks(cells, layout).alias("trunk"))
    if directions is not None:
        texts.append(directions.alias("call_direction"))
    if has_legs(layout) or layout.positions("call_id"):
        texts.append(read_call_ids(cells, layout).alias("call_id"))
    return frame.with_columns(texts), caller_kind is None and callee_kind is None, tally


def _of_callers(text: pl.Series, directions: pl.Series) -> pl.Series:
    """Return what is known of the callers' devices: on inbound rows the device is the callee's."""
    import polars as pl

    own = ~goes(directions, "inbound")
    return pl.DataFrame([text]).select(pl.when(own).then(pl.col(text.name))).to_series()


def _faults(cells: pl.DataFrame, frame: pl.DataFrame, layout: Layout) -> dict[str, pl.Series | pl.Expr]:
    """Return what tells a time or a duration that is missing from one that is wrong; looked for where any is null."""
    import polars as pl

    if not frame["call_timestamp"].null_count() and not frame["duration_seconds"].null_count():
        return {"time_missing": pl.lit(False), "duration_missing": pl.lit(False)}
    length = "duration_seconds" if layout.positions("duration_seconds") else "end_timestamp"
    return {
        "time_missing": find_missing_times(cells, layout),
        "duration_missing": is_missing(read_field(cells, layout, length)),
    }


def _kind(kind: pl.Series | None) -> pl.Expr | pl.Series:
    import polars as pl

    return pl.lit(E164, dtype=pl.Categorical) if kind is None else kind


def _reason(shaping: Shaping) -> pl.Expr:
    import polars as pl

    caller, callee = pl.col("caller_kind"), pl.col("callee_kind")
    time, duration = pl.col("call_timestamp"), pl.col("duration_seconds")
    short = caller == SHORT_CODE if not shaping.layout.dialect.short_callers else pl.lit(False)
    return (
        pl.when(caller == MISSING).then(pl.lit("missing_caller"))
        .when(caller == ROUNDED).then(pl.lit("rounded_caller"))
        .when(~caller.is_in([*CALLERS, SHORT_CODE])).then(pl.lit("invalid_caller"))
        .when(short).then(pl.lit("caller_short_code"))
        .when(callee == MISSING).then(pl.lit("missing_callee"))
        .when(callee == ROUNDED).then(pl.lit("rounded_callee"))
        .when(callee == NOTHING).then(pl.lit("invalid_callee"))
        .when(pl.col("time_missing")).then(pl.lit("missing_timestamp"))
        .when(time.is_null()).then(pl.lit("bad_timestamp"))
        .when(~time.is_between(shaping.earliest, shaping.latest)).then(pl.lit("implausible_timestamp"))
        .when(duration.is_null() & pl.col("duration_missing")).then(pl.lit("missing_duration"))
        .when(duration.is_null()).then(pl.lit("bad_duration"))
        .when(duration < 0).then(pl.lit("negative_duration"))
    )  # fmt: skip


def _finish(frame: pl.DataFrame, shaping: Shaping) -> pl.DataFrame:
    import polars as pl

    from sentinel_batch.schema import CALL_RECORDS, polars_schema

    times = frame["call_timestamp"]
    hours = (to_local(times, shaping.local_zone).to_physical() // _HOUR).cast(pl.Int32)
    days = hours // 24
    shaped = frame.with_columns(
        call_date=times.dt.date(),
        local_date=days.cast(pl.Date),
        local_hour=hours - days * 24,
        iso_weekday=(days + 3) % 7 + 1,
        callee_prefix=pl.col("callee_number").str.head(PREFIX_LENGTH),
        number_type=pl.col("callee_kind"),
    )
    schema = polars_schema(CALL_RECORDS.columns)
    found = dict(zip(shaped.columns, shaped.dtypes, strict=True))
    kept = [name for name in schema if name in found]
    categories = {name for name in kept if isinstance(found[name], pl.Categorical)}
    return shaped.select(pl.col(name) if name in categories else pl.col(name).cast(schema[name]) for name in kept)
