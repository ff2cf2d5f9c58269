"""What verdicts teach: scorecard of the rules, calibration, a model, one ranked queue. See ``docs/learning.md``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentinel_batch.learning.ranking import rank_suspects
    from sentinel_batch.learning.scorecard import Scorecard, compute_scorecard

_HOME = {
    "Scorecard": "scorecard",
    "compute_scorecard": "scorecard",
    "rank_suspects": "ranking",
}

__all__ = [
    "Scorecard",
    "compute_scorecard",
    "rank_suspects",
]


def __getattr__(name: str) -> Any:
    """Load an exported name when it is first used, so that importing the package stays cheap."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
