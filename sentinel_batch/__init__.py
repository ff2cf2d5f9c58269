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
    from sentinel_batch.cases import (
        CaseChanges,
        CaseFile,
        assign_case,
        build_cases,
        close_case,
        get_case,
        link_suspects,
        list_cases,
        mark_case,
    )
    from sentinel_batch.config import Config, load_config
    from sentinel_batch.desk import Desk, open
    from sentinel_batch.detection import Detections, run_detection
    from sentinel_batch.errors import ExitCode, SentinelError
    from sentinel_batch.ingestion import FileResult, IngestResult, ingest
    from sentinel_batch.lake import Lake, Snapshot
    from sentinel_batch.learning import (
        calibrate_rules,
        compute_scorecard,
        evaluate_model,
        explain_caller,
        open_model,
        score_callers,
        train_model,
    )
    from sentinel_batch.maintenance import Diagnosis, MaintenanceResult, diagnose, maintain
    from sentinel_batch.nightly import NightlyResult, run_nightly
    from sentinel_batch.profiles import (
        ProfileBuild,
        build_profiles,
        read_profiles,
        scan_profiles,
    )
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
    from sentinel_batch.rules import Detection, detect, examine, examine_rules, list_rules
    from sentinel_batch.scores import assess_event, assess_risk, rank_risks, rank_suspects
    from sentinel_batch.simulation import MockCDRGenerator
    from sentinel_batch.simulation.population import (
        PopulationTruth,
        read_truth,
        simulate_population,
    )

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
    "cases": (
        "CaseChanges",
        "CaseFile",
        "assign_case",
        "build_cases",
        "close_case",
        "get_case",
        "link_suspects",
        "list_cases",
        "mark_case",
    ),
    "config": ("Config", "load_config"),
    "desk": ("Desk", "open"),
    "detection": ("Detections", "run_detection"),
    "errors": ("ExitCode", "SentinelError"),
    "ingestion": ("FileResult", "IngestResult", "ingest"),
    "lake": ("Lake", "Snapshot"),
    "learning": (
        "calibrate_rules",
        "compute_scorecard",
        "evaluate_model",
        "explain_caller",
        "open_model",
        "score_callers",
        "train_model",
    ),
    "maintenance": ("Diagnosis", "MaintenanceResult", "diagnose", "maintain"),
    "nightly": ("NightlyResult", "run_nightly"),
    "profiles": (
        "ProfileBuild",
        "build_profiles",
        "read_profiles",
        "scan_profiles",
    ),
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
    "rules": ("Detection", "detect", "examine", "examine_rules", "list_rules"),
    "scores": ("assess_event", "assess_risk", "rank_risks", "rank_suspects"),
    "simulation": ("MockCDRGenerator",),
    "simulation.population": (
        "PopulationTruth",
        "read_truth",
        "simulate_population",
    ),
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = [
    "AlertChanges",
    "CaseChanges",
    "CaseFile",
    "Config",
    "Desk",
    "Detection",
    "Detections",
    "Diagnosis",
    "ExitCode",
    "Explanation",
    "FileResult",
    "IngestResult",
    "Lake",
    "MaintenanceResult",
    "MockCDRGenerator",
    "NightlyResult",
    "PopulationTruth",
    "ProfileBuild",
    "RecordingsResult",
    "ReportFiles",
    "SentinelError",
    "Snapshot",
    "__version__",
    "analyse_recordings",
    "assess_event",
    "assess_risk",
    "assign_case",
    "build_cases",
    "build_profiles",
    "calibrate_rules",
    "chart_heatmap",
    "chart_scatter",
    "chart_scores",
    "chart_severity",
    "chart_timeline",
    "close_case",
    "compute_scorecard",
    "detect",
    "diagnose",
    "evaluate_model",
    "examine",
    "examine_rules",
    "explain",
    "explain_caller",
    "export_alerts",
    "get_alert",
    "get_case",
    "ingest",
    "link_suspects",
    "list_alerts",
    "list_cases",
    "list_joint_findings",
    "list_recordings",
    "list_rules",
    "list_suppressions",
    "load_config",
    "maintain",
    "mark_case",
    "open",
    "open_model",
    "rank_risks",
    "rank_suspects",
    "read_profiles",
    "read_truth",
    "record_alerts",
    "review_alerts",
    "run_detection",
    "run_nightly",
    "scan_profiles",
    "score_callers",
    "simulate_population",
    "suppress",
    "train_model",
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
