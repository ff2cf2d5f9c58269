"""How well the engine finds simulated fraud. See ``docs/detection-quality-cdr.md``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentinel_batch.evaluation.bench import BenchPlan, bench_detection
    from sentinel_batch.evaluation.report import render_report

_HOME = {"BenchPlan": "bench", "bench_detection": "bench", "render_report": "report"}

__all__ = ["BenchPlan", "bench_detection", "render_report"]


def __getattr__(name: str) -> Any:
    """Load an exported name when it is first used, so that importing the package stays cheap."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
