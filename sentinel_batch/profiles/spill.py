"""Rows on disk that are cut into parts as they come in, and read back part by part: a day may not fit memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sentinel_batch.profiles.grouping import IntArray, sort_rows

Columns = dict[str, npt.NDArray[Any]]


class Spill:
    """Columns of numbers in one file; closed and removed with the ``with`` block.

    Parameters
    ----------
    file
        A file that does not exist.
    kinds
        Column to its type.
    key
        The column whose bounds divide the rows.
    bounds
        Ascending: a part holds keys from one bound up to the next, itself left out.
    """

    def __init__(self, file: Path, kinds: Mapping[str, npt.DTypeLike], key: str, bounds: IntArray) -> None:
        self._file = file
        self._kinds = {name: np.dtype(kind) for name, kind in kinds.items()}
        self._key = key
        self._bounds = bounds
        self._blocks: list[tuple[IntArray, dict[str, tuple[int, np.dtype[Any]]]]] = []
        self._target = file.open("xb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._target.close()
        self._file.unlink()

    def add(self, rows: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write rows, columns of equal length."""
        order, cuts = self._divide(rows[self._key])
        pieces = {}
        for name, kind in self._kinds.items():
            narrow = _narrow(rows[name], kind)
            # A column of which a feed has nothing takes no room.
            if narrow is not None:
                pieces[name] = self._target.tell(), narrow
                self._target.write(np.ascontiguousarray(rows[name].astype(narrow, copy=False)[order]).data)
        self._blocks.append((cuts, pieces))

    def _divide(self, keys: IntArray) -> tuple[IntArray | slice, IntArray]:
        if not self._bounds.size:
            return slice(None), np.array([0, keys.size])
        ordered, order = sort_rows(keys)
        return order, np.concatenate(([0], np.searchsorted(ordered, self._bounds), [keys.size]))

    def count(self, part: int) -> int:
        """Count the rows of a part."""
        return sum(int(cuts[part + 1] - cuts[part]) for cuts, _ in self._blocks)

    def read(self, part: int, names: Collection[str] | None = None) -> Columns:
        """Return the rows of one part; call it from any thread, once all rows are added.

        Parameters
        ----------
        part
            Its number, from 0.
        names
            The columns that are wanted; None is all.
        """
        self._target.flush()
        rows = self.count(part)
        wanted = self._kinds if names is None else names
        columns = {name: np.zeros(rows, dtype=self._kinds[name]) for name in wanted}
        place = 0
        with self._file.open("rb") as source:
            for cuts, pieces in self._blocks:
                first, last = int(cuts[part]), int(cuts[part + 1])
                for name in pieces.keys() & columns.keys():
                    offset, kind = pieces[name]
                    source.seek(offset + first * kind.itemsize)
                    columns[name][place : place + last - first] = np.fromfile(source, kind, last - first)
                place += last - first
        return columns


def _narrow(values: npt.NDArray[Any], kind: np.dtype[Any]) -> np.dtype[Any] | None:
    """Return the narrowest type that holds the values; None if all are 0."""
    if not values.size or (not (most := values.max()) and not values.min()):
        return None
    if kind.itemsize == 1 or values.min() < 0:
        return kind
    return np.dtype(np.min_scalar_type(most))
