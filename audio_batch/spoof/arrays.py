"""Arrays of a model as files: numbers only, no pickle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from audio_batch.errors import ModelError


@contextmanager
def open_arrays(path: Path, what: str) -> Iterator[Any]:
    """Open the arrays of a file, by name.

    Parameters
    ----------
    path
        Of a file of `numpy.savez`.
    what
        What it should hold, for the error, such as ``kernel machine``.

    Raises
    ------
    ModelError
        The file is missing, or what is read or made from it does not fit together.
    """
    if not path.is_file():
        raise ModelError(f"No {what} at {str(path)!r}", hint="A model is a folder; copy it as a whole.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            yield stored
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise ModelError(f"{str(path)!r} is no {what}: {error}", hint="Train the model again.") from error
