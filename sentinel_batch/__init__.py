"""Sentinel Batch: call detail records in; ranked, explained, reviewable fraud alerts out.

Every public name is loaded on first use, so that importing the package loads neither Polars nor DuckDB.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentinel_batch.alerts import (
        AlertChanges,
        Explanation,
        explain,
        export_alerts,
        get_alert,
        list_alerts,
        list_suppressions,
        record_alerts,
        review_alerts,
        suppress,
        unsuppress,
    )
    from sentinel_batch.config import Config, load_config
    from sentinel_batch.errors import ExitCode, SentinelError
    from sentinel_batch.ingestion import FileResult, IngestResult, ingest
    from sentinel_batch.lake import Lake, open_lake
    from sentinel_batch.maintenance import Diagnosis, MaintenanceResult, diagnose, maintain
    from sentinel_batch.nightly import NightlyResult, run_nightly
    from sentinel_batch.recordings import RecordingsResult, analyse_recordings, list_joint_findings, list_recordings
    from sentinel_batch.reporting import (
        ReportFiles,
        chart_heatmap,
        chart_scatter,
        chart_scores,
        chart_severity,
        chart_timeline,
        write_report,
    )
    from sentinel_batch.rules import Detection, detect, examine
    from sentinel_batch.simulation import MockCDRGenerator

__version__ = "0.1.0"

_EXPORTS = {
    "alerts": (
        "AlertChanges",
        "Explanation",
        "explain",
        "export_alerts",
        "get_alert",
        "list_alerts",
        "list_suppressions",
        "record_alerts",
        "review_alerts",
        "suppress",
        "unsuppress",
    ),
    "config": ("Config", "load_config"),
    "errors": ("ExitCode", "SentinelError"),
    "ingestion": ("FileResult", "IngestResult", "ingest"),
    "lake": ("Lake", "open_lake"),
    "maintenance": ("Diagnosis", "MaintenanceResult", "diagnose", "maintain"),
    "nightly": ("NightlyResult", "run_nightly"),
    "recordings": ("RecordingsResult", "analyse_recordings", "list_joint_findings", "list_recordings"),
    "reporting": (
        "ReportFiles",
        "chart_heatmap",
        "chart_scatter",
        "chart_scores",
        "chart_severity",
        "chart_timeline",
        "write_report",
    ),
    "rules": ("Detection", "detect", "examine"),
    "simulation": ("MockCDRGenerator",),
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = [
    "AlertChanges",
    "Config",
    "Detection",
    "Diagnosis",
    "ExitCode",
    "Explanation",
    "FileResult",
    "IngestResult",
    "Lake",
    "MaintenanceResult",
    "MockCDRGenerator",
    "NightlyResult",
    "RecordingsResult",
    "ReportFiles",
    "SentinelError",
    "__version__",
    "analyse_recordings",
    "chart_heatmap",
    "chart_scatter",
    "chart_scores",
    "chart_severity",
    "chart_timeline",
    "detect",
    "diagnose",
    "examine",
    "explain",
    "export_alerts",
    "get_alert",
    "ingest",
    "list_alerts",
    "list_joint_findings",
    "list_recordings",
    "list_suppressions",
    "load_config",
    "maintain",
    "open_lake",
    "record_alerts",
    "review_alerts",
    "run_nightly",
    "suppress",
    "unsuppress",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
