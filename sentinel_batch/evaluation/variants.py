"""Views of a simulated lake as other operators have it: columns or calls missing, other numbers, other days."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import polars as pl

from batch_base.files import replaced_file
from sentinel_batch.desk import Desk
from sentinel_batch.errors import UsageError
from sentinel_batch.learning.history import list_days
from sentinel_batch.numbers import code_of_region
from sentinel_batch.schema import CALL_RECORDS
from sentinel_batch.simulation.population import PopulationTruth, read_truth
from sentinel_batch.simulation.population.truth import CELLS_FILE, PLAN_FILE, SEGMENTS_FILE, TRUTH_FILE
from sentinel_batch.simulation.writing import SimulatedDay, is_written, split_dates, write_day

FULL = "full"
"""The lake as it was simulated."""

SHORT_DAYS = 3
OPERATOR_SHARE = 0.5
"""Share of the honest numbers that are customers of the one operator; all fraudsters are."""

OTHER_COUNTRY = "BJ"
_OTHER_PREFIXES = ("0161", "0162", "0166", "0167", "0169", "0190", "0191", "0195", "0196", "0197")
_OTHER_DIGITS = 6
_KEPT_GAP = 100
_PREFIX_LENGTH = 7
_CLOSED_SHARE = 0.85
_HOLIDAY_CALLS = 0.6
_BUCKETS = 1_000


@dataclass(frozen=True)
class Source:
    """A simulated lake that is looked at.

    Parameters
    ----------
    desk
        A snapshot of it.
    """

    desk: Desk

    @cached_property
    def dates(self) -> list[dt.date]:
        """Local days with calls, oldest first."""
        return list(list_days(self.desk)["local_date"].to_list())

    @cached_property
    def truth(self) -> PopulationTruth:
        """The truth about it."""
        return read_truth(lake=self.desk)

    @cached_property
    def fraudsters(self) -> pl.Series:
        """Numbers that commit fraud."""
        return self.truth.fraud()["number"]

    @cached_property
    def tradespeople(self) -> pl.Series:
        """Honest numbers that call for a living."""
        return self.truth.numbers.filter(pl.col("role") == "hard_negative")["number"]

    @cached_property
    def renumbered(self) -> pl.DataFrame:
        """``number, other``: each domestic number, and what it is in the other country."""
        calls = self.desk.tables.scan(CALL_RECORDS.name)
        code = f"+{code_of_region(self.desk.config.region)}"
        known = pl.concat([calls.select(number=name) for name in ("caller_number", "callee_number")]).unique().collect()
        own = known.filter(pl.col("number").str.starts_with(code))["number"].sort()
        return pl.DataFrame({"number": own, "other": _renumber(own)})

    def calls(self, day: dt.date) -> pl.DataFrame:
        """Return the calls of a local day, by time."""
        rows = self.desk.tables.scan(CALL_RECORDS.name).filter(pl.col("local_date") == day)
        return rows.collect().sort("call_timestamp", "caller_number", "callee_number")


@dataclass(frozen=True)
class Variant:
    """A view of a lake.

    Parameters
    ----------
    words
        What is different.
    change
        Returns the calls of a local day as the view has them.
    days
        Only so many days, the last ones; None is all.
    region
        Country of the numbers, where it is another one.
    share
        Share of the subscribers whose calls are seen.
    """

    words: str
    change: Callable[[Source, dt.date], pl.DataFrame]
    days: int | None = None
    region: str | None = None
    share: float = 1.0


def _without(*columns: str) -> Callable[[Source, dt.date], pl.DataFrame]:
    def change(source: Source, day: dt.date) -> pl.DataFrame:
        return source.calls(day).with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in columns)

    return change


def _see_one_operator(source: Source, day: dt.date) -> pl.DataFrame:
    own = _draw("caller_number") < OPERATOR_SHARE
    return source.calls(day).filter(own | pl.col("caller_number").is_in(source.fraudsters.implode()))


def _halve(source: Source, day: dt.date) -> pl.DataFrame:
    return source.calls(day).filter(_draw("caller_number", "callee_number", "call_timestamp") < 0.5)


def _renumber_calls(source: Source, day: dt.date) -> pl.DataFrame:
    calls = source.calls(day)
    for name in ("caller_number", "callee_number"):
        table = source.renumbered.rename({"number": name})
        joined = calls.join(table, on=name, how="left", maintain_order="left")
        # Numbers of the other country, seen as foreign until now, would pass for its own.
        kept = pl.col(name).cast(pl.String).str.replace(f"^\\+{code_of_region(OTHER_COUNTRY)}", "+228")
        calls = joined.with_columns(pl.coalesce("other", kept).alias(name)).drop("other")
    return calls.with_columns(callee_prefix=pl.col("callee_number").str.slice(0, _PREFIX_LENGTH))


def _keep_holiday(source: Source, day: dt.date) -> pl.DataFrame:
    """On two days amid the period trades rest, and people call more: calls of the day before take place once more."""
    calls, holidays = source.calls(day), source.dates[len(source.dates) // 2 :][:2]
    if day not in holidays:
        return calls
    closed = pl.col("caller_number").is_in(source.tradespeople.implode()) & (_draw("call_timestamp") < _CLOSED_SHARE)
    aside = pl.concat([source.tradespeople, source.fraudsters]).implode()
    before = source.calls(source.dates[source.dates.index(day) - 1])
    more = before.filter(
        ~pl.col("caller_number").is_in(aside), _draw("caller_number", "call_timestamp") < _HOLIDAY_CALLS
    ).with_columns(
        pl.col("call_timestamp").dt.offset_by("1d"),
        local_date=pl.lit(day),
        iso_weekday=pl.lit(day.isoweekday(), dtype=pl.Int8),
    )
    joined = pl.concat([calls.filter(~closed), more.select(calls.columns).cast(calls.schema)])
    return joined.unique(["call_timestamp", "caller_number", "callee_number"], maintain_order=True, keep="first").sort(
        "call_timestamp", "caller_number", "callee_number"
    )


VARIANTS = MappingProxyType(
    {
        FULL: Variant("as simulated", lambda source, day: source.calls(day)),
        "no_imei": Variant("no IMEI", _without("imei")),
        "no_cells": Variant("no cells", _without("location_code")),
        "no_imei_no_cells": Variant("neither IMEI nor cells", _without("imei", "location_code")),
        "one_operator": Variant(
            "only the calls that one operator's customers make", _see_one_operator, share=OPERATOR_SHARE
        ),
        "other_country": Variant("numbers of Benin", _renumber_calls, region=OTHER_COUNTRY),
        "short_history": Variant(f"{SHORT_DAYS} days", lambda source, day: source.calls(day), days=SHORT_DAYS),
        "half_volume": Variant("every second call is missing", _halve),
        "holiday": Variant("two days on which trades rest and people call more", _keep_holiday),
    }
)
"""View by name."""


def check_variants(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names, or raise :class:`UsageError` if one is no variant or occurs twice."""
    unknown = [name for name in names if name not in VARIANTS]
    if unknown or len(set(names)) < len(names):
        raise UsageError(
            f"There are no variants {', '.join(map(repr, unknown))}." if unknown else f"{names} names one twice.",
            hint=f"Allowed: {', '.join(VARIANTS)}.",
            value=unknown or list(names),
        )
    return names


def write_variant(source: Source, name: str, target: Desk) -> None:
    """Write a view of a simulated lake as a lake of its own, with its truth; what an earlier run wrote stays.

    Parameters
    ----------
    source
        The simulated lake.
    name
        One of :data:`VARIANTS`.
    target
        Where to.
    """
    variant, desk = VARIANTS[name], target
    desk.create_lake()
    for day in source.dates[-variant.days :] if variant.days else source.dates:
        facts = json.dumps([source.truth.plan, name, day.isoformat()], sort_keys=True)
        named = SimulatedDay(
            day, hashlib.sha256(facts.encode()).hexdigest()[:16], desk.config.timezone, desk.config.region
        )
        if not is_written(desk, named):
            calls = variant.change(source, day).with_columns(source_line=pl.int_range(2, pl.len() + 2))
            write_day(desk, named, split_dates(calls), f"variant {name}")
    _write_truth(source, name, desk)


def _write_truth(source: Source, name: str, desk: Desk) -> None:
    """Write the truth of a view, with fraud as from when it is first seen in it; ``truth.parquet`` comes last."""
    folder = desk.lake.path / source.truth.folder.name
    folder.mkdir(exist_ok=True)
    numbers = source.truth.numbers
    if VARIANTS[name].region is not None:
        joined = numbers.join(source.renumbered, on="number", how="left", maintain_order="left")
        numbers = joined.with_columns(number=pl.coalesce("other", "number")).drop("other")
    made = desk.snapshot().tables.scan(CALL_RECORDS.name).group_by(number=pl.col("caller_number").cast(pl.String))
    seen = made.agg(seen=pl.col("call_timestamp").min(), seen_calls=pl.len()).collect()
    begun = pl.max_horizontal("fraud_start", "seen")
    known = pl.col("fraud_start").is_not_null() & pl.col("seen").is_not_null()
    shown = numbers.join(seen, on="number", how="left", maintain_order="left").with_columns(
        fraud_start=pl.when(known & (pl.col("fraud_end").is_null() | (pl.col("fraud_end") >= begun))).then(begun),
        calls=pl.col("seen_calls").fill_null(0).cast(numbers.schema["calls"]),
    )
    kept = shown.select(numbers.columns)
    for file in (CELLS_FILE, SEGMENTS_FILE):
        (folder / file).write_bytes((source.truth.folder / file).read_bytes())
    plan = {**source.truth.plan, "variant": name, "zone": desk.config.timezone, "region": desk.config.region}
    (folder / PLAN_FILE).write_text(json.dumps(plan, indent=2) + "\n", encoding="utf-8")
    with replaced_file(folder / TRUTH_FILE) as fresh:
        kept.write_parquet(fresh)


def open_variant(source: Source, name: str, folder: Path) -> Desk:
    """Return the desk of a view below ``folder``, with the settings that it asks for."""
    config = replace(source.desk.config, lake=folder / "lake")
    region = VARIANTS[name].region
    return Desk(config if region is None else replace(config, region=region))


def _draw(*columns: str) -> pl.Expr:
    """Return a draw from 0 to 1 for each row that depends on its columns only, the same everywhere."""
    return pl.concat_str([pl.col(name).cast(pl.String) for name in columns], separator=" ").map_batches(
        _draw_each, return_dtype=pl.Float64
    )


def _draw_each(texts: pl.Series) -> pl.Series:
    # Polars' own hash differs between versions; CRC-32 of the text does not.
    distinct = texts.unique()
    drawn = pl.Series([zlib.crc32(text.encode()) % _BUCKETS / _BUCKETS for text in distinct], dtype=pl.Float64)
    return texts.replace_strict(distinct, drawn)


def _renumber(numbers: pl.Series) -> pl.Series:
    """Map sorted numbers one-to-one to the other country's; close neighbours stay as close as they are."""
    digits = numbers.str.slice(1).cast(pl.Int64)
    gaps = digits.diff().fill_null(1)
    room = len(_OTHER_PREFIXES) * 10**_OTHER_DIGITS
    close = gaps.filter(gaps <= _KEPT_GAP).sum()
    apart = (gaps > _KEPT_GAP).sum()
    spread = max(1, (room - 1 - close) // max(apart, 1))
    wide = pl.Series([min(spread, _KEPT_GAP * 10)] * len(gaps), dtype=pl.Int64)
    places = pl.select(pl.when(gaps <= _KEPT_GAP).then(gaps).otherwise(wide)).to_series().cum_sum()
    span = 10**_OTHER_DIGITS
    prefixes = pl.Series(_OTHER_PREFIXES).gather((places // span) % len(_OTHER_PREFIXES))
    tail = (places % span).cast(pl.String).str.zfill(_OTHER_DIGITS)
    return pl.select(pl.concat_str(pl.lit(f"+{code_of_region(OTHER_COUNTRY)}"), prefixes, tail)).to_series()
