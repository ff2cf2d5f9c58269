"""What verdicts teach: scorecard of the rules, calibration, a model. See ``docs/learning.md``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentinel_batch.learning.adoption import render_toml, write_toml
    from sentinel_batch.learning.assessment import evaluate_model
    from sentinel_batch.learning.calibration import Proposal, calibrate_rules
    from sentinel_batch.learning.model import Model, open_model
    from sentinel_batch.learning.scorecard import Scorecard, compute_scorecard
    from sentinel_batch.learning.scoring import CallerExplanation, explain_caller, score_callers
    from sentinel_batch.learning.training import train_model

_HOME = {
    "CallerExplanation": "scoring",
    "Model": "model",
    "Proposal": "calibration",
    "Scorecard": "scorecard",
    "calibrate_rules": "calibration",
    "compute_scorecard": "scorecard",
    "evaluate_model": "assessment",
    "explain_caller": "scoring",
    "open_model": "model",
    "render_toml": "adoption",
    "score_callers": "scoring",
    "train_model": "training",
    "write_toml": "adoption",
}

__all__ = [
    "CallerExplanation",
    "Model",
    "Proposal",
    "Scorecard",
    "calibrate_rules",
    "compute_scorecard",
    "evaluate_model",
    "explain_caller",
    "open_model",
    "render_toml",
    "score_callers",
    "train_model",
    "write_toml",
]


def __getattr__(name: str) -> Any:
    """Load an exported name when it is first used, so that importing the package stays cheap."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
