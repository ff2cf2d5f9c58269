"""The voice engine's frames as rows of the lake's tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from audio_batch.batch.columns import DOCUMENT, FEATURE_COLUMNS, RECORDING_COLUMNS, TEXTS
from batch_base.plain import to_plain
from sentinel_batch.numbers import MISSING, NOTHING, normalise_number
from sentinel_batch.schema import AUDIO_FEATURES, AUDIO_SEGMENTS, RECORDINGS, polars_schema

if TYPE_CHECKING:
    from audio_batch import BatchResult

CALLER_COLUMNS = ("caller_number", "caller", "a_number", "calling_number", "from_number")
"""Columns of a manifest that may hold the caller's number; the first that has a value counts."""

CALLEE_COLUMNS = ("callee_number", "callee", "b_number", "called_number", "to_number")
"""The same for the number that was called."""

LABEL_ORDER = ("likely_synthetic", "uncertain", "likely_real")
"""Labels, worst first; recordings without a label come last."""

_NONE = "[]"
"""A list of splices that names none."""

_LISTS = tuple(name for name, kind in RECORDING_COLUMNS.items() if kind == TEXTS)
_DOCUMENTS = tuple(name for name, kind in RECORDING_COLUMNS.items() if kind == DOCUMENT)


def shape_recordings(
    batch: BatchResult, *, run_id: str, analysed_at: datetime, region: str, parameters: Mapping[str, Any]
) -> pl.DataFrame:
    """Return the rows of table ``recordings``, worst first.

    Parameters
    ----------
    batch
        What the voice engine found.
    run_id, analysed_at
        When, and in which run.
    region
        Where national numbers of the manifest are read, such as ``NG``.
    parameters
        Options of the analysis; they are part of a recording's id.
    """
    rows = [
        _shape(row, region, parameters) | {"run_id": run_id, "analysed_at": analysed_at}
        for row in batch.recordings.iter_rows(named=True)
    ]
    frame = pl.DataFrame(rows, schema=polars_schema(RECORDINGS.columns))
    return sort_worst(frame.unique("recording_id", keep="first", maintain_order=True))


def shape_segments(batch: BatchResult, recordings: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of table ``audio_segments`` of these recordings."""
    return _identify(batch.segments, recordings, AUDIO_SEGMENTS.columns)


def shape_features(batch: BatchResult, recordings: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of table ``audio_features`` of these recordings: one per segment and feature that has a value."""
    wide = batch.features.drop("sampling_rate")
    kept = [name for name in FEATURE_COLUMNS if name in wide.columns]
    tall = wide.unpivot(index=kept, variable_name="feature", value_name="value") if wide.height else wide
    if tall.is_empty():
        return pl.DataFrame(schema=polars_schema(AUDIO_FEATURES.columns))
    measured = tall.filter(pl.col("value").is_finite())
    return _identify(measured, recordings, AUDIO_FEATURES.columns)


def sort_worst(recordings: pl.DataFrame) -> pl.DataFrame:
    """Sort recordings: likely synthetic first, then those with a splice, then by label and score; those without last.

    The score (0 human … 1 synthetic) is about a call as a whole, and says little of five seconds that were inserted.
    """
    rank = pl.col("label").replace_strict(
        {label: place for place, label in enumerate(LABEL_ORDER)}, default=len(LABEL_ORDER), return_dtype=pl.Int8
    )
    spliced = pl.col("splices").fill_null(_NONE) != _NONE
    return recordings.sort(
        rank != 0,
        ~spliced,
        rank,
        "score",
        "path",
        "recording_id",
        descending=[False, False, False, True, False, False],
        nulls_last=True,
    )


def _shape(row: dict[str, Any], region: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    context = json.loads(row["context"] or "{}")
    shaped = {name: value for name, value in row.items() if name in RECORDINGS.columns}
    shaped |= {name: _dump(row[name]) for name in _LISTS}
    shaped |= {name: _dump(json.loads(row[name])) for name in _DOCUMENTS if row[name] is not None}
    shaped |= {
        "recording_id": _make_id(row, context, parameters),
        "caller_number": _number(context, CALLER_COLUMNS, region),
        "callee_number": _number(context, CALLEE_COLUMNS, region),
    }
    return {name: to_plain(value) for name, value in shaped.items()}


def _make_id(row: dict[str, Any], context: dict[str, Any], parameters: Mapping[str, Any]) -> str:
    """Hash what the row depends on: content, place, model, options, and what was known of the call.

    The outcome of reading (``error_code``) is part of it, because what failed once may succeed later; so is the
    likeness to the enrolled voice, because a voice may be enrolled again under the same name.
    """
    decision = json.loads(row["decision"] or "{}")
    facts = {
        **{name: row[name] for name in ("path", "sha256", "model_version", "error_code")},
        "policy_sha256": decision.get("input_hashes", {}).get("policy_sha256"),
        "similarity": None if row["similarity"] is None else round(row["similarity"], 4),
        "context": context,
        "parameters": dict(parameters),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _number(context: dict[str, Any], names: Iterable[str], region: str) -> str | None:
    typed = next((str(context[name]) for name in names if context.get(name) not in (None, "")), None)
    number, kind = normalise_number(typed, region)
    return None if kind in (MISSING, NOTHING) else number


def _identify(frame: pl.DataFrame, recordings: pl.DataFrame, columns: dict[str, str]) -> pl.DataFrame:
    ids = recordings.select("path", "sha256", "recording_id", "batch_id").drop_nulls("sha256")
    joined = frame.join(ids, on=["path", "sha256"], how="inner", maintain_order="left")
    return joined.select(pl.col(name).cast(kind) for name, kind in polars_schema(columns).items())


def _dump(value: Any) -> str | None:
    return None if value is None else json.dumps(to_plain(value), ensure_ascii=False, sort_keys=True)
