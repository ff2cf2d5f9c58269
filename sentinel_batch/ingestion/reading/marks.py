"""Marks of a dialect in lines: delimiters that belong to a field, and lines that are no records."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentinel_batch.ingestion.dialects.dialect import Dialect
    from sentinel_batch.ingestion.reading.splitting import SplitBlock

_HIDDEN = "\x1f"
"""Stands for a delimiter that belongs to a field, while a line is split; as long as that."""


def is_marker(line: str, dialect: Dialect) -> bool:
    """Tell whether a line is no record by the dialect, such as one that begins or ends a file."""
    return dialect.markers is not None and re.fullmatch(dialect.markers, line) is not None


def hide_escaped(line: str, delimiter: str) -> str:
    """Return a line in which delimiters with a backslash before them are none."""
    return line.replace("\\" + delimiter, "\\" + _HIDDEN)


def hide_escaped_bytes(data: bytes, delimiter: str) -> bytes:
    """Do the same to lines in UTF-8; none becomes longer or shorter."""
    return data.replace(b"\\" + delimiter.encode(), b"\\" + _HIDDEN.encode())


def show_escaped(split: SplitBlock, delimiter: str) -> SplitBlock:
    """Return a block in which hidden delimiters are in their fields again, without the backslash."""
    import polars as pl

    shown = pl.selectors.string().str.replace_all("\\" + _HIDDEN, delimiter, literal=True)
    ragged = {number: line.replace(_HIDDEN, delimiter) for number, line in split.ragged.items()}
    return replace(split, frame=split.frame.with_columns(shown), ragged=ragged)
