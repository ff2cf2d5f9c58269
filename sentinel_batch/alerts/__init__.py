"""Fraud alerts: what becomes of a finding, from its first night to its verdict. See ``docs/alerts.md``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentinel_batch.alerts.events import list_events
    from sentinel_batch.alerts.explanation import Explanation, explain
    from sentinel_batch.alerts.exports import export_alerts, guard_formulas
    from sentinel_batch.alerts.queries import count_alerts, get_alert, list_alerts
    from sentinel_batch.alerts.recording import AlertChanges, record_alerts
    from sentinel_batch.alerts.review import DISPOSITIONS, review_alerts
    from sentinel_batch.alerts.states import STATUSES
    from sentinel_batch.alerts.suppression import list_suppressions, suppress, unsuppress

_HOME = {
    "AlertChanges": "recording",
    "DISPOSITIONS": "review",
    "Explanation": "explanation",
    "STATUSES": "states",
    "count_alerts": "queries",
    "explain": "explanation",
    "export_alerts": "exports",
    "get_alert": "queries",
    "guard_formulas": "exports",
    "list_alerts": "queries",
    "list_events": "events",
    "list_suppressions": "suppression",
    "record_alerts": "recording",
    "review_alerts": "review",
    "suppress": "suppression",
    "unsuppress": "suppression",
}

__all__ = [
    "DISPOSITIONS",
    "STATUSES",
    "AlertChanges",
    "Explanation",
    "count_alerts",
    "explain",
    "export_alerts",
    "get_alert",
    "guard_formulas",
    "list_alerts",
    "list_events",
    "list_suppressions",
    "record_alerts",
    "review_alerts",
    "suppress",
    "unsuppress",
]


def __getattr__(name: str) -> Any:
    """Load an exported name when it is first used, so that importing the package stays cheap."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
