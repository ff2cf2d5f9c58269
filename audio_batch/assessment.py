"""One recording, validated and scored: no label rests on a damaged file, and no failure is raised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, TypeVar

from audio_batch import spoof, validation
from audio_batch.decoding import RawFormat, keep_samples
from audio_batch.errors import AudioError, AudioUsageError, UnreadableAudioError
from audio_batch.verdict import Verdict

if TYPE_CHECKING:
    from audio_batch.spoof.model import ModelLike
    from audio_batch.validation import Validation

T = TypeVar("T")

INVALID = "invalid_recording"
"""Abstention of a recording that can be decoded, and is damaged."""


@dataclass(frozen=True)
class Assessment:
    """What is known of one recording.

    Attributes
    ----------
    validation
        What the file is; None only if validation itself failed.
    verdict
        The scorer's answer, or None if the file cannot be decoded. A recording that is not valid keeps its score, with
        the label ``uncertain`` and the abstention ``invalid_recording``.
    error
        ``code``, ``message`` and ``hint`` of what stood in the way of a verdict, or None.
    """

    path: str
    validation: Validation | None
    verdict: Verdict | None
    error: dict[str, str] | None

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict's fields (null without one), ``is_valid``, ``issues`` (their codes) and ``error``."""
        fields = self.verdict.to_dict() if self.verdict else {**_NOTHING, "path": self.path}
        checked = self.validation
        facts = {
            "is_valid": checked.is_valid if checked else None,
            "issues": list(checked.codes) if checked else [],
        }
        return {**fields, **facts, "error": self.error}


_NOTHING: dict[str, Any] = {
    **dict.fromkeys(
        (
            "path", "sha256", "score", "label", "confidence", "latency_ms", "session_id", "model_version", "duration",
            "speech_seconds", "channel_class", "abstention", "model_sha256",
        )
    ),
    "segments": (),
    "reasons": (),
    "notices": (),
    "splices": (),
}  # fmt: skip


def assess(
    path: str | PathLike[str],
    *,
    model: ModelLike = None,
    session_id: str | None = None,
    channel_roles: Mapping[int, str] | None = None,
    raw: RawFormat | None = None,
    profile: str = "telephone",
) -> Assessment:
    """Validate and score a recording; whatever the file holds, nothing is raised.

    Parameters
    ----------
    path
        The recording.
    model
        Name, folder or specification of a model (`audio_batch.spoof.load_model`); None is the default.
    session_id
        Name for the verdict; None derives it from the recording's hash.
    channel_roles
        Role by channel index; channels of the role ``agent`` do not decide where there is another one.
    raw
        Format of a file without header.
    profile
        Validation profile: a name, or a TOML file.

    Returns
    -------
    Assessment

    Raises
    ------
    AudioUsageError
        The profile is not known.
    ModelError
        The model cannot be read.
    """
    validation.load_profile(profile)
    spoof.load_model(model)
    options: dict[str, Any] = {"model": model, "session_id": session_id, "channel_roles": channel_roles}
    with keep_samples(path):
        checked, _ = _attempt(lambda: validation.validate(path, profile=profile, raw=raw))
        verdict, error = _attempt(lambda: spoof.score(path, **options, raw=raw, profile=profile))
    if verdict is not None:
        verdict = withhold_label(verdict, checked)
    return Assessment(fspath(path), checked, verdict, error)


def withhold_label(verdict: Verdict, checked: Validation | None) -> Verdict:
    """Return the verdict; where the recording is not valid, the score stays and the label is withheld."""
    if checked is None or checked.is_valid or verdict.abstention is not None:
        return verdict
    return replace(verdict, label="uncertain", abstention=INVALID)


def describe_failure(error: Exception) -> dict[str, str]:
    """Return ``code``, ``message`` and ``hint`` of an error; one that is not the engine's own is ``unexpected``."""
    if isinstance(error, AudioError):
        reason = error.details.get("reason")
        return {"code": str(reason or error.code), "message": error.message, "hint": error.hint}
    if isinstance(error, MemoryError):
        return {"code": "out_of_memory", "message": "There is not enough memory for this recording.", "hint": ""}
    hint = "This is a defect of the voice engine: please report it, with the file if you may."
    return {"code": "unexpected", "message": f"{type(error).__name__}: {error}", "hint": hint}


def require_verdict(assessment: Assessment) -> Verdict:
    """Return the verdict, or raise what stood in its way as an AudioError."""
    if assessment.verdict is not None:
        return assessment.verdict
    error = assessment.error or {"code": "no_verdict", "message": "There is no verdict.", "hint": ""}
    kind = AudioUsageError if error["code"] == "audio_usage" else UnreadableAudioError
    raise kind(error["message"], hint=error["hint"], reason=error["code"], path=assessment.path)


def _attempt(step: Callable[[], T]) -> tuple[T | None, dict[str, str] | None]:
    try:
        return step(), None
    except ImportError:  # Of no recording in particular: an extra is not installed.
        raise
    except Exception as error:
        return None, describe_failure(error)
