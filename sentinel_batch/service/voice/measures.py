"""Features as the voice API answers them: published names where they mean what ours mean, then all of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PUBLISHED: Mapping[str, tuple[str, float]] = {
    "spectral_centroid": ("spectral_centroid_mean", 1.0),
    "spectral_rolloff": ("spectral_rolloff_mean", 1.0),
    "spectral_flatness": ("spectral_flatness_mean", 1.0),
    "spectral_flux": ("spectral_flux_mean", 1.0),
    "crest_factor": ("crest_factor", 1.0),
    "clipping_rate": ("clipping_rate", 1.0),
    "hnr_db": ("hnr_mean", 1.0),
    "jitter_percent": ("jitter_local", 100.0),
    "shimmer_percent": ("shimmer_local", 100.0),
}
"""Published name: ours, and what it is multiplied by."""

_FORMANTS = ("f1_median", "f2_median", "f3_median")


def describe_features(found: dict[str, Any]) -> dict[str, Any]:
    """Return the features of the segment that scores highest; published names that are not known are left out.

    Parameters
    ----------
    found
        What the worker answered, with features.
    """
    verdict, rows = found["verdict"], found["features"]
    known = {"duration_sec": verdict["duration"]}
    if not rows:
        return known
    worst = max(rows, key=lambda row: _score_of(row, verdict["segments"]))
    values = {name: value for name, value in worst["values"].items() if value == value}
    published = {name: values[own] * factor for name, (own, factor) in _PUBLISHED.items() if own in values}
    formants = [values[name] for name in _FORMANTS if name in values]
    return {
        **known,
        "sample_rate": worst["sampling_rate"],
        **published,
        **({"formant_frequencies": formants} if formants else {}),
        **{name: worst[name] for name in ("channel", "start", "end", "feature_set_version")},
        **values,
    }


def describe_reasons(verdict: dict[str, Any]) -> dict[str, Any]:
    """Return why a score is what it is, by published names."""
    return {
        "reason_codes": [reason["feature"] for reason in verdict["reasons"]],
        "feature_contributions": {reason["feature"]: reason["contribution"] for reason in verdict["reasons"]},
    }


def _score_of(row: dict[str, Any], segments: list[dict[str, Any]]) -> float:
    place = (row["channel"], row["start"])
    return next((one["score"] for one in segments if (one["channel"], one["start"]) == place), 0.0)
