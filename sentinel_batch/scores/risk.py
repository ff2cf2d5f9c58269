"""How risky a number looks over the last 24 hours: a score from 0 to 1, with its parts.

``score = 0.5 min(1, destinations / 50) + 0.3 max(0, 1 - average duration / 3 s) + 0.2 min(1, calls / 100)``.
Weights and levels are fixed, so that a score means the same everywhere; the three scales are configured.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from duckdb import ColumnExpression as Column
from duckdb import ConstantExpression as Constant

from batch_base.plain import unwrap
from sentinel_batch.config import Config
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import Snapshot, find_last_call, read_calls_of
from sentinel_batch.numbers import normalise_number
from sentinel_batch.schema import CALL_RECORDS
from sentinel_batch.window import parse_instant, resolve_period

WINDOW = timedelta(hours=24)

WEIGHTS = {"unique_destinations": 0.5, "short_duration": 0.3, "call_frequency": 0.2}
"""Part of the score to its weight."""

LEVELS = (("critical", 0.8), ("high", 0.6), ("medium", 0.3))
"""Level to the score above which it begins; medium begins at its score, ``low`` lies below."""

NO_CALLS = "none"
"""Level of a number that did not call: its score of 0 says nothing."""

_DIGITS = 6
_EVENT_FIELDS = ("caller_number", "callee_number", "duration_seconds", "timestamp")
_COUNTS = """
caller_number AS number, count(*) AS call_count, count(DISTINCT callee_number) AS unique_destinations,
avg(duration_seconds) AS avg_duration_seconds
"""
_CALL = ("caller_number", "callee_number", "call_timestamp", "duration_seconds")
_FIGURES = {
    "call_count": pl.len().cast(pl.Int64),
    "unique_destinations": pl.col("callee_number").n_unique().cast(pl.Int64),
    "avg_duration_seconds": pl.col("duration_seconds").mean(),
}
_EVENT_HINT = (
    'Give an object such as {"caller_number": "+2348012345678", "callee_number": "+2349087654321", '
    '"duration_seconds": 2, "timestamp": "2026-01-22T14:32:15Z"}.'
)

Pending = Callable[[Collection[str], datetime, datetime], Sequence[Mapping[str, Any]]]
"""Gives the calls of some callers in a period that are not in the lake yet."""


@dataclass(frozen=True)
class Risk:
    """The score of one number.

    Parameters
    ----------
    number
        As normalised.
    since, until
        The 24 hours that were looked at, ``(since, until]``.
    call_count, unique_destinations, avg_duration_seconds
        The number's calls in them; the average is None without any.
    parts
        ``unique_destinations``, ``short_duration`` and ``call_frequency``, each 0 to 1, not yet weighted.
    score
        0 to 1.
    level
        ``low``, ``medium``, ``high`` or ``critical``; :data:`NO_CALLS` for a number that did not call.
    last_call_at
        Its latest call in the lake, where it did not call in the 24 hours; None if it never did.
    event_id
        Of a scored event; None for a number.
    """

    number: str
    since: datetime
    until: datetime
    call_count: int
    unique_destinations: int
    avg_duration_seconds: float | None
    parts: Mapping[str, float]
    score: float
    level: str
    event_id: str | None = None
    last_call_at: datetime | None = None

    @property
    def weights(self) -> Mapping[str, float]:
        """The weight of each part."""
        return WEIGHTS


def assess_risk(
    number: str, *, at: str | datetime | None = None, lake: DeskLike = None, config: ConfigLike = None
) -> Risk:
    """Score a number over the 24 hours that end at an instant.

    Parameters
    ----------
    number
        In any notation; national numbers are read in the configured region.
    at
        The instant; None is the newest call of the lake.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Raises
    ------
    UsageError
        If ``number`` is none, or ``at`` cannot be read.
    """
    desk = open_desk(lake, config).snapshot()
    normal = _normalise(number, desk.config, "number")
    since, until = _window(desk.tables, at)
    found = _risk(since, until, _count_of(desk.tables, normal, since, until), desk.config)
    if found.call_count:
        return found
    return replace(found, level=NO_CALLS, last_call_at=find_last_call(desk.tables, normal, until))


def assess_event(event: str | Mapping[str, Any], *, lake: DeskLike = None, config: ConfigLike = None) -> Risk:
    """Score the caller of a call that is not yet in the lake, the call included.

    Parameters
    ----------
    event
        An object (or its JSON text) with ``caller_number``, ``callee_number``, ``duration_seconds`` and ``timestamp``;
        other fields are ignored. A call that the lake already holds counts once.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Raises
    ------
    UsageError
        If the event cannot be read.
    """
    [found] = assess_events([event], lake=lake, config=config)
    return found


def assess_events(
    events: Sequence[str | Mapping[str, Any]],
    *,
    pending: Pending | None = None,
    lake: DeskLike = None,
    config: ConfigLike = None,
) -> list[Risk]:
    """Score the callers of several calls that are not yet in the lake, each over the 24 hours that end with its call.

    One look at the lake answers all of them, so many cost little more than one.

    Parameters
    ----------
    events
        Objects (or their JSON texts) with ``caller_number``, ``callee_number``, ``duration_seconds`` and ``timestamp``.
        Each counts for the others of its caller, too, if it lies in their 24 hours.
    pending
        Returns further calls of some callers in ``(since, until]`` that the lake may not hold yet, with the fields of
        :func:`read_event`. A call that stands in several places counts once.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Raises
    ------
    UsageError
        If an event cannot be read.
    """
    desk = open_desk(lake, config).snapshot()
    calls = [read_event(event, desk.config) for event in events]
    if not calls:
        return []
    periods = [resolve_period(None, call["timestamp"], None, WINDOW) for call in calls]
    since, until = min(period.since for period in periods), max(period.until for period in periods)
    callers = sorted({call["caller_number"] for call in calls})
    further = _frame_calls([*calls, *(pending(callers, since, until) if pending is not None else ())])
    known = read_calls_of(desk.tables, callers, since, until, _CALL)
    # One of the further calls may have been loaded meanwhile; then it must not count twice.
    others = known.join(further, on=["caller_number", "callee_number", "call_timestamp"], how="anti")
    every = pl.concat([others.select(_CALL), further], how="vertical_relaxed")
    bounds = [(p.since, p.until) for p in periods]
    scored = score_counts(_count_each(calls, bounds, every), desk.config).rows(named=True)
    return [_read_row(row, *bound, _name_event(call)) for row, bound, call in zip(scored, bounds, calls, strict=True)]


def rank_risks(*, at: str | datetime | None = None, lake: DeskLike = None, config: ConfigLike = None) -> pl.DataFrame:
    """Score every number that called within the 24 hours that end at an instant, the highest score first.

    The score is a fixed formula that knows neither rules nor boxes, and many callers share one; of equals, those with
    more destinations, then more calls, then shorter calls come first. Suspicion is ranked by
    :func:`sentinel_batch.scores.list_suspects`.

    Parameters
    ----------
    at
        The instant; None is the newest call of the lake.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    pl.DataFrame
        ``number``, ``score``, ``level``, the three parts, ``call_count``, ``unique_destinations``,
        ``avg_duration_seconds``, ``since`` and ``until``.
    """
    desk = open_desk(lake, config).snapshot()
    since, until = _window(desk.tables, at)
    scored = score_counts(_count_all(desk.tables, since, until), desk.config)
    columns = ["number", "score", "level", *(f"{part}_part" for part in WEIGHTS), *_COUNTED]
    bounded = scored.select(columns).with_columns(since=pl.lit(since), until=pl.lit(until))
    return bounded.sort(
        "score", "unique_destinations", "call_count", "avg_duration_seconds", "number",
        descending=[True, True, True, False, False],
    )  # fmt: skip


_COUNTED = ("call_count", "unique_destinations", "avg_duration_seconds")


def score_counts(counted: pl.DataFrame, config: Config) -> pl.DataFrame:
    """Add parts, score and level to callers' counts.

    Parameters
    ----------
    counted
        ``call_count``, ``unique_destinations`` and ``avg_duration_seconds``.
    config
        Gives the scales.
    """
    parts = {
        "unique_destinations": pl.col("unique_destinations") / config.risk_destinations,
        "short_duration": 1 - pl.col("avg_duration_seconds") / config.risk_duration,
        "call_frequency": pl.col("call_count") / config.risk_calls,
    }
    clipped = {f"{name}_part": part.clip(0, 1).fill_null(0.0) for name, part in parts.items()}
    # Rounded, so that a sum lands on the edge of a level and not a hair beside it.
    score = pl.sum_horizontal(pl.col(f"{name}_part") * weight for name, weight in WEIGHTS.items()).round(_DIGITS)
    level = pl.lit("low")
    for name, above in reversed(LEVELS):
        # Levels are published as: below 0.3 low, up to 0.6 medium, up to 0.8 high. So only medium includes its lower
        # edge.
        reached = pl.col("score") >= above if name == "medium" else pl.col("score") > above
        level = pl.when(reached).then(pl.lit(name)).otherwise(level)
    return counted.with_columns(**clipped).with_columns(score=score).with_columns(level=level)


def rate_figures(
    number: str, until: datetime, call_count: int, unique_destinations: int, total_seconds: float, config: Config
) -> Risk:
    """Return the risk of one caller whose calls were counted already; :func:`score_counts` is the same for many.

    Parameters
    ----------
    number
        As normalised.
    until
        End of the 24 hours (UTC).
    call_count, unique_destinations, total_seconds
        What is in them; at least one call.
    config
        Gives the scales.
    """
    average = total_seconds / call_count
    parts = {
        "unique_destinations": min(1.0, unique_destinations / config.risk_destinations),
        "short_duration": min(1.0, max(0.0, 1 - average / config.risk_duration)),
        "call_frequency": min(1.0, call_count / config.risk_calls),
    }
    scale = 10**_DIGITS
    score = round(sum(part * WEIGHTS[name] for name, part in parts.items()) * scale) / scale
    level = next((name for name, above in LEVELS if score > above or (name == "medium" and score == above)), "low")
    figures = (call_count, unique_destinations, average)
    return Risk(number, until - WINDOW, until, *figures, parts=parts, score=score, level=level)


def read_event(event: str | Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Check a call event, normalise its numbers and read its time.

    Raises
    ------
    UsageError
        If it is not an object, or a field is missing or not allowed.
    """
    fields = _parse(event) if isinstance(event, str) else event
    missing = [name for name in _EVENT_FIELDS if fields.get(name) is None]
    if missing:
        raise _wrong(f"The event has no {', '.join(missing)}.")
    numbers = {name: _normalise(fields[name], config, name) for name in ("caller_number", "callee_number")}
    duration = unwrap(fields["duration_seconds"])
    if isinstance(duration, bool) or not isinstance(duration, int | float) or not 0 <= duration < 10**9:
        raise _wrong(f"duration_seconds = {duration!r} is not allowed; expected a number of seconds, 0 or more.")
    moment = fields["timestamp"]
    text = moment if isinstance(moment, str) else moment.isoformat() if isinstance(moment, datetime) else repr(moment)
    at = parse_instant(text, name="timestamp")
    return {**numbers, "duration_seconds": duration, "timestamp": at}


def _parse(text: str) -> Mapping[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"The event is not valid JSON: {error}.") from error
    if not isinstance(fields, dict):
        raise _wrong(f"The event is a {type(fields).__name__}, not an object.")
    return fields


def _wrong(message: str) -> UsageError:
    return UsageError(message, hint=_EVENT_HINT)


def _normalise(number: object, config: Config, name: str) -> str:
    normal = normalise_number(number, config.region)[0] if isinstance(number, str) else None
    if normal is None:
        raise UsageError(
            f"{name} = {number!r} is not a number.", hint="Give it as +2348012345678, or as it is dialled.", name=name
        )
    return normal


def _window(tables: Snapshot, at: str | datetime | None) -> tuple[datetime, datetime]:
    period = resolve_period(None, at, tables.newest_call, WINDOW)
    return period.since, period.until


def _count_all(tables: Snapshot, since: datetime, until: datetime) -> pl.DataFrame:
    """Count calls, callees and seconds of every caller in ``(since, until]``."""
    time = Column("call_timestamp")
    with tables.query(CALL_RECORDS.name, since, until) as stored:
        calls = stored.filter((time > Constant(since)) & (time <= Constant(until)))
        counted: pl.DataFrame = calls.aggregate(_COUNTS, "caller_number").pl()
    return counted


def _count_of(tables: Snapshot, number: str, since: datetime, until: datetime) -> pl.DataFrame:
    """Count calls, callees and seconds of one caller in ``(since, until]``."""
    calls = read_calls_of(tables, [number], since, until, _CALL[1:])
    return calls.select(number=pl.lit(number), **_FIGURES)


def _count_each(
    events: Sequence[Mapping[str, Any]], bounds: Sequence[tuple[datetime, datetime]], calls: pl.DataFrame
) -> pl.DataFrame:
    """Count for each event, in its place, the calls, callees and seconds of its caller between its bounds."""
    moment = pl.Datetime("us", "UTC")
    asked = pl.DataFrame(
        {
            "place": range(len(events)),
            "caller_number": [event["caller_number"] for event in events],
            "since": pl.Series([since for since, _ in bounds], dtype=moment),
            "until": pl.Series([until for _, until in bounds], dtype=moment),
        }
    )
    inside = asked.join(calls, on="caller_number").filter(
        pl.col("call_timestamp") > pl.col("since"), pl.col("call_timestamp") <= pl.col("until")
    )
    return inside.group_by("place").agg(number=pl.col("caller_number").first(), **_FIGURES).sort("place")


def _frame_calls(calls: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return read events as call records, each once."""
    columns = {
        "caller_number": [call["caller_number"] for call in calls],
        "callee_number": [call["callee_number"] for call in calls],
        "call_timestamp": pl.Series([call["timestamp"] for call in calls], dtype=pl.Datetime("us", "UTC")),
        "duration_seconds": [float(call["duration_seconds"]) for call in calls],
    }
    return pl.DataFrame(columns).unique(_CALL[:3], keep="first", maintain_order=True)


def _risk(since: datetime, until: datetime, counted: pl.DataFrame, config: Config) -> Risk:
    return _read_row(score_counts(counted, config).row(0, named=True), since, until)


def _read_row(row: Mapping[str, Any], since: datetime, until: datetime, event_id: str | None = None) -> Risk:
    parts = {name: row[f"{name}_part"] for name in WEIGHTS}
    figures = {name: row[name] for name in _COUNTED}
    score = {"parts": parts, "score": row["score"], "level": row["level"]}
    return Risk(row["number"], since, until, **figures, **score, event_id=event_id)


def _name_event(call: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(call, sort_keys=True, default=str).encode()).hexdigest()
    return f"evt_{digest[:12]}"
