"""The report's part on call recordings, read from the lake."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.recordings import list_joint_findings, list_recordings, read_segments, with_call_times
from sentinel_batch.reporting.marks import LABEL_COLOURS, count_scores
from sentinel_batch.schema import RUNS

if TYPE_CHECKING:
    from sentinel_batch.desk import Desk
    from sentinel_batch.reporting.period import Period

MAX_RECORDINGS = 200
"""Recordings that the page and the JSON document list, the worst ones."""

DRILL_DOWNS = 20
"""Of these the worst so many have the score over time, and the picture on the page."""

WORST_SEGMENTS = 3
"""Segments of a recording that are named; they do not overlap."""

BINS = 240
"""Steps of the score over time: those of the picture."""

_FACTS = (
    "recording_id", "path", "sha256", "file_size", "run_id", "analysed_at", "status", "error_code", "error_stage",
    "error_message", "call_id", "caller_number", "callee_number", "format", "codec", "sampling_rate", "channels",
    "duration", "speech_seconds", "score", "label", "confidence", "abstention", "channel_class", "session_id",
    "model_version", "model_sha256", "segment_count", "is_valid",
)  # fmt: skip
_QUALITY = "quality_"
_VERIFICATION = ("enrollment_id", "verified", "log_likelihood_ratio", "similarity", "channel_match")
_ROUTE = ("policy", "policy_version", "action", "composite_risk", "decisive_rule")


@dataclass(frozen=True)
class Voices:
    """Recordings that a report is about.

    Parameters
    ----------
    recordings
        Rows of table ``recordings`` with their ``call_time``, worst first.
    segments
        Rows of table ``audio_segments`` of those that are listed.
    joint
        Suspects of an alert whose recordings are likely synthetic.
    outside
        Rows of those that were analysed since the period began, and whose calls lie before or after it.
    unread
        What else the folders of recordings held when each was last analysed: ``kind``, ``files``, ``examples``,
        ``needed``.
    """

    recordings: pl.DataFrame
    segments: pl.DataFrame
    joint: pl.DataFrame
    outside: pl.DataFrame
    unread: list[dict[str, Any]]


def gather_voices(desk: Desk, period: Period | None, generated_at: datetime) -> Voices:
    """Read the recordings of a report.

    A report on the whole lake has all recordings. One on a period has those whose call lies in it, by the manifest;
    where the manifest does not say, those that were analysed from its start until the report was written.

    Parameters
    ----------
    desk
        Where to read; times of the manifest without an offset are read in its zone.
    period, generated_at
        The report's.
    """
    known = list_recordings(lake=desk).filter(pl.col("analysed_at") <= generated_at)
    found = with_call_times(known, desk.config.timezone)
    outside = found.clear()
    if period is not None and not period.includes_since:
        recent = pl.col("analysed_at") >= period.since
        inside = pl.col("call_time").is_between(period.first_instant, period.until).fill_null(recent)
        found, outside = found.filter(inside), found.filter(recent & ~inside)
    listed = found["recording_id"].head(MAX_RECORDINGS).to_list()
    segments, joint = read_segments(lake=desk, recording_ids=listed), list_joint_findings(lake=desk)
    return Voices(found, segments, joint, outside, _list_unread(desk, period, generated_at))


def _list_unread(desk: Desk, period: Period | None, generated_at: datetime) -> list[dict[str, Any]]:
    """Read what the latest analysis of each folder left; for a period, of those analysed since it began."""
    runs = desk.tables.read(RUNS.name).filter(
        (pl.col("command") == "audio") & (pl.col("outcome") == "done") & (pl.col("started_at") <= generated_at)
    )
    if period is not None and not period.includes_since:
        runs = runs.filter(pl.col("started_at") >= period.since)
    latest = {
        _load(row["parameters"], {}).get("directory"): _load(row["counts"], {}).get("unread", [])
        for row in runs.sort("run_id").iter_rows(named=True)
    }
    found = [group for groups in latest.values() for group in groups]
    return sorted(found, key=lambda group: (-group["files"], group["kind"]))


def describe_voices(voices: Voices) -> dict[str, Any]:
    """Return ``recordings`` of ``report.schema.json``."""
    found = voices.recordings
    listed = found.head(MAX_RECORDINGS)
    spans = voices.segments.partition_by("recording_id", as_dict=True) if voices.segments.height else {}
    segments = {str(key[0]): frame.to_dicts() for key, frame in spans.items()}
    statuses = Counter(found["status"])
    return {
        "total": found.height,
        "shown": listed.height,
        "funnel": {
            "received": found.height,
            "valid": int(found["is_valid"].fill_null(False).sum()),
            **{status: statuses[status] for status in ("scored", "abstained", "failed")},
        },
        "abstained_by_reason": _count(found, "abstention", "reason"),
        "failed_by_reason": _count(found.filter(pl.col("status") == "failed"), "error_code", "reason"),
        "by_label": {label: int((found["label"] == label).sum()) for label in LABEL_COLOURS},
        "by_action": _count(found, "action", "action"),
        "scores": count_scores(found).to_dicts(),
        "joint_findings": voices.joint.to_dicts(),
        "outside": {
            "recordings": voices.outside.height,
            "likely_synthetic": int((voices.outside["label"] == "likely_synthetic").sum()),
        },
        "unread": voices.unread,
        "items": [
            describe_recording(row, segments.get(row["recording_id"], []), drawn=place < DRILL_DOWNS)
            for place, row in enumerate(listed.iter_rows(named=True))
        ],
    }


def describe_recording(row: dict[str, Any], segments: list[dict[str, Any]], *, drawn: bool) -> dict[str, Any]:
    """Return one recording: the row with its documents unpacked, and its worst segments.

    Parameters
    ----------
    row
        Row of table ``recordings``.
    segments
        Its scored segments.
    drawn
        Whether the score over time is wanted.
    """
    decision = _load(row["decision"], {})
    quality = {name.removeprefix(_QUALITY): value for name, value in row.items() if name.startswith(_QUALITY)}
    return {
        **{name: row[name] for name in _FACTS},
        "call_time": row.get("call_time"),
        "quality": quality,
        "issues": _load(row["issues"], []),
        "reasons": _load(row["reasons"], []),
        "notices": _load(row["notices"], []),
        "splices": [splice for splice in _load(row.get("splices"), []) if _is_span(splice)],
        "worst_segments": choose_worst(segments),
        "timeline": _timeline(segments, row["duration"]) if drawn else None,
        "verification": _verification(row),
        "route": {
            **{name: row[name] for name in _ROUTE},
            "rules_fired": [
                {name: rule.get(name) for name in ("id", "action", "reason")}
                for rule in decision.get("rules_fired", [])
            ],
            "missing_inputs": _load(row["missing_inputs"], []),
        }
        if row["action"] is not None
        else None,
    }


def choose_worst(segments: Iterable[dict[str, Any]], limit: int = WORST_SEGMENTS) -> list[dict[str, Any]]:
    """Return the segments with the highest scores; of those that overlap in a channel only the worst."""
    chosen: list[dict[str, Any]] = []
    for segment in sorted(segments, key=lambda s: (-s["score"], s["channel"], s["start"])):
        apart = all(
            segment["channel"] != other["channel"]
            or segment["start"] >= other["end"]
            or segment["end"] <= other["start"]
            for other in chosen
        )
        if apart and len(chosen) < limit:
            chosen.append({name: segment[name] for name in ("channel", "role", "start", "end", "score")})
    return chosen


def _timeline(segments: list[dict[str, Any]], duration: float | None) -> list[dict[str, Any]]:
    """The highest score in each of 240 steps of the recording, by channel; null where nobody spoke."""
    if not duration:
        return []
    lines: dict[int, dict[str, Any]] = {}
    for segment in segments:
        line = lines.setdefault(
            segment["channel"], {"channel": segment["channel"], "role": segment["role"], "scores": [None] * BINS}
        )
        first = min(BINS - 1, int(segment["start"] / duration * BINS))
        last = min(BINS, max(first + 1, round(segment["end"] / duration * BINS)))
        for place in range(first, last):
            line["scores"][place] = max(line["scores"][place] or 0.0, round(segment["score"], 3))
    return [lines[channel] for channel in sorted(lines)]


def _verification(row: dict[str, Any]) -> dict[str, Any] | None:
    if row["enrollment_id"] is None:
        return None
    facts = {name: row[name] for name in _VERIFICATION}
    return {**facts, "confidence": row["verification_confidence"], "reasons": _load(row["verification_reasons"], [])}


def _count(frame: pl.DataFrame, column: str, name: str) -> list[dict[str, Any]]:
    counts = Counter(frame[column].drop_nulls())
    return [{name: value, "recordings": counts[value]} for value in sorted(counts, key=lambda v: (-counts[v], v))]


def _is_span(splice: Any) -> bool:
    return isinstance(splice, dict) and all(isinstance(splice.get(name), int | float) for name in ("start", "end"))


def _load(text: str | None, empty: Any) -> Any:
    try:
        found = json.loads(text or "null")
    except ValueError:
        return empty
    return found if isinstance(found, type(empty)) else empty
