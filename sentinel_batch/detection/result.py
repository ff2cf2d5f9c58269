"""What rules found in one period, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from sentinel_batch.alerts import AlertChanges
from sentinel_batch.detection.witnesses import Unrecorded
from sentinel_batch.rules import Detection, FailedRule
from sentinel_batch.schema import FINDING_COLUMNS, polars_schema


@dataclass(frozen=True)
class Detections:
    """What rules found in one period, and what became of it.

    Parameters
    ----------
    by_rule
        One detection for each rule that ran, in their order.
    since, until
        The examined period ``(since, until]``; None if no rule ran.
    failed
        Rules of the user's that cannot be used, or failed; the others ran.
    changes
        What became of the alerts; None if nothing was recorded.
    unrecorded
        Findings of witnesses that were left out when the others were recorded.
    suppressions
        Suspects that are on the suppression list, recorded or not, and why.
    """

    by_rule: Sequence[Detection]
    since: datetime | None
    until: datetime | None
    failed: Sequence[FailedRule] = ()
    changes: AlertChanges | None = None
    unrecorded: Unrecorded = field(default_factory=Unrecorded)
    suppressions: Mapping[str, str] = field(default_factory=dict)

    @property
    def findings(self) -> pl.DataFrame:
        """The findings of all rules, each rule's worst first, with the severity of their expected loss."""
        frames = [found.findings for found in self.by_rule]
        return pl.concat(frames) if frames else pl.DataFrame(schema=polars_schema(FINDING_COLUMNS))

    @property
    def notices(self) -> list[str]:
        """What about the lists of rules makes it likely that they match nothing, in words."""
        return list(dict.fromkeys(notice for found in self.by_rule for notice in found.notices))

    @property
    def configured(self) -> bool:
        """True if every rule ran as it is configured: such findings are what a night would record."""
        return all(found.configured for found in self.by_rule)

    @property
    def calls_examined(self) -> int:
        """The largest number of calls that a rule looked at."""
        return max((found.calls_examined for found in self.by_rule), default=0)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document that every command which detects prints."""
        findings, changes = self.findings, self.changes
        return {
            "status": "success" if not self.failed else "partial" if self.by_rule else "failed",
            "alerts_generated": len(changes.created) if changes else 0,
            "alert_ids": changes.created if changes else [],
            "suspects": list(dict.fromkeys(findings["suspect_number"])),
            "recorded": changes is not None,
            "run_id": changes.run_id if changes else None,
            "since": self.since,
            "until": self.until,
            "calls_examined": self.calls_examined,
            "counts": {"findings": findings.height, **(changes.counts() if changes else {})},
            "rules": [describe_detection(found) for found in self.by_rule],
            "failed": [rule.to_dict() for rule in self.failed],
            "notices": self.notices,
            "unrecorded": self.unrecorded.to_dict(),
            "suppressed": changes.suppressed if changes else [],
            "alerts": changes.alerts.to_dicts() if changes else [],
            "findings": [
                {**row, "suppressed": self.suppressions.get(row["suspect_number"])} for row in findings.to_dicts()
            ],
        }


def describe_detection(found: Detection) -> dict[str, Any]:
    """Return in what a rule looked, and with which values."""
    return {
        "rule": found.rule.id,
        "rule_version": found.rule.version,
        "parameters": found.parameters,
        "configured": found.configured,
        "read_since": found.read_since,
        "trailing": found.trailing,
        "direction": found.direction,
        "answered_only": found.answered_only,
        "calls_examined": found.calls_examined,
        "findings": found.findings.height,
    }
