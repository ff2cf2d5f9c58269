"""From a decision to a draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from audio_batch.errors import AudioUsageError
from audio_batch.routing.decision import Decision
from audio_batch.sar.configuration import SarConfig, load_sar_config
from audio_batch.sar.document import write_document
from audio_batch.sar.evidence import write_evidence
from audio_batch.sar.fincen import FincenBuilder
from audio_batch.sar.goaml import GoamlBuilder
from audio_batch.sar.narrative import DRAFT_MARK, select_key_terms, write_narrative
from audio_batch.sar.record import CallRecord, MissingField, read_record
from audio_batch.sar.wording import clean_text, split_blocks
from audio_batch.verdict import Verdict, Verification
from batch_base.hashing import hash_value

Outcome = Literal["allow", "deny", "review"]

FORMAT = 1
_OUTCOMES: dict[str, Outcome] = {"ALLOW": "allow", "BLOCK": "deny"}


@dataclass(frozen=True)
class SarDraft:
    """A draft of a suspicious-activity report.

    Attributes
    ----------
    case_id
        Derived from the recording, the decision, the context and the configuration: the same inputs give the same id.
    decision
        ``allow``, ``deny`` or ``review``.
    narrative
        The text, one paragraph per line.
    routing, verdict, verification, record, config
        What the draft was made from.
    filing_date
        Day that is written where a filing needs its date; None if it is missing.
    """

    case_id: str
    decision: Outcome
    narrative: str
    routing: Decision
    verdict: Verdict
    verification: Verification | None
    record: CallRecord
    config: SarConfig
    filing_date: date | None

    @property
    def status(self) -> str:
        """Always ``draft``: nothing here files anything."""
        return "draft"

    @property
    def session_id(self) -> str:
        """The session that the draft is about."""
        return self.routing.session_id

    @property
    def key_terms(self) -> tuple[str, ...]:
        """The key terms of FinCEN that apply."""
        return select_key_terms(self.verdict)

    @property
    def missing_fields(self) -> tuple[MissingField, ...]:
        """The fields that a filing would need and that are not known, first FinCEN's, then goAML's."""
        return (*self._fincen[1], *self._goaml[1])

    def to_fincen_xml(self) -> str:
        """Return FinCEN SAR XML 2.0; valid by its schema if no field is missing."""
        return self._fincen[0]

    def to_goaml_xml(self) -> str:
        """Return goAML XML with the codes of the configuration; valid by its schema if no field is missing."""
        return self._goaml[0]

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return {
            "format": FORMAT,
            "notice": DRAFT_MARK,
            "status": self.status,
            "case_id": self.case_id,
            "session_id": self.session_id,
            "decision": self.decision,
            "key_terms": list(self.key_terms),
            "filing_date": self.filing_date.isoformat() if self.filing_date else None,
            "narrative": self.narrative,
            "narrative_blocks": split_blocks(self.narrative),
            "missing_fields": [asdict(item) for item in self.missing_fields],
            "record": self.record.to_dict(),
            "routing": self.routing.to_dict(),
            "config_sha256": self.config.sha256,
        }

    def write(self, folder: str | Path) -> Path:
        """Write all documents and the evidence manifest.

        Parameters
        ----------
        folder
            Where to put them; a folder named after the draft's case id is made in it, readable by its owner only.

        Returns
        -------
        Path
            The folder of the draft. ``evidence.json`` is written last: where it is, the rest is complete.

        Raises
        ------
        AudioUsageError
            If it cannot be written.
        """
        return write_evidence(
            Path(folder) / self.case_id,
            {
                "sar.json": self.to_dict(),
                "verdict.json": self.verdict.to_dict(),
                "verification.json": self.verification.to_dict() if self.verification else None,
                "narrative.txt": self.narrative + "\n",
                "fincen.xml": self.to_fincen_xml(),
                "goaml.xml": self.to_goaml_xml(),
            },
            case_id=self.case_id,
            recording=Path(self.verdict.path),
            recording_sha256=self.verdict.sha256,
            input_hashes={**self.routing.input_hashes, "config_sha256": self.config.sha256},
        )

    @cached_property
    def _fincen(self) -> tuple[str, list[MissingField]]:
        builder = FincenBuilder(
            self.config, self.record, self.narrative, self.key_terms, self.routing.policy, self.filing_date
        )
        root = builder.build()
        return write_document(root, builder.missing), builder.missing

    @cached_property
    def _goaml(self) -> tuple[str, list[MissingField]]:
        risk = self.routing.composite_risk or 0.0
        action = f"Routing asked for: {self.routing.action}. Recommended: {'; '.join(self.routing.controls)}."
        builder = GoamlBuilder(self.config, self.record, self.narrative, action, self.case_id, risk, self.filing_date)
        root = builder.build()
        return write_document(root, builder.missing), builder.missing


def draft_sar(
    decision: Decision,
    verdict: Verdict,
    *,
    verification: Verification | None = None,
    context: Mapping[str, Any] | None = None,
    config: SarConfig | str | Path | None = None,
    outcome: Outcome | None = None,
    reason: str = "",
    now: datetime | None = None,
) -> SarDraft:
    """Draft a suspicious-activity report. Nothing is filed or sent.

    Parameters
    ----------
    decision
        What the router decided.
    verdict
        What the spoof scorer said of the same recording.
    verification
        What the voice verification said, if there was one.
    context
        Columns of the manifest: ``call_time`` (ISO 8601), ``call_id``, ``caller_number``, ``amount``, ``currency``,
        ``beneficiary_name``, ``destination_country``, ``customer_id``, ``customer_name``, ``account_number``, and, only
        if the suspect is known, ``subject_first_name`` and ``subject_last_name``.
    config
        What the institution knows about itself: a loaded configuration or the path of a TOML file.
    outcome
        ``allow``, ``deny`` or ``review``; by default from the action: ALLOW, BLOCK, and all others.
    reason
        Remark of the analyst; becomes a paragraph of the narrative.
    now
        Written where a filing needs its date; without it that field is missing. To be set anew on filing.

    Returns
    -------
    SarDraft
        The draft. The same inputs give the same draft.

    Raises
    ------
    AudioUsageError
        If the configuration or the outcome is not allowed, or decision and verdict speak of different recordings.
    """
    settings = config if isinstance(config, SarConfig) else load_sar_config(config)
    if outcome is not None and outcome not in get_args(Outcome):
        message = f"The decision {outcome!r} of a report is not allowed. Allowed: {', '.join(get_args(Outcome))}."
        raise AudioUsageError(message, hint="Leave it out to take it from the action.", value=outcome)
    if decision.input_hashes["recording_sha256"] != verdict.sha256:
        message = f"The decision {decision.session_id!r} was not made on the recording of {verdict.session_id!r}."
        raise AudioUsageError(message, hint="Pass the verdict that was routed.", value=verdict.sha256)
    record = read_record(verdict, context, currency=settings.currency)
    name = settings.institution.name
    return SarDraft(
        case_id=_name_case(decision, context, settings, outcome, reason),
        decision=outcome or _OUTCOMES.get(decision.action, "review"),
        narrative=write_narrative(record, decision, verdict, verification, institution=name, remark=reason),
        routing=decision,
        verdict=verdict,
        verification=verification,
        record=record,
        config=settings,
        filing_date=now.date() if now else None,
    )


def _name_case(
    decision: Decision, context: Mapping[str, Any] | None, config: SarConfig, outcome: str | None, reason: str
) -> str:
    parts = [decision.to_dict(), dict(context or {}), config.sha256, outcome, clean_text(reason)]
    return f"DRAFT-{hash_value(parts)[:16].upper()}"
