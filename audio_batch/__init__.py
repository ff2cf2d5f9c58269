"""The voice engine: call recordings in; features, scores, verdicts and decisions out.

Every public name is loaded on first use, so that importing the package loads neither NumPy nor a model. Scores run from
0 = human to 1 = synthetic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audio_batch.assessment import Assessment, assess
    from audio_batch.batch import BatchResult, run
    from audio_batch.contexts import match_contexts, read_contexts
    from audio_batch.decoding import Properties, RawFormat, decode, probe, read_blocks
    from audio_batch.demo import demonstrate
    from audio_batch.errors import AudioError
    from audio_batch.feature_tables import tabulate_features
    from audio_batch.routing import Decision, Policy, append_audit, list_policies, load_policy, route
    from audio_batch.sar import SarDraft, draft_sar
    from audio_batch.segmentation import Segment, cut_segments, detect_speech
    from audio_batch.speaker import (
        Enrollment,
        embed,
        enroll,
        find_duplicates,
        forget,
        list_enrollments,
        verify,
    )
    from audio_batch.spoof import calibrate_model, evaluate_model, score, score_signal, train_model
    from audio_batch.validation import Quality, Repair, Validation, measure_quality, repair, validate
    from audio_batch.verdict import Reason, SegmentScore, Verdict, Verification

_EXPORTS = {
    "assessment": ("Assessment", "assess"),
    "batch": ("BatchResult", "run"),
    "contexts": ("match_contexts", "read_contexts"),
    "decoding": ("Properties", "RawFormat", "decode", "probe", "read_blocks"),
    "demo": ("demonstrate",),
    "errors": ("AudioError",),
    "feature_tables": ("tabulate_features",),
    "routing": ("Decision", "Policy", "append_audit", "list_policies", "load_policy", "route"),
    "sar": ("SarDraft", "draft_sar"),
    "segmentation": ("Segment", "cut_segments", "detect_speech"),
    "speaker": ("Enrollment", "embed", "enroll", "find_duplicates", "forget", "list_enrollments", "verify"),
    "spoof": ("calibrate_model", "evaluate_model", "score", "score_signal", "train_model"),
    "validation": ("Quality", "Repair", "Validation", "measure_quality", "repair", "validate"),
    "verdict": ("Reason", "SegmentScore", "Verdict", "Verification"),
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = [
    "Assessment",
    "AudioError",
    "BatchResult",
    "Decision",
    "Enrollment",
    "Policy",
    "Properties",
    "Quality",
    "RawFormat",
    "Reason",
    "Repair",
    "SarDraft",
    "Segment",
    "SegmentScore",
    "Validation",
    "Verdict",
    "Verification",
    "append_audit",
    "assess",
    "calibrate_model",
    "cut_segments",
    "decode",
    "demonstrate",
    "detect_speech",
    "draft_sar",
    "embed",
    "enroll",
    "evaluate_model",
    "find_duplicates",
    "forget",
    "list_enrollments",
    "list_policies",
    "load_policy",
    "match_contexts",
    "measure_quality",
    "probe",
    "read_blocks",
    "read_contexts",
    "repair",
    "route",
    "run",
    "score",
    "score_signal",
    "tabulate_features",
    "train_model",
    "validate",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
