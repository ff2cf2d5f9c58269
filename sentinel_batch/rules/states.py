"""The states of a sliding window, worked out from arrays: what the step ``slide`` says in SQL, to the row.

A call is in the window from its own instant, inclusive, to W later, exclusive. Calls are sorted by suspect and instant
once, as one integer each; every figure of a state is then a difference of two running sums, looked up where the calls
that have entered by then end, and those that have left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

CHUNK_CALLS = 100_000
"""So many calls are worked out at a time, and those of one suspect more: memory does not grow with the calls."""

_ROOM = 2**62


@dataclass(frozen=True)
class Calls:
    """Calls to be swept.

    Parameters
    ----------
    suspects
        Whose each is.
    instants
        When each begins, in microseconds.
    counted
        Values that are counted if they differ; None counts none.
    added
        Name to what is added up, with NULLs.
    """

    suspects: pa.ChunkedArray
    instants: Integers
    counted: pa.ChunkedArray | None
    added: Mapping[str, pa.ChunkedArray]


@dataclass(frozen=True)
class _Sorted:
    """Calls by suspect and instant; ``keys`` are the suspect's number times ``span``, plus the instant."""

    keys: Integers
    suspects: Integers
    span: int
    is_new: NDArray[np.bool_] | None
    is_last: NDArray[np.bool_] | None
    added: Mapping[str, tuple[Integers, NDArray[np.bool_] | None]]

    def part(self, begin: int, end: int) -> _Sorted:
        cut = slice(begin, end)
        is_new, is_last = (None if flags is None else flags[cut] for flags in (self.is_new, self.is_last))
        added = {name: (v[cut], None if k is None else k[cut]) for name, (v, k) in self.added.items()}
        return _Sorted(self.keys[cut], self.suspects[cut], self.span, is_new, is_last, added)


def find_states(calls: Calls, window: int, until: int, counting: str | None) -> Iterator[pa.RecordBatch] | None:
    """Return the states of a window of so many microseconds; None if the figures do not fit into 64 bits.

    Parameters
    ----------
    calls
        What is swept.
    window
        Length of the window, more than 0, in microseconds.
    until
        Instant after which nobody leaves the window, in microseconds.
    counting
        What the number of different values is called, if they are counted.

    Returns
    -------
    iterator of pyarrow.RecordBatch
        ``suspect_number``, ``begins_at``, ``ends_at`` (NULL for a suspect's last state), ``calls``, what was added up,
        the count of different values, and ``last_call_at``.
    """
    names = calls.suspects.combine_chunks().dictionary_encode(null_encoding="encode")
    origin = int(calls.instants.min(initial=until))
    span = int(calls.instants.max(initial=until)) - origin + window + 1
    if len(names.dictionary) * span >= _ROOM or any(_is_huge(values) for values in calls.added.values()):
        return None
    ordered = _sort(calls, names.indices.to_numpy().astype(np.int64), span, origin, window)
    bounds = _cut(ordered.suspects)
    return (
        _write_states(_work_out(ordered.part(*bound), window, until - origin), names.dictionary, origin, counting)
        for bound in pairwise(bounds)
    )


def _is_huge(values: pa.ChunkedArray) -> bool:
    filled = values.fill_null(0).to_numpy()
    return bool(np.abs(filled.astype(np.float64)).sum() >= _ROOM)


def _sort(calls: Calls, suspects: Integers, span: int, origin: int, window: int) -> _Sorted:
    keys = suspects * span + (calls.instants - origin)
    order = np.argsort(keys)
    keys, suspects = keys[order], suspects[order]
    is_new = is_last = None
    if calls.counted is not None:
        is_new, is_last = _find_repeats(_encode(calls.counted)[order], keys, suspects, window)
    added = {name: _split_nulls(values, order) for name, values in calls.added.items()}
    return _Sorted(keys, suspects, span, is_new, is_last, added)


def _encode(values: pa.ChunkedArray) -> Integers:
    codes: Integers = values.combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy()
    return codes.astype(np.int64)


def _split_nulls(values: pa.ChunkedArray, order: Integers) -> tuple[Integers, NDArray[np.bool_] | None]:
    known = None if not values.null_count else values.is_valid().to_numpy()[order]
    return values.fill_null(0).to_numpy().astype(np.int64)[order], known


def _find_repeats(
    codes: Integers, keys: Integers, suspects: Integers, window: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether a call's value enters with it, as no earlier call holds it, and whether it leaves with it."""
    pairs, bits = suspects * (int(codes.max(initial=0)) + 1) + codes, len(codes).bit_length()
    if _fits(pairs, bits):
        # Sorting the numbers themselves is several times as fast as sorting their places.
        packed = np.sort((pairs << bits) | np.arange(len(codes)))
        places, pairs = packed & ((1 << bits) - 1), packed >> bits
    else:
        places = np.argsort(pairs, kind="stable")
        pairs = pairs[places]
    earlier, later = places[:-1], places[1:]
    repeats = (pairs[1:] == pairs[:-1]) & (keys[later] - keys[earlier] <= window)
    is_new, is_last = np.ones(len(codes), dtype=bool), np.ones(len(codes), dtype=bool)
    is_new[later[repeats]] = False
    is_last[earlier[repeats]] = False
    return is_new, is_last


def _fits(numbers: Integers, bits: int) -> bool:
    """Tell whether numbers leave so many bits of an integer for something else."""
    return int(numbers.max(initial=0)) < _ROOM >> bits


def _cut(suspects: Integers) -> list[int]:
    """Return places between suspects, about :data:`CHUNK_CALLS` apart, from the first to behind the last."""
    bounds = [0]
    while bounds[-1] < len(suspects):
        wanted = min(bounds[-1] + CHUNK_CALLS, len(suspects)) - 1
        bounds.append(int(np.searchsorted(suspects, suspects[wanted], "right")))
    return bounds if len(bounds) > 1 else [0, 0]


@dataclass(frozen=True)
class _States:
    """States of the suspects of one chunk; instants are microseconds from the first call of all."""

    suspects: Integers
    begins: Integers
    ends: Integers
    is_last: NDArray[np.bool_]
    last_calls: Integers
    figures: Mapping[str, tuple[Integers, NDArray[np.bool_] | None]]
    different: Integers | None


def _work_out(calls: _Sorted, window: int, until: int) -> _States:
    entries, span = calls.keys, calls.span
    leaving = entries - calls.suspects * span <= until - window
    exits = entries[leaving] + window
    changes = np.concatenate([entries, exits])
    changes.sort(kind="stable")  # two sorted runs are merged
    changes = changes[np.flatnonzero(np.diff(changes, prepend=-1))]
    entered = np.searchsorted(entries, changes, "right")
    left = np.searchsorted(exits, changes, "right")
    suspects = calls.suspects[entered - 1]
    starts = suspects * span
    # The suspects of a chunk have successive numbers.
    numbers = np.arange(suspects[0], suspects[-1] + 1) if len(suspects) else suspects
    first, first_left = (np.searchsorted(keys, numbers * span)[suspects - suspects[:1]] for keys in (entries, exits))

    def add_up(values: Integers, lost: Integers) -> Integers:
        so_far, gone = (np.concatenate([[0], np.cumsum(part)]) for part in (values, lost[leaving]))
        total: Integers = so_far[entered] - so_far[first] - gone[left] + gone[first_left]
        return total

    def know(known: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        if known is None:
            return None
        so_far = np.concatenate([[0], np.cumsum(known)])
        return np.asarray(so_far[entered] == so_far[first])

    ones = np.ones(len(entries), dtype=np.int64)
    figures: dict[str, tuple[Integers, NDArray[np.bool_] | None]] = {"calls": (add_up(ones, ones), None)}
    figures |= {name: (add_up(values, values), know(known)) for name, (values, known) in calls.added.items()}
    different = None
    if calls.is_new is not None and calls.is_last is not None:
        different = add_up(calls.is_new.astype(np.int64), calls.is_last.astype(np.int64))
    begins, is_last = changes - starts, np.ones(len(changes), dtype=bool)
    is_last[:-1] = suspects[1:] != suspects[:-1]
    return _States(suspects, begins, np.roll(begins, -1), is_last, entries[entered - 1] - starts, figures, different)


def _write_states(found: _States, names: pa.Array, origin: int, counting: str | None) -> pa.RecordBatch:
    def moments(values: Integers, missing: Any = None) -> pa.Array:
        return pa.array(values + origin, mask=missing).cast(pa.timestamp("us", "UTC"))

    columns = {
        "suspect_number": pa.DictionaryArray.from_arrays(pa.array(found.suspects.astype(np.int32)), names),
        "begins_at": moments(found.begins),
        "ends_at": moments(found.ends, found.is_last),
        **{name: pa.array(values, mask=missing) for name, (values, missing) in found.figures.items()},
        "last_call_at": moments(found.last_calls),
    }
    if counting is not None:
        columns[counting] = pa.array(found.different)
    return pa.record_batch(columns)
