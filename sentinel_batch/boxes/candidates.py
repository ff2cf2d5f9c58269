"""Candidates: callers with many callees that never called back, and what is known of them in the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from scipy import sparse

from sentinel_batch.profiles.grouping import IntArray, RealArray

PLACEHOLDERS = ("01234567891234", "12345678901234", "35000000000000", "86000000000000")
"""First 14 digits of IMEIs that are no handset."""

SUMS = ("callees", "one_way_callees", "calls", "completed", "minutes", "incoming_calls", "active_days")
"""What is added up of each candidate."""

_TAC_DIGITS = 8
_HANDSET_DIGITS = 14


@dataclass(frozen=True)
class Candidates:
    """Heavy one-way callers of a window, in order of their numbers; matrices have a row for each.

    Parameters
    ----------
    figures
        ``number, callees, one_way_callees, calls, completed, minutes, incoming_calls, first_day, last_day``; calls
        from and to other candidates are left out, but of ``calls``.
    digits
        The numbers as integers, -1 where they are no E.164 number.
    callees
        Called and never called back, candidates left out.
    mutual
        Calls to other candidates.
    cells, handsets, models
        Calls by cell, by handset (14 digits of the IMEI) and by model of handset (TAC, 8 digits).
    hours
        Candidates × 24.
    weekdays
        Candidates × 7, Monday first.
    sums
        Candidates × :data:`SUMS`.
    first, last
        Days of the window with the first and the last call, from 0.
    days
        The window's days, oldest first.
    """

    figures: pl.DataFrame
    digits: IntArray
    callees: sparse.csr_array
    mutual: sparse.csr_array
    cells: sparse.csr_array
    handsets: sparse.csr_array
    models: sparse.csr_array
    hours: RealArray
    weekdays: RealArray
    sums: RealArray
    first: IntArray
    last: IntArray
    days: Sequence[date]

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self.digits)

    def merge(self, groups: Sequence[Sequence[int]]) -> Candidates:
        """Return groups of candidates as if each were one: callees united, calls added up, the middle of the numbers.

        Parameters
        ----------
        groups
            Positions of the members of each; together all candidates.
        """
        rows = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        members = np.array([member for group in groups for member in group], dtype=np.int64)
        taken = sparse.csr_array((np.ones(len(members)), (rows, members)), shape=(len(groups), len(self)))
        callees = (taken @ self.callees).tocsr()
        callees.data[:] = 1.0
        return replace(
            self,
            digits=np.array([np.sort(self.digits[list(group)])[(len(group) - 1) // 2] for group in groups]),
            callees=callees,
            mutual=(taken @ self.mutual @ taken.T).tocsr(),
            cells=(taken @ self.cells).tocsr(),
            handsets=(taken @ self.handsets).tocsr(),
            models=(taken @ self.models).tocsr(),
            hours=taken @ self.hours,
            weekdays=taken @ self.weekdays,
            sums=taken @ self.sums,
            first=np.array([self.first[list(group)].min() for group in groups]),
            last=np.array([self.last[list(group)].max() for group in groups]),
        )

    @property
    def manner(self) -> RealArray:
        """Candidates × figures: shares of callees that never called back and of calls that were answered, calls
        received and repeated for one made, minutes of an answered call, calls on an active day."""
        callees, one_way, calls, completed, minutes, incoming, days = self.sums.T
        figures = (one_way / callees, completed / calls, incoming / calls, callees / calls)
        return np.column_stack([*figures, minutes / np.maximum(completed, 1.0), calls / days])

    @property
    def numbers(self) -> list[str]:
        """The candidates' numbers."""
        return self.figures["number"].to_list()


def choose_candidates(traces: pl.DataFrame, days: Sequence[date], *, callees: int, share: float) -> Candidates:
    """Return the candidates of a window.

    A candidate has at least so many callees that never called it, other candidates left out: calls between suspects
    speak neither for nor against them.

    Parameters
    ----------
    traces
        Rows of table ``box_traces``, of the window.
    days
        The local days of the window.
    callees
        Fewest one-way callees.
    share
        Least share of them among the callees.
    """
    made = _sum(traces, "callee", "callee")
    received = _sum(traces, "caller", "caller")
    suspects = _count_one_way(made, received).filter(pl.col("one_way_callees") >= callees).select("number")
    outside = made.join(suspects, left_on="callee", right_on="number", how="anti")
    chosen = _count_one_way(outside, received).filter(
        pl.col("one_way_callees") >= callees, pl.col("one_way_callees") >= share * pl.col("callees")
    )
    chosen = chosen.sort("number")
    numbers = chosen.select("number", row=pl.int_range(pl.len()))
    from_outside = received.join(suspects, left_on="caller", right_on="number", how="anti")
    figures = _measure(chosen, traces, outside, from_outside)
    spans = _spans(chosen, traces, days)
    one_way = outside.join(received, left_on=["number", "callee"], right_on=["number", "caller"], how="anti")
    handsets = read_handsets(traces)
    models = handsets.with_columns(pl.col("value").str.slice(0, _TAC_DIGITS))
    among = made.join(numbers.select(callee="number", column="row"), on="callee").join(numbers, on="number")
    size = numbers.height
    return Candidates(
        figures.with_columns(
            first_day=pl.Series([days[n] for n in spans[0]], dtype=pl.Date),
            last_day=pl.Series([days[n] for n in spans[1]], dtype=pl.Date),
        ),
        _read_digits(numbers),
        _matrix(numbers, one_way.select("number", value="callee", calls=pl.lit(1.0))),
        sparse.csr_array(
            (among["calls"].to_numpy().astype(float), (among["row"], among["column"])), shape=(size, size)
        ),
        _matrix(numbers, _values(traces, "cell")),
        _matrix(numbers, handsets),
        _matrix(numbers, models),
        _count_by(numbers, traces, pl.col("value").cast(pl.Int64), 24),
        _count_by(numbers, traces, pl.col("local_date").dt.weekday().cast(pl.Int64) - 1, 7),
        figures.select(SUMS).to_numpy().astype(np.float64),
        *spans,
        days,
    )


def _sum(traces: pl.DataFrame, kind: str, name: str) -> pl.DataFrame:
    rows = traces.filter(pl.col("kind") == kind)
    sums = (pl.col("calls", "completed", "minutes").sum(),)
    return rows.group_by("number", pl.col("value").alias(name)).agg(*sums)


def _values(traces: pl.DataFrame, kind: str) -> pl.DataFrame:
    return traces.filter(pl.col("kind") == kind).select("number", "value", "calls")


def read_handsets(traces: pl.DataFrame) -> pl.DataFrame:
    """Return calls by the first 14 digits of IMEIs, without what is no IMEI, placeholders and test equipment."""
    rows = _values(traces, "handset").filter(
        pl.col("value").str.contains(r"^[0-9]{14,16}$"), ~pl.col("value").str.starts_with("00")
    )
    cut = rows.with_columns(pl.col("value").str.slice(0, _HANDSET_DIGITS))
    repeated = pl.col("value").str.strip_chars(pl.col("value").str.slice(0, 1)) == ""
    return cut.filter(~repeated, ~pl.col("value").is_in(PLACEHOLDERS))


def _count_one_way(made: pl.DataFrame, received: pl.DataFrame) -> pl.DataFrame:
    back = received.select("number", "caller", back=pl.lit(1))
    joined = made.join(back, left_on=["number", "callee"], right_on=["number", "caller"], how="left")
    return joined.group_by("number").agg(callees=pl.len(), one_way_callees=pl.col("back").is_null().sum())


def _measure(chosen: pl.DataFrame, traces: pl.DataFrame, outside: pl.DataFrame, received: pl.DataFrame) -> pl.DataFrame:
    made = (
        traces.filter(pl.col("kind") == "callee")
        .group_by("number")
        .agg(pl.col("calls", "completed", "minutes").sum(), active_days=pl.col("local_date").n_unique())
    )
    incoming = received.group_by("number").agg(incoming_calls=pl.col("calls").sum())
    joined = chosen.join(made, on="number", how="left").join(incoming, on="number", how="left")
    return joined.with_columns(pl.col("incoming_calls").fill_null(0)).sort("number")


def _spans(chosen: pl.DataFrame, traces: pl.DataFrame, days: Sequence[date]) -> tuple[IntArray, IntArray]:
    active = (
        traces.filter(pl.col("kind") == "callee")
        .group_by("number")
        .agg(first=pl.col("local_date").min(), last=pl.col("local_date").max())
    )
    joined = chosen.select("number").join(active, on="number", how="left").sort("number")
    spans = (joined[name].replace_strict(list(days), list(range(len(days)))).to_numpy() for name in ("first", "last"))
    first, last = (span.astype(np.int64) for span in spans)
    return first, last


def _read_digits(numbers: pl.DataFrame) -> IntArray:
    regular = pl.col("number").str.contains(r"^\+[1-9][0-9]{5,17}$")
    digits = pl.when(regular).then(pl.col("number").str.slice(1).cast(pl.Int64, strict=False)).fill_null(-1)
    return numbers.select(digits).to_series().to_numpy()


def _matrix(numbers: pl.DataFrame, rows: pl.DataFrame) -> sparse.csr_array:
    """Return numbers × values; columns are in order of the values."""
    mine = rows.join(numbers, on="number")
    values = mine.select("value").unique().sort("value").with_columns(column=pl.int_range(pl.len()))
    placed = mine.join(values, on="value")
    places = (placed["row"].to_numpy(), placed["column"].to_numpy())
    shape = (numbers.height, max(values.height, 1))
    return sparse.csr_array((placed["calls"].to_numpy().astype(np.float64), places), shape=shape)


def _count_by(numbers: pl.DataFrame, traces: pl.DataFrame, slot: pl.Expr, slots: int) -> RealArray:
    """Return candidates × slots of the day or week: calls in each."""
    rows = traces.filter(pl.col("kind") == "hour").join(numbers, on="number")
    sums = rows.group_by("row", slot.alias("slot")).agg(pl.col("calls").sum())
    counts = np.zeros((numbers.height, slots))
    counts[sums["row"].to_numpy(), sums["slot"].to_numpy()] = sums["calls"].to_numpy()
    return counts
