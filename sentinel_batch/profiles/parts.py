"""A local day, cut into parts by caller, so that each fits memory, and the arrays of its figures the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from sentinel_batch.profiles.acquaintance import Acquaintances
from sentinel_batch.profiles.calls import CALL_KINDS, RECEIVED_KINDS, Calls, ReceivedCalls, sample_numbers
from sentinel_batch.profiles.grouping import IntArray
from sentinel_batch.profiles.history import Pairs
from sentinel_batch.profiles.keys import NumberKeys
from sentinel_batch.profiles.spill import Spill

Blocks = Iterable[Mapping[str, npt.NDArray[Any]]]

CALLS_AT_ONCE = 250_000
"""A day of more calls is worked on in several parts: arrays that fit the processor's cache take a third of the time."""

_PAIR_KINDS = {"a": np.int64, "b": np.int64}


def cut_day(
    files: list[Path], scan: Callable[[list[Path]], pl.LazyFrame], calls: int, keys: NumberKeys, at_once: int
) -> IntArray:
    """Return the bounds of a day's parts of about so many calls each; the parameters are those of `sample_numbers`."""
    if calls <= at_once:
        return np.zeros(0, dtype=np.int64)
    return choose_bounds(sample_numbers(files, scan, calls, keys), -(-calls // at_once))


def choose_bounds(sample: IntArray, parts: int) -> IntArray:
    """Return ascending keys that cut a sample of keys, in order, into about so many equal parts.

    A number that makes or receives much of the day's calls is never cut: the parts beside it are smaller, or fewer.
    """
    places = np.arange(1, parts) * sample.size // parts
    return np.unique(sample[places])


class DayParts:
    """The calls of a day on disk, by part; closed and removed with the ``with`` block.

    Parameters
    ----------
    folder
        A folder of :meth:`Lake.staging`.
    name
        Begin of the names of its files.
    bounds
        Keys, ascending: where a part ends and the next begins.
    """

    def __init__(self, folder: Path, name: str, bounds: IntArray) -> None:
        self._size = bounds.size + 1
        self._files = ExitStack()
        spills = (("calls", CALL_KINDS, "caller"), ("received", RECEIVED_KINDS, "callee"))
        pairs = (("made", _PAIR_KINDS, "a"), ("met", _PAIR_KINDS, "b"))
        self._calls, self._received, self._made, self._met = (
            self._files.enter_context(Spill(folder / f"{name}-{kind}.bin", kinds, key, bounds))
            for kind, kinds, key in (*spills, *pairs)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def divide(self, calls: Blocks, history: Blocks | None, most: int) -> None:
        """Take in the calls of the day, and of the lookback what may be needed.

        Parameters
        ----------
        calls
            The day's, in columns of :class:`Calls`.
        history
            Pairs of the days before, ``a`` called ``b``, possibly repeated; None if there are none.
        most
            Calls of the day, at most.
        """
        known = Acquaintances(most) if history is not None else None
        for block in calls:
            self._calls.add(block)
            self._received.add(block)
            if known is not None:
                known.add(block["caller"], block["callee"])
        if known is None or history is None:
            return
        known.close()
        for block in history:
            chosen = np.flatnonzero(known.may_know(block["a"], block["b"]))
            pairs = {name: values[chosen] for name, values in block.items()}
            self._made.add(pairs)
            self._met.add(pairs)

    @property
    def filled(self) -> list[int]:
        """The parts whose numbers made calls."""
        return [part for part in range(self._size) if self._calls.count(part)]

    def read_calls(self, part: int) -> Calls:
        """Return the calls that the numbers of a part made."""
        return Calls(**self._calls.read(part))

    def read_received(self, part: int) -> ReceivedCalls:
        """Return the calls to the numbers of a part."""
        return ReceivedCalls(**self._received.read(part))

    def read_nights(self, part: int) -> tuple[IntArray, npt.NDArray[np.int8]]:
        """Return callers and local hours of the calls that the numbers of a part made."""
        columns = self._calls.read(part, ("caller", "hour"))
        return columns["caller"], columns["hour"]

    def read_lookback(self, part: int) -> tuple[Pairs, Pairs]:
        """Return pairs of the days before, called by numbers of a part, and calling them."""
        return self._made.read(part), self._met.read(part)
