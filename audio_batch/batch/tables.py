"""The tables of a batch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from audio_batch.decoding import printable
from audio_batch.features import list_features
from batch_base.plain import to_plain

VOLATILE_COLUMNS = ("latency_ms", "processing_seconds", "resumed")
"""Columns of `recordings` that may differ between two runs over the same files; nothing else does."""

_TEXTS = pl.List(pl.String)

RECORDINGS: dict[str, pl.DataType | type[pl.DataType]] = {
    "path": pl.String,
    "sha256": pl.String,
    "file_size": pl.Int64,
    "status": pl.String,
    "error_code": pl.String,
    "error_stage": pl.String,
    "error_message": pl.String,
    "call_id": pl.String,
    "context": pl.String,
    "format": pl.String,
    "codec": pl.String,
    "sampling_rate": pl.Int64,
    "channels": pl.Int64,
    "duration": pl.Float64,
    "bit_rate": pl.Float64,
    "is_valid": pl.Boolean,
    "issue_codes": _TEXTS,
    "issues": pl.String,
    "quality_clipping_ratio": pl.Float64,
    "quality_dc_offset": pl.Float64,
    "quality_level_dbfs": pl.Float64,
    "quality_snr_db": pl.Float64,
    "quality_silence_share": pl.Float64,
    "quality_speech_seconds": pl.Float64,
    "quality_bandwidth_hz": pl.Float64,
    "quality_zero_run_share": pl.Float64,
    "score": pl.Float64,
    "label": pl.String,
    "confidence": pl.Float64,
    "abstention": pl.String,
    "channel_class": pl.String,
    "session_id": pl.String,
    "model_version": pl.String,
    "scored_seconds": pl.Float64,
    "speech_seconds": pl.Float64,
    "segment_count": pl.Int64,
    "worst_channel": pl.Int64,
    "worst_start": pl.Float64,
    "worst_end": pl.Float64,
    "worst_score": pl.Float64,
    "reasons": pl.String,
    "notices": _TEXTS,
    "enrollment_id": pl.String,
    "verified": pl.Boolean,
    "verification_confidence": pl.Float64,
    "log_likelihood_ratio": pl.Float64,
    "similarity": pl.Float64,
    "channel_match": pl.Boolean,
    "verification_reasons": _TEXTS,
    "policy": pl.String,
    "policy_version": pl.String,
    "action": pl.String,
    "composite_risk": pl.Float64,
    "decisive_rule": pl.String,
    "missing_inputs": _TEXTS,
    "decision": pl.String,
    "latency_ms": pl.Float64,
    "processing_seconds": pl.Float64,
    "resumed": pl.Boolean,
}
"""One row per file; `context`, `issues`, `reasons` and `decision` are JSON."""

SEGMENTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "path": pl.String,
    "sha256": pl.String,
    "channel": pl.Int64,
    "role": pl.String,
    "start": pl.Float64,
    "end": pl.Float64,
    "speech_seconds": pl.Float64,
    "score": pl.Float64,
}
"""One row per scored segment."""

FEATURES: dict[str, pl.DataType | type[pl.DataType]] = {
    "path": pl.String,
    "sha256": pl.String,
    "channel": pl.Int64,
    "role": pl.String,
    "start": pl.Float64,
    "end": pl.Float64,
    "feature_set_version": pl.String,
    "sampling_rate": pl.Int64,
}
"""One row per segment that was measured (the worst of each recording); then a Float32 column per feature."""

_JSON_COLUMNS = ("context", "issues", "reasons", "decision")


@dataclass(frozen=True)
class BatchResult:
    """The tables of a batch, in the order of the recordings' paths.

    Attributes
    ----------
    recordings
        One row per file. `status` is ``scored``, ``abstained`` or ``failed``; `error_code`, `error_stage` and
        `error_message` say what went wrong first, if anything did.
    segments
        One row per scored segment.
    features
        One row for each of the highest-scoring segments of a recording.
    """

    recordings: pl.DataFrame
    segments: pl.DataFrame
    features: pl.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON; NaN becomes None."""
        frames = {"recordings": self.recordings, "segments": self.segments, "features": self.features}
        rows: dict[str, list[dict[str, Any]]] = {name: to_plain(frame.to_dicts()) for name, frame in frames.items()}
        for row in rows["recordings"]:
            row |= {name: json.loads(row[name]) for name in _JSON_COLUMNS if row[name] is not None}
        return rows


def build_tables(results: Sequence[dict[str, Any]]) -> BatchResult:
    """Make the tables from the results of `analyse`, in their order."""
    recordings = [_flatten(result["recording"]) for result in results]
    features = [
        row | row.pop("values") for result in results for row in _place(result, [dict(r) for r in result["features"]])
    ]
    schema = FEATURES | dict.fromkeys(list_features() if features else (), pl.Float32)
    segments = [row for result in results for row in _place(result, result["segments"])]
    return BatchResult(_frame(recordings, RECORDINGS), _frame(segments, SEGMENTS), _frame(features, schema))


def _frame(rows: list[dict[str, Any]], schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    columns = {name: pl.Series(name, [row.get(name) for row in rows], dtype=kind) for name, kind in schema.items()}
    return pl.DataFrame(columns)


def _flatten(row: dict[str, Any]) -> dict[str, Any]:
    texts = {name: json.dumps(row[name]) for name in _JSON_COLUMNS if row.get(name) is not None}
    return {name: _printable(value) for name, value in (row | texts).items()}


def _place(result: dict[str, Any], rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    recording = result["recording"]
    place = {"path": printable(recording["path"]), "sha256": recording["sha256"] if rows else None}
    return (place | row for row in rows)


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    return [_printable(item) for item in value] if isinstance(value, list) else value
