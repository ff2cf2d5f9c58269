"""The night's work, in one idempotent run: ingest, detect, record alerts, report. See ``docs/operations.md``."""

from __future__ import annotations

from sentinel_batch.nightly.outcome import NightlyResult, Step
from sentinel_batch.nightly.pipeline import run_nightly

__all__ = ["NightlyResult", "Step", "run_nightly"]
