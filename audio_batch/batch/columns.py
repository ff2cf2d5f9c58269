"""The columns of a batch's tables, described once: plain data, from which every schema is derived.

A column of a recording stands in the group of the stage that fills it. Where a group says so, the column is the
attribute of the same name of what the stage found, so that a line here is all that a new one takes.
"""

from __future__ import annotations

TEXT = "text"
INTEGER = "integer"
REAL = "real"
FLAG = "flag"
TEXTS = "texts"
"""A list of texts."""
DOCUMENT = "document"
"""Lists and mappings of plain types; a table holds them as JSON."""

IDENTITY = {"path": TEXT, "sha256": TEXT, "file_size": INTEGER}

OUTCOME = {"status": TEXT, "error_code": TEXT, "error_stage": TEXT, "error_message": TEXT}

CALL = {"call_id": TEXT, "context": DOCUMENT}

PROPERTIES = {
    "format": TEXT,
    "codec": TEXT,
    "sampling_rate": INTEGER,
    "channels": INTEGER,
    "duration": REAL,
    "bit_rate": REAL,
}
"""Attributes of `audio_batch.Properties`."""

VALIDITY = {"is_valid": FLAG, "issue_codes": TEXTS, "issues": DOCUMENT}

QUALITY_PREFIX = "quality_"
QUALITY = {
    "quality_clipping_ratio": REAL,
    "quality_dc_offset": REAL,
    "quality_level_dbfs": REAL,
    "quality_snr_db": REAL,
    "quality_silence_share": REAL,
    "quality_speech_seconds": REAL,
    "quality_bandwidth_hz": REAL,
    "quality_zero_run_share": REAL,
}
"""Attributes of `audio_batch.Quality`, with a prefix."""

ANSWER = {
    "score": REAL,
    "label": TEXT,
    "confidence": REAL,
    "abstention": TEXT,
    "channel_class": TEXT,
    "session_id": TEXT,
    "model_version": TEXT,
    "model_sha256": TEXT,
}
"""Attributes of `audio_batch.Verdict`."""

SCORING = {"scorer": TEXT, "scorer_fallback": TEXT}
"""Who scored, ``local`` or ``remote``; and why the local scorer did where the remote one should have."""

EVIDENCE = {
    "scored_seconds": REAL,
    "speech_seconds": REAL,
    "segment_count": INTEGER,
    "worst_channel": INTEGER,
    "worst_start": REAL,
    "worst_end": REAL,
    "worst_score": REAL,
    "reasons": DOCUMENT,
    "notices": TEXTS,
    "splices": DOCUMENT,
}

VERIFICATION = {
    "enrollment_id": TEXT,
    "verified": FLAG,
    "verification_confidence": REAL,
    "log_likelihood_ratio": REAL,
    "similarity": REAL,
    "channel_match": FLAG,
    "verification_reasons": TEXTS,
}

DECISION = {
    "policy": TEXT,
    "policy_version": TEXT,
    "action": TEXT,
    "composite_risk": REAL,
    "decisive_rule": TEXT,
    "missing_inputs": TEXTS,
    "decision": DOCUMENT,
}

EFFORT = {"latency_ms": REAL, "processing_seconds": REAL, "resumed": FLAG}

RECORDING_COLUMNS: dict[str, str] = {
    **IDENTITY, **OUTCOME, **CALL, **PROPERTIES, **VALIDITY, **QUALITY, **ANSWER, **SCORING, **EVIDENCE, **VERIFICATION,
    **DECISION, **EFFORT,
}  # fmt: skip
"""One row per file."""

VOLATILE_COLUMNS = tuple(EFFORT)
"""Columns of a recording that may differ between two runs over the same files; nothing else does."""

PLACE = {"path": TEXT, "sha256": TEXT, "channel": INTEGER, "role": TEXT, "start": REAL, "end": REAL}

SEGMENT_COLUMNS: dict[str, str] = {**PLACE, "speech_seconds": REAL, "score": REAL}
"""One row per scored segment."""

FEATURE_COLUMNS: dict[str, str] = {**PLACE, "feature_set_version": TEXT, "sampling_rate": INTEGER}
"""One row per segment that was measured (the worst of each recording); then a real per feature."""
