"""Columns of every table in the lake.

Plain data: importing this module loads neither Polars nor DuckDB. ``polars_schema`` and ``delta_schema`` translate.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audio_batch.batch import columns as audio_columns

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

TIMESTAMP = "timestamp"
TEXT = "text"
INTEGER = "integer"
SMALL = "small"
FLAG = "flag"
REAL = "real"
DATE = "date"

ROW_ENDS = ("records_inserted", "duplicates_skipped", "records_rejected", "records_skipped", "records_refused")
"""What becomes of the rows of a file, each of which is counted in one."""

ROW_COUNTS = ("records_processed", *ROW_ENDS)
"""Rows that were read, and what became of them."""


@dataclass(frozen=True)
class Table:
    """A table of the lake.

    Parameters
    ----------
    name
        Folder name below the lake.
    columns
        Column name to logical type (``timestamp`` is UTC, in microseconds).
    partition_by
        Columns that become folders.
    key
        Columns that identify a row; no two rows share them, but for calls that a clock without seconds cannot tell
        apart.
    sorted_by
        Order of the rows in files that ``maintain`` has packed, so that the rows of one number lie together; empty
        where they stay as they were written.
    """

    name: str
    columns: dict[str, str]
    partition_by: tuple[str, ...] = ()
    key: tuple[str, ...] = field(default=())
    sorted_by: tuple[str, ...] = ()


CALL_RECORDS = Table(
    "call_records",
    {
        "call_timestamp": TIMESTAMP,
        "caller_number": TEXT,
        "callee_number": TEXT,
        "duration_seconds": INTEGER,
        "call_direction": TEXT,
        "termination_cause": TEXT,
        "location_code": TEXT,
        "answered": FLAG,
        "imei": TEXT,
        "imsi": TEXT,
        "trunk": TEXT,
        "call_id": TEXT,
        "number_type": TEXT,
        "local_date": DATE,
        "local_hour": SMALL,
        "iso_weekday": SMALL,
        "callee_prefix": TEXT,
        "source_file": TEXT,
        "source_line": INTEGER,
        "ingest_id": TEXT,
        "processed_at": TIMESTAMP,
        "call_date": DATE,
    },
    partition_by=("call_date",),
    key=("caller_number", "callee_number", "call_timestamp", "duration_seconds", "answered", "call_id"),
    sorted_by=("caller_number", "call_timestamp"),
)

REJECTED_RECORDS = Table(
    "rejected_records",
    {"source_file": TEXT, "source_line": INTEGER, "column": TEXT, "reason": TEXT, "raw": TEXT, "ingest_id": TEXT},
    key=("ingest_id", "source_line"),
)

INGESTS = Table(
    "ingests",
    {
        "ingest_id": TEXT,
        "run_id": TEXT,
        "source_file": TEXT,
        "sha256": TEXT,
        "size_bytes": INTEGER,
        "dialect": TEXT,
        "encoding": TEXT,
        "timezone": TEXT,
        "region": TEXT,
        "records_processed": INTEGER,
        "records_inserted": INTEGER,
        "duplicates_skipped": INTEGER,
        "legs_collapsed": INTEGER,
        "records_rejected": INTEGER,
        "rejects_by_reason": TEXT,
        "records_skipped": INTEGER,
        "skipped_by_type": TEXT,
        "first_call": TIMESTAMP,
        "last_call": TIMESTAMP,
        "processed_at": TIMESTAMP,
    },
    key=("ingest_id",),
)

FRAUD_ALERTS = Table(
    "fraud_alerts",
    {
        "id": INTEGER,
        "alert_type": TEXT,
        "suspect_number": TEXT,
        "alert_severity": TEXT,
        "evidence_summary": TEXT,
        "call_count": INTEGER,
        "unique_destinations": INTEGER,
        "avg_duration_seconds": REAL,
        "detection_rule": TEXT,
        "created_at": TIMESTAMP,
        "reviewed": FLAG,
        "reviewer_notes": TEXT,
        "alert_key": TEXT,
        "first_seen": TIMESTAMP,
        "last_seen": TIMESTAMP,
        "window_start": TIMESTAMP,
        "window_end": TIMESTAMP,
        "rule_version": TEXT,
        "parameters": TEXT,
        "confidence": REAL,
        "run_id": TEXT,
        "status": TEXT,
        "disposition": TEXT,
        "updated_at": TIMESTAMP,
        "merged_into": INTEGER,
        "episode_start": TIMESTAMP,
        "episode_end": TIMESTAMP,
        "evidence": TEXT,
    },
    key=("id",),
)

ALERT_EVENTS = Table(
    "alert_events",
    {
        "alert_id": INTEGER,
        "at": TIMESTAMP,
        "actor": TEXT,
        "event": TEXT,
        "field": TEXT,
        "before": TEXT,
        "after": TEXT,
        "note": TEXT,
        "commit_id": TEXT,
    },
)

SUPPRESSIONS = Table(
    "suppressions",
    {"pattern": TEXT, "reason": TEXT, "until": TIMESTAMP, "created_at": TIMESTAMP, "created_by": TEXT},
    key=("pattern",),
)

OUTSIDE_LABELS = Table(
    "outside_labels",
    {
        "number": TEXT,
        "label": TEXT,
        "source": TEXT,
        "labelled_on": DATE,
        "reason": TEXT,
        "file": TEXT,
        "line": INTEGER,
        "imported_at": TIMESTAMP,
        "imported_by": TEXT,
    },
    key=("number", "source", "labelled_on"),
)

RUNS = Table(
    "runs",
    {
        "run_id": TEXT,
        "command": TEXT,
        "parameters": TEXT,
        "versions": TEXT,
        "inputs": TEXT,
        "counts": TEXT,
        "since": TIMESTAMP,
        "until": TIMESTAMP,
        "started_at": TIMESTAMP,
        "duration_seconds": REAL,
        "outcome": TEXT,
        "message": TEXT,
    },
    key=("run_id",),
)


def _store(columns: dict[str, str], leave: Collection[str] = ()) -> dict[str, str]:
    """Columns of the voice engine as the lake stores them: lists and documents as JSON."""
    return {
        name: TEXT if kind in (audio_columns.TEXTS, audio_columns.DOCUMENT) else kind
        for name, kind in columns.items()
        if name not in leave
    }


_ADDED_TO_RECORDINGS = {
    "call_id": {"caller_number": TEXT, "callee_number": TEXT},
    "decision": {"picture": TEXT},
}
"""What the lake knows beside the voice engine, by the column that it follows."""

RECORDINGS = Table(
    "recordings",
    {
        "recording_id": TEXT,
        "run_id": TEXT,
        "batch_id": TEXT,
        "analysed_at": TIMESTAMP,
        **{
            column: stored
            for name, kind in _store(audio_columns.RECORDING_COLUMNS, leave=("resumed",)).items()
            for column, stored in {name: kind, **_ADDED_TO_RECORDINGS.get(name, {})}.items()
        },
    },
    key=("recording_id",),
)
"""One row per recording and way of analysing it; lists and documents are JSON, ``picture`` is a spectrogram."""

AUDIO_SEGMENTS = Table(
    "audio_segments",
    {
        "recording_id": TEXT,
        **_store(audio_columns.SEGMENT_COLUMNS, leave=("path", "sha256")),
        "batch_id": TEXT,
    },
    key=("recording_id", "channel", "start"),
)

AUDIO_FEATURES = Table(
    "audio_features",
    {
        "recording_id": TEXT,
        **_store(audio_columns.FEATURE_COLUMNS, leave=("path", "sha256", "sampling_rate")),
        "feature": TEXT,
        "value": REAL,
        "batch_id": TEXT,
    },
    key=("recording_id", "channel", "start", "feature"),
)

PROFILES = Table(
    "profiles",
    {
        "number": TEXT,
        "day_start": TIMESTAMP,
        "day_end": TIMESTAMP,
        "segment": TEXT,
        "call_count": INTEGER,
        "unique_callees": INTEGER,
        "total_minutes": REAL,
        "night_calls": INTEGER,
        "night_callees": INTEGER,
        "night_minutes": REAL,
        "incoming_calls": INTEGER,
        "incoming_minutes": REAL,
        "incoming_callers": INTEGER,
        "callee_ratio": REAL,
        "mean_duration": REAL,
        "median_duration": REAL,
        "completed_calls": INTEGER,
        "answer_ratio": REAL,
        "mean_completed_duration": REAL,
        "in_out_call_ratio": REAL,
        "in_out_duration_ratio": REAL,
        "international_calls": INTEGER,
        "international_share": REAL,
        "distinct_cells": INTEGER,
        "first_cell": TEXT,
        "second_cell": TEXT,
        "top_cell_share": REAL,
        "gap_mean": REAL,
        "gap_cv": REAL,
        "gap_min": REAL,
        "new_callees": INTEGER,
        "new_callee_share": REAL,
        "history_days": INTEGER,
        "callees_calling_back": INTEGER,
        "reciprocity": REAL,
        "prefix_concentration": REAL,
        "hour_entropy": REAL,
        "short_calls": INTEGER,
        "short_call_share": REAL,
        "imei_count": INTEGER,
        "imsi_count": INTEGER,
        "top_imei": TEXT,
        "first_call": TIMESTAMP,
        "last_call": TIMESTAMP,
        "active_days": INTEGER,
        "calls_z": REAL,
        "callees_z": REAL,
        "minutes_z": REAL,
        "international_z": REAL,
        "night_z": REAL,
        "night_share": REAL,
        "night_share_z": REAL,
        "history_calls": INTEGER,
        "definition": TEXT,
        "local_date": DATE,
    },
    partition_by=("local_date",),
    key=("number", "local_date"),
)
"""One row per caller and local day; docs/profiles.md defines every column."""

CASES = Table(
    "cases",
    {
        "case_id": INTEGER,
        "status": TEXT,
        "severity": TEXT,
        "alert_type": TEXT,
        "member_count": INTEGER,
        "link_count": INTEGER,
        "alert_count": INTEGER,
        "first_seen": TIMESTAMP,
        "last_seen": TIMESTAMP,
        "call_count": INTEGER,
        "minutes": REAL,
        "loss": REAL,
        "currency": TEXT,
        "probability": REAL,
        "recidivism": INTEGER,
        "earlier_cases": TEXT,
        "assignee": TEXT,
        "verdict": TEXT,
        "notes": TEXT,
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
        "merged_into": INTEGER,
        "run_id": TEXT,
        "content_id": TEXT,
    },
    key=("case_id",),
)
"""Groups of linked suspects; the members and links of a case are the rows that carry its ``content_id``."""

CASE_MEMBERS = Table(
    "case_members",
    {
        "case_id": INTEGER,
        "number": TEXT,
        "severity": TEXT,
        "rules": TEXT,
        "alert_ids": TEXT,
        "call_count": INTEGER,
        "minutes": REAL,
        "loss": REAL,
        "first_seen": TIMESTAMP,
        "last_seen": TIMESTAMP,
        "top_cell": TEXT,
        "top_imei": TEXT,
        "content_id": TEXT,
    },
)

CASE_LINKS = Table(
    "case_links",
    {
        "case_id": INTEGER,
        "number_a": TEXT,
        "number_b": TEXT,
        "kind": TEXT,
        "strength": REAL,
        "evidence": TEXT,
        "content_id": TEXT,
    },
)

CASE_EVENTS = Table(
    "case_events",
    {
        "case_id": INTEGER,
        "at": TIMESTAMP,
        "actor": TEXT,
        "event": TEXT,
        "field": TEXT,
        "before": TEXT,
        "after": TEXT,
        "note": TEXT,
        "content_id": TEXT,
    },
)

BOX_TRACES = Table(
    "box_traces",
    {
        "number": TEXT,
        "kind": TEXT,
        "value": TEXT,
        "calls": INTEGER,
        "completed": INTEGER,
        "minutes": REAL,
        "local_date": DATE,
    },
    partition_by=("local_date",),
    key=("number", "kind", "value", "local_date"),
)
"""What each heavy one-way caller did on a local day: calls by callee, caller, cell, handset and hour, and how many
callees had never called it (kind ``silent``)."""

BOXES = Table(
    "boxes",
    {
        "box_id": INTEGER,
        "status": TEXT,
        "lead_number": TEXT,
        "member_count": INTEGER,
        "active_members": INTEGER,
        "probability": REAL,
        "evidence": REAL,
        "bound": REAL,
        "call_count": INTEGER,
        "minutes": REAL,
        "callees": INTEGER,
        "one_way_callees": INTEGER,
        "incoming_calls": INTEGER,
        "first_day": DATE,
        "last_day": DATE,
        "top_cell": TEXT,
        "why": TEXT,
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
        "merged_into": INTEGER,
        "run_id": TEXT,
        "content_id": TEXT,
    },
    key=("box_id",),
)
"""Groups of callers that belong together; the members and links of a box are the rows that carry its ``content_id``."""

BOX_MEMBERS = Table(
    "box_members",
    {
        "box_id": INTEGER,
        "number": TEXT,
        "evidence": REAL,
        "call_count": INTEGER,
        "minutes": REAL,
        "callees": INTEGER,
        "one_way_callees": INTEGER,
        "incoming_calls": INTEGER,
        "first_day": DATE,
        "last_day": DATE,
        "top_cell": TEXT,
        "top_handset": TEXT,
        "last_found": DATE,
        "content_id": TEXT,
    },
)

BOX_LINKS = Table(
    "box_links",
    {
        "box_id": INTEGER,
        "number_a": TEXT,
        "number_b": TEXT,
        "kind": TEXT,
        "evidence": REAL,
        "words": TEXT,
        "content_id": TEXT,
    },
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        CALL_RECORDS,
        REJECTED_RECORDS,
        INGESTS,
        FRAUD_ALERTS,
        ALERT_EVENTS,
        SUPPRESSIONS,
        OUTSIDE_LABELS,
        RUNS,
        RECORDINGS,
        AUDIO_SEGMENTS,
        AUDIO_FEATURES,
        PROFILES,
        CASES,
        CASE_MEMBERS,
        CASE_LINKS,
        CASE_EVENTS,
        BOX_TRACES,
        BOXES,
        BOX_MEMBERS,
        BOX_LINKS,
    )
}

SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
"""Severities, mildest first."""

SEVERITY_RANK = {name: rank for rank, name in enumerate(SEVERITIES)}
"""Severity to its place among them, 0 for the mildest."""

FINDING_COLUMNS: dict[str, str] = {
    "detection_rule": TEXT,
    "rule_version": TEXT,
    "alert_type": TEXT,
    "suspect_number": TEXT,
    "alert_severity": TEXT,
    "confidence": REAL,
    "call_count": INTEGER,
    "unique_destinations": INTEGER,
    "avg_duration_seconds": REAL,
    "window_start": TIMESTAMP,
    "window_end": TIMESTAMP,
    "episode_start": TIMESTAMP,
    "episode_end": TIMESTAMP,
    "first_seen": TIMESTAMP,
    "last_seen": TIMESTAMP,
    "evidence_summary": TEXT,
    "evidence": TEXT,
    "parameters": TEXT,
}
"""Columns of a finding, the row a rule returns: one suspect in one episode.

``window_start``/``window_end`` bound the window of the evidence figures, ``(start, end]``. ``episode_start`` and
``episode_end`` bound the union of all qualifying windows that touch or overlap. ``first_seen``/``last_seen`` are the
first and last call of the suspect inside the episode. ``evidence`` is a JSON object of the rule's own figures.
"""


def polars_schema(columns: dict[str, str]) -> pl.Schema:
    """Return the Polars schema of a table's columns."""
    import polars as pl

    types: dict[str, pl.DataType] = {
        TIMESTAMP: pl.Datetime("us", "UTC"),
        TEXT: pl.String(),
        INTEGER: pl.Int64(),
        SMALL: pl.Int8(),
        FLAG: pl.Boolean(),
        REAL: pl.Float64(),
        DATE: pl.Date(),
    }
    return pl.Schema({name: types[kind] for name, kind in columns.items()})


def arrow_schema(columns: dict[str, str]) -> pa.Schema:
    """Return the Arrow schema of a table's columns, as Delta Lake stores it."""
    import pyarrow as pa

    types = {
        TIMESTAMP: pa.timestamp("us", "UTC"),
        TEXT: pa.string(),
        INTEGER: pa.int64(),
        SMALL: pa.int8(),
        FLAG: pa.bool_(),
        REAL: pa.float64(),
        DATE: pa.date32(),
    }
    return pa.schema([pa.field(name, types[kind]) for name, kind in columns.items()])
