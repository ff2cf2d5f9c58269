"""What ``audio demo`` tells of a call: what was heard, whose voice it is, what is decided, and the report's draft."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sentinel_batch.cli.audio.options import show_score
from sentinel_batch.cli.output import Output
from sentinel_batch.cli.text import count_of

Facts = Mapping[str, Any]

_REASONS = 2
_INDENT = " " * 3


def tell_story(out: Output, recordings: list[Facts], *, bundled: bool) -> None:
    """Print what happened to each call, in the order in which it happened."""
    if bundled:
        out.prose(
            "A customer enrols her voice with three recordings. Then two calls ask for a transfer of 75,000 USD to a "
            "new beneficiary: one is hers, the other a synthetic voice that claims to be her."
        )
        out.line()
    for number, facts in enumerate(recordings, start=1):
        _tell(out, number, facts)
        out.line()
    out.note("All figures and the whole draft: sentinel-batch audio demo --json")


def _tell(out: Output, number: int, facts: Facts) -> None:
    verdict = facts["detection"]
    out.line(f"{number}. {Path(verdict['path']).name}: {verdict['duration']:.1f} s, {verdict['channel_class']}")
    said = [reason["text"] for reason in verdict["reasons"][:_REASONS]]
    _say(out, "Detect", f"{_word_score(verdict)}. {'. '.join(said)}")
    if facts["verification"] is not None:
        _say(out, "Verify", _word_verification(facts["verification"]))
    _say(out, "Route", _word_routing(facts["routing"]))
    _say(out, "Report", _word_report(facts["sar"]))


def _say(out: Output, step: str, text: str) -> None:
    out.prose(f"{text.rstrip('. ')}.", label=f"{_INDENT}{step:8}")


def _word_score(verdict: Facts) -> str:
    score = show_score(verdict["score"]) or "none"
    why = f", because of {verdict['abstention']}" if verdict["abstention"] else ""
    return f"{verdict['label']}{why}: score {score} (0 human … 1 synthetic), confidence {verdict['confidence']:.2f}"


def _word_verification(found: Facts) -> str:
    answer = "yes" if found["verified"] else "no"
    why = "; ".join(reason.partition(": ")[2] or reason for reason in found["reasons"])
    return f"{answer}, as {found['enrollment_id']}: {why}"


def _word_routing(decision: Facts) -> str:
    rules = " ".join(rule["reason"] for rule in decision["rules_fired"])
    risk = "none" if decision["composite_risk"] is None else f"{decision['composite_risk']:.2f}"
    controls = "; ".join(decision["controls"])
    return f"{decision['action']} by {decision['policy']} {decision['policy_version']}, risk {risk}. {rules} {controls}"


def _word_report(report: Facts | None) -> str:
    if report is None:
        return "none is drafted"
    place = f", in {report['folder']}" if report["folder"] else "; --out DIR writes it"
    missing = count_of(len(report["missing_fields"]), "field")
    return f"draft {report['case_id']} ({report['decision']}), not filed; {missing} to fill in by hand{place}"
