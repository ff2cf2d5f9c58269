"""The tables of a batch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from audio_batch import features
from audio_batch.batch.columns import (
    DOCUMENT,
    FEATURE_COLUMNS,
    FLAG,
    INTEGER,
    REAL,
    RECORDING_COLUMNS,
    SEGMENT_COLUMNS,
    TEXT,
    TEXTS,
)
from audio_batch.batch.unread import UnreadFiles
from audio_batch.decoding import printable
from batch_base.plain import to_plain

_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    TEXT: pl.String, INTEGER: pl.Int64, REAL: pl.Float64, FLAG: pl.Boolean, TEXTS: pl.List(pl.String),
    DOCUMENT: pl.String,
}  # fmt: skip
_DOCUMENTS = tuple(name for name, kind in RECORDING_COLUMNS.items() if kind == DOCUMENT)

Schema = dict[str, pl.DataType | type[pl.DataType]]


@dataclass(frozen=True)
class BatchResult:
    """The tables of a batch, in the order of the recordings' paths.

    Attributes
    ----------
    recordings
        One row per file, with the columns of `columns.RECORDING_COLUMNS`. `status` is ``scored``, ``abstained`` or
        ``failed``; `error_code`, `error_stage` and `error_message` say what went wrong first, if anything did.
    segments
        One row per scored segment.
    features
        One row for each of the highest-scoring segments of a recording.
    unread
        What else the folder holds, by suffix.
    """

    recordings: pl.DataFrame
    segments: pl.DataFrame
    features: pl.DataFrame
    unread: tuple[UnreadFiles, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON; NaN becomes None."""
        frames = {"recordings": self.recordings, "segments": self.segments, "features": self.features}
        rows: dict[str, list[dict[str, Any]]] = {name: to_plain(frame.to_dicts()) for name, frame in frames.items()}
        for row in rows["recordings"]:
            row |= {name: json.loads(row[name]) for name in _DOCUMENTS if row[name] is not None}
        return rows | {"unread": [group.to_dict() for group in self.unread]}


def build_tables(results: Sequence[dict[str, Any]], unread: tuple[UnreadFiles, ...] = ()) -> BatchResult:
    """Make the tables from the results of `analyse`, in their order."""
    recordings = [_flatten(result["recording"]) for result in results]
    measured = [
        row | row.pop("values") for result in results for row in _place(result, [dict(r) for r in result["features"]])
    ]
    names = features.list_features() if measured else ()
    segments = [row for result in results for row in _place(result, result["segments"])]
    return BatchResult(
        _frame(recordings, _to_schema(RECORDING_COLUMNS)),
        _frame(segments, _to_schema(SEGMENT_COLUMNS)),
        _frame(measured, _to_schema(FEATURE_COLUMNS) | dict.fromkeys(names, pl.Float32)),
        unread,
    )


def _to_schema(columns: dict[str, str]) -> Schema:
    return {name: _TYPES[kind] for name, kind in columns.items()}


def _frame(rows: list[dict[str, Any]], schema: Schema) -> pl.DataFrame:
    columns = {name: pl.Series(name, [row.get(name) for row in rows], dtype=kind) for name, kind in schema.items()}
    return pl.DataFrame(columns)


def _flatten(row: dict[str, Any]) -> dict[str, Any]:
    texts = {name: json.dumps(row[name]) for name in _DOCUMENTS if row.get(name) is not None}
    return {name: _printable(value) for name, value in (row | texts).items()}


def _place(result: dict[str, Any], rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    recording = result["recording"]
    place = {"path": printable(recording["path"]), "sha256": recording["sha256"] if rows else None}
    return (place | row for row in rows)


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    return [_printable(item) for item in value] if isinstance(value, list) else value
