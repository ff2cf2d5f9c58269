"""Text columns to call records: typed, normalised, validated, with a reason for every row that cannot be kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.values.cells import is_missing, is_missing_cell, map_distinct, tidy
from sentinel_batch.ingestion.values.durations import MISSED, read_durations
from sentinel_batch.ingestion.values.timestamps import bounds_of, read_date_times, read_times
from sentinel_batch.ingestion.values.zones import to_local
from sentinel_batch.numbers import (
    ALPHANUMERIC,
    ANONYMOUS,
    E164,
    MISSING,
    NOTHING,
    SHORT_CODE,
    UNKNOWN,
    NumberBook,
)

if TYPE_CHECKING:
    import polars as pl

PREFIX_LENGTH = 7
"""``callee_prefix`` is the first seven characters: ``+``, country code and operator (+234803)."""

STAMPED = ("source_file", "ingest_id", "processed_at")
"""Columns that are the same in all rows of a file, written last."""

_HOUR = 3_600_000_000
OPTIONAL_TEXT = ("termination_cause", "location_code", "imei", "imsi", "trunk")

REASONS = (
    "ragged_row",
    "missing_caller",
    "invalid_caller",
    "caller_short_code",
    "missing_callee",
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
    """Rows kept, as ``call_records`` without :data:`STAMPED`, and ``source_line, column, reason`` of rows rejected."""

    records: pl.DataFrame
    rejects: pl.DataFrame


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

    frame, plain = _read_fields(cells, shaping)
    if plain and _all_plausible(frame, shaping):
        return Shaped(_finish(frame, shaping), _no_rejects())
    doubtful = frame.select("source_line", _reason(shaping).alias("reason")).filter(pl.col("reason").is_not_null())
    column = pl.col("reason").replace_strict(_COLUMN_OF, return_dtype=pl.String)
    rejects = doubtful.select("source_line", column.alias("column"), "reason")
    kept = frame.join(rejects, on="source_line", how="anti", maintain_order="left")
    return Shaped(_finish(kept, shaping), rejects)


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


def _read_fields(cells: pl.DataFrame, shaping: Shaping) -> tuple[pl.DataFrame, bool]:
    """Return the fields of all rows, and whether both numbers are E.164 in each."""
    import polars as pl

    layout, dialect = shaping.layout, shaping.layout.dialect
    times = _times(cells, shaping)
    duration = read_durations(_field(cells, layout, "duration_seconds"))
    said = _said_answered(cells, layout)
    answered = (duration > 0).fill_null(False) if said is None else said & (duration != MISSED).fill_null(True)
    quiet = duration == MISSED if said is None else ~answered & (duration.fill_null(0) >= MISSED)
    if quiet.any():
        duration = duration.zip_with(~quiet.fill_null(False), pl.zeros(len(duration), pl.Int64, eager=True))
    caller, caller_kind = shaping.numbers.normalise(_field(cells, layout, "caller_number"))
    callee, callee_kind = shaping.numbers.normalise(_field(cells, layout, "callee_number"))
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
    faulty = (times.is_null() | frame["duration_seconds"].is_null()).any()
    if faulty:
        frame = frame.with_columns(
            time_missing=_time_missing(cells, layout),
            duration_missing=is_missing(_field(cells, layout, "duration_seconds")),
        )
    else:
        frame = frame.with_columns(time_missing=pl.lit(False), duration_missing=pl.lit(False))
    texts = [tidy(_field(cells, layout, field)).alias(field) for field in OPTIONAL_TEXT if layout.positions(field)]
    if layout.positions("call_direction"):
        direction = _field(cells, layout, "call_direction")
        texts.append(map_distinct(direction, lambda text: _direction(text, dialect.directions)).alias("call_direction"))
    if has_legs(layout) or layout.positions("call_id"):
        texts.append(_call_id(cells, layout).alias("call_id"))
    return frame.with_columns(texts), caller_kind is None and callee_kind is None


def _kind(kind: pl.Series | None) -> pl.Expr | pl.Series:
    import polars as pl

    return pl.lit(E164, dtype=pl.Categorical) if kind is None else kind


def _field(cells: pl.DataFrame, layout: Layout, field: str) -> pl.Series:
    import polars as pl

    places = layout.positions(field)
    if not places:
        return pl.Series(field, [None], dtype=pl.String).new_from_index(0, cells.height)
    first = cells[f"c{places[0]}"].alias(field)
    if len(places) == 1:
        return first
    columns = [tidy(cells[f"c{place}"]).alias(str(place)) for place in places]
    return pl.DataFrame(columns).select(pl.coalesce(pl.all()).alias(field))[field]


def _has_two_parts(layout: Layout) -> bool:
    return not layout.positions("call_timestamp")


def _times(cells: pl.DataFrame, shaping: Shaping) -> pl.Series:
    import polars as pl

    layout = shaping.layout
    if not _has_two_parts(layout):
        return read_times(_field(cells, layout, "call_timestamp"), shaping.zone, shaping.day_first)
    dates, clocks = _field(cells, layout, "call_date"), _field(cells, layout, "call_time")
    times = read_date_times(dates, clocks, shaping.zone)
    if not times.null_count():
        return times
    joined = pl.concat_str(pl.all(), separator=" ", ignore_nulls=True).alias("call_timestamp")
    return read_times(pl.DataFrame([dates, clocks]).select(joined).to_series(), shaping.zone, shaping.day_first)


def _time_missing(cells: pl.DataFrame, layout: Layout) -> pl.Series:
    fields = ["call_date", "call_time"] if _has_two_parts(layout) else ["call_timestamp"]
    missing = [is_missing(_field(cells, layout, field)) for field in fields]
    return missing[0] if len(missing) == 1 else missing[0] | missing[1]


def _direction(typed: str, directions: object) -> str | None:
    if is_missing_cell(typed):
        return None
    text = typed.strip().strip("'").lower()
    return directions.get(text, text) if isinstance(directions, dict) else text


def _said_answered(cells: pl.DataFrame, layout: Layout) -> pl.Series | None:
    import polars as pl

    dialect = layout.dialect
    place = layout.place(dialect.answered_column) if dialect.answered_column else None
    if place is not None:
        wanted = dialect.answered_values
        text = map_distinct(cells[f"c{place}"], lambda cell: "1" if cell.strip().strip("'").lower() in wanted else "0")
        return (text == "1").fill_null(False)
    said = None
    for name in dialect.answered_positive:
        if (place := layout.place(name)) is not None:
            positive = (cells[f"c{place}"].cast(pl.Float64, strict=False) > 0).fill_null(False)
            said = positive if said is None else said | positive
    for name in dialect.answered_present:
        if (place := layout.place(name)) is not None:
            present = ~is_missing(cells[f"c{place}"])
            said = present if said is None else said | present
    return said


def _call_id(cells: pl.DataFrame, layout: Layout) -> pl.Series:
    import polars as pl

    dialect = layout.dialect
    if not has_legs(layout):
        return tidy(_field(cells, layout, "call_id"))
    places = [layout.columns.index(name) for name in dialect.leg_columns or dialect.leg_pair]
    ids = pl.DataFrame([tidy(cells[f"c{place}"]).alias(str(place)) for place in places])
    joined = pl.min_horizontal(pl.all()) if dialect.leg_pair else pl.concat_str(pl.all(), separator="-")
    return ids.select(joined.alias("call_id"))["call_id"]


def has_legs(layout: Layout) -> bool:
    """Tell whether the file has the columns that say which call a row belongs to."""
    names = layout.dialect.leg_columns or layout.dialect.leg_pair
    return bool(names) and all(layout.place(name) is not None for name in names)


def _reason(shaping: Shaping) -> pl.Expr:
    import polars as pl

    caller, callee = pl.col("caller_kind"), pl.col("callee_kind")
    time, duration = pl.col("call_timestamp"), pl.col("duration_seconds")
    short = caller == SHORT_CODE if not shaping.layout.dialect.short_callers else pl.lit(False)
    return (
        pl.when(caller == MISSING).then(pl.lit("missing_caller"))
        .when(caller.is_in([ANONYMOUS, ALPHANUMERIC, UNKNOWN, NOTHING])).then(pl.lit("invalid_caller"))
        .when(short).then(pl.lit("caller_short_code"))
        .when(callee == MISSING).then(pl.lit("missing_callee"))
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
