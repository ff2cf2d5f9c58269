"""The spoof scorer: is the voice of a recording human (0) or synthetic (1)?

`score` and `score_signal` give a verdict; `train_model`, `evaluate_model` and `calibrate_model` work on labelled
recordings. Measured quality: ``docs/detection-quality.md``; the shipped model's card: ``models/<name>/MODEL_CARD.md``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audio_batch.spoof.aggregation import aggregate_scores, find_suspicious_spans
    from audio_batch.spoof.evaluation import calibrate_model, evaluate_model
    from audio_batch.spoof.model import load_model
    from audio_batch.spoof.scorer import score, score_signal
    from audio_batch.spoof.training import train_model

__all__ = [
    "aggregate_scores",
    "calibrate_model",
    "evaluate_model",
    "find_suspicious_spans",
    "load_model",
    "score",
    "score_signal",
    "train_model",
]

_PLACES = {
    "aggregate_scores": "aggregation",
    "calibrate_model": "evaluation",
    "evaluate_model": "evaluation",
    "find_suspicious_spans": "aggregation",
    "load_model": "model",
    "score": "scorer",
    "score_signal": "scorer",
    "train_model": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
