"""Reports of suspicious activity: what is asked for becomes a draft on this disk. Nothing is filed or sent."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from audio_batch.routing import route
from audio_batch.sar import draft_sar
from audio_batch.verdict import Verdict
from batch_base.hashing import hash_value
from batch_base.plain import to_plain
from sentinel_batch.service.voice.forms import check_text
from sentinel_batch.service.voice.hearings import Hearing, HearingStore
from sentinel_batch.service.voice.refusals import refuse
from sentinel_batch.window import now

DECISIONS = ("allow", "deny", "review")
NOT_HEARD = "no_recording"
"""Abstention of a report on a session in which nothing was heard here."""

_NOTICE = "A draft for a compliance officer. Nothing was filed or sent."
_REASON_LENGTH = 4000
_REQUIRED = ("session_id", "decision", "reason")


def read_report(document: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a request for a report, checked.

    Raises
    ------
    HTTPException
        400 if one is missing or not allowed.
    """
    document = _read_later_form(document)
    if not all(document.get(name) for name in _REQUIRED):
        raise refuse(400, f"Missing required fields: {', '.join(_REQUIRED)}", code="missing")
    if document["decision"] not in DECISIONS:
        raise refuse(400, "Invalid decision. Must be 'allow', 'deny', or 'review'", code="bad_value")
    metadata = document.get("metadata")
    if not isinstance(metadata, dict | None):
        raise refuse(400, "metadata is not a JSON object.", code="bad_value")
    reason = document["reason"]
    if not isinstance(reason, str) or len(reason) > _REASON_LENGTH:
        raise refuse(400, f"reason is not a text of at most {_REASON_LENGTH} characters.", code="bad_value")
    return {
        "session_id": check_text("session_id", document["session_id"]),
        "decision": document["decision"],
        "reason": reason,
        "metadata": metadata or {},
    }


def _read_later_form(document: dict[str, Any]) -> dict[str, Any]:
    """Return a request of the later clients, which speak of transactions, as one that speaks of sessions."""
    if "session_id" in document or "transaction_id" not in document:
        return document
    wished = document.get("compliance_action")
    return {
        "session_id": document["transaction_id"],
        "decision": wished if wished in DECISIONS else "review",
        "reason": document.get("activity_description"),
        "metadata": {name: value for name, value in document.items() if name != "activity_description"},
    }


class ReportDesk:
    """Drafts reports on the sessions of one service.

    Parameters
    ----------
    hearings
        What was heard in them.
    folder
        Where the drafts are put, a folder for each case.
    policy
        Routing policy that a report tells the outcome of.
    """

    def __init__(self, hearings: HearingStore, folder: Path, policy: str | Path) -> None:
        self._hearings = hearings
        self._folder = folder
        self._policy = policy

    def draft(self, asked: dict[str, Any], by: str, key: str | None) -> dict[str, Any]:
        """Draft a report; the same idempotency key gives the same answer.

        Parameters
        ----------
        asked
            From `read_report`.
        by
            Who asks.
        key
            The idempotency key, or None: then the same request gives the same case all the same.

        Raises
        ------
        HTTPException
            422 if the key was used for another request.
        """
        digest = hash_value(asked)
        known = self._hearings.recall(by, key) if key else None
        if known is not None and known[0] != digest:
            raise refuse(
                422,
                "This Idempotency-Key was used for another report.",
                code="idempotency_key_reused",
                hint="Send a fresh key with a fresh report.",
            )
        if known is not None:
            return known[1] | {"repeated": True}
        answer = self._write(asked)
        if key:
            self._hearings.remember(by, key, digest, answer | {"repeated": False})
        return answer

    def _write(self, asked: dict[str, Any]) -> dict[str, Any]:
        hearing = self._hearings.find(asked["session_id"]) or _nothing_heard(asked["session_id"])
        context = hearing.facts | asked["metadata"]
        decision = route(hearing.verdict, hearing.verification, context, self._policy)
        moment = now()
        draft = draft_sar(
            decision, hearing.verdict, verification=hearing.verification, context=context,
            outcome=asked["decision"], reason=asked["reason"], now=moment,
        )  # fmt: skip
        repeated = (self._folder / draft.case_id / "evidence.json").exists()
        if not repeated:
            draft.write(self._folder)
        return {
            "status": "submitted",
            "case_id": draft.case_id,
            "session_id": draft.session_id,
            "submitted_at": to_plain(moment),
            "draft": True,
            "filed": False,
            "notice": _NOTICE,
            "decision": draft.decision,
            "action": decision.action,
            "recording_sha256": hearing.verdict.sha256 if hearing.verdict.abstention != NOT_HEARD else None,
            "missing_fields": len(draft.missing_fields),
            "repeated": repeated,
        }


def _nothing_heard(session_id: str) -> Hearing:
    """A report may be on a call that was not heard here; it says so, and claims nothing of a voice."""
    verdict = Verdict(
        path="", sha256=hashlib.sha256().hexdigest(), score=None, label="uncertain", confidence=0.0, latency_ms=0.0,
        session_id=session_id, model_version="", duration=0.0, speech_seconds=0.0, channel_class="",
        abstention=NOT_HEARD,
    )  # fmt: skip
    return Hearing(verdict, None, {})
