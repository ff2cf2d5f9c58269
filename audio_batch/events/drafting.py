"""A draft of a report on the recording of an event, made only where the event and the consumer both ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from audio_batch.routing import route
from audio_batch.sar import draft_sar
from audio_batch.verdict import Reason, SegmentScore, Splice, Verdict, Verification


def draft_report(
    folder: Path,
    path: Path,
    row: Mapping[str, Any],
    segments: Sequence[Mapping[str, Any]],
    context: Mapping[str, Any],
    policy: str,
) -> dict[str, Any]:
    """Write a draft, and return its ``status`` (always ``draft``), ``case_id`` and ``missing_fields``.

    Parameters
    ----------
    folder
        Where drafts are kept.
    path
        The recording.
    row, segments
        What the analysis of the recording said of it.
    context
        What the policy looked at.
    policy
        What routed it.
    """
    verdict = _restore_verdict(path, row, segments)
    verification = _restore_verification(path, row)
    decision = route(verdict, verification, context, policy)
    draft = draft_sar(decision, verdict, verification=verification, context=context)
    draft.write(folder)
    return {
        "status": draft.status,
        "case_id": draft.case_id,
        "missing_fields": [f"{missing.document}: {missing.field}" for missing in draft.missing_fields],
    }


def _restore_verdict(path: Path, row: Mapping[str, Any], segments: Sequence[Mapping[str, Any]]) -> Verdict:
    given = {field.name: row[field.name] for field in fields(Verdict) if field.name in row}
    own: dict[str, Any] = {
        "path": str(path),
        "duration": row["scored_seconds"],
        "segments": tuple(SegmentScore(**segment) for segment in segments),
        "reasons": tuple(Reason(**reason) for reason in row["reasons"]),
        "notices": tuple(row["notices"]),
        "splices": tuple(Splice(**splice) for splice in row["splices"]),
    }
    return Verdict(**(given | own))


def _restore_verification(path: Path, row: Mapping[str, Any]) -> Verification | None:
    if row.get("verified") is None:
        return None
    return Verification(
        path=str(path),
        verified=row["verified"],
        enrollment_id=row["enrollment_id"],
        confidence=row["verification_confidence"],
        session_id=row["session_id"],
        log_likelihood_ratio=row["log_likelihood_ratio"],
        similarity=row["similarity"],
        channel_match=row["channel_match"],
        reasons=tuple(row["verification_reasons"]),
    )
