"""Arrays of a model as files: finite numbers only, no pickle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import ModelError


class Arrays:
    """What a file of `numpy.savez` holds, by name.

    Parameters
    ----------
    stored
        The open file.
    unbounded
        Arrays that may hold infinity; none may hold NaN.
    """

    def __init__(self, stored: Any, unbounded: Sequence[str] = ()) -> None:
        self._stored, self._unbounded = stored, unbounded
        self.names: tuple[str, ...] = tuple(stored.files)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return an array; raises ValueError if it holds what is no number: scores would be wrong in silence."""
        array = np.asarray(self._stored[name])
        if array.dtype.kind == "f":
            bad = np.isnan(array) if name in self._unbounded else ~np.isfinite(array)
            if bad.any():
                raise ValueError(f"{name!r} holds {bad.sum():,} values that are no finite numbers")
        return array


@contextmanager
def open_arrays(path: Path, what: str, unbounded: Sequence[str] = ()) -> Iterator[Arrays]:
    """Open the arrays of a file, by name.

    Parameters
    ----------
    path
        Of a file of `numpy.savez`.
    what
        What it should hold, for the error, such as ``kernel machine``.
    unbounded
        As for `Arrays`.

    Raises
    ------
    ModelError
        The file is missing, or what is read or made from it does not fit together.
    """
    if not path.is_file():
        raise ModelError(f"No {what} at {str(path)!r}", hint="A model is a folder; copy it as a whole.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            yield Arrays(stored, unbounded)
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise ModelError(f"{str(path)!r} is no {what}: {error}", hint="Train the model again.") from error
