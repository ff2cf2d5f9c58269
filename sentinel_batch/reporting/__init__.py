"""The report: one HTML page, one JSON document and one Parquet file about the alerts of a period."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentinel_batch.reporting.charts import chart_heatmap, chart_scatter, chart_severity, chart_timeline
    from sentinel_batch.reporting.output import ReportFiles, write_report
    from sentinel_batch.reporting.score_chart import chart_scores

__all__ = [
    "ReportFiles",
    "chart_heatmap",
    "chart_scatter",
    "chart_scores",
    "chart_severity",
    "chart_timeline",
    "write_report",
]

_HOMES = {"ReportFiles": "output", "write_report": "output", "chart_scores": "score_chart"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'charts')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
