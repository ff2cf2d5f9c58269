"""What ``rules run`` prints of its findings: a row for each rule, then the worst of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from batch_base.plain import to_plain
from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.text import count_of
from sentinel_batch.schema import SEVERITIES, SEVERITY_RANK

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.detection import Detections

SHOWN = 20
"""Findings that are printed unless all are asked for."""

_RULES = (
    Column("Rule"),
    Column("Findings", numeric=True),
    Column("Suspects", numeric=True, drop=1),
    *(Column(name.capitalize(), numeric=True) for name in reversed(SEVERITIES)),
)
_FINDINGS = (
    Column("Severity"),
    Column("Suspect"),
    Column("Rule"),
    Column("Conf.", numeric=True, drop=2),
    Column("Calls", numeric=True, drop=3),
    Column("Dest.", numeric=True, drop=4),
    Column("Evidence", fold=True, drop=5, least=56),
)


def print_findings(out: Output, done: Detections, *, every: bool) -> None:
    """Print what rules found: by rule, and the worst suspects, or all of them."""
    out.note(f"Examined ({to_plain(done.since)}, {to_plain(done.until)}], {count_of(len(done.by_rule), 'rule')}")
    if done.findings.is_empty():
        out.line("No findings.")
        return
    if len(done.by_rule) > 1:
        out.table(_RULES, [_count(found.rule.id, found.findings) for found in done.by_rule if found.findings.height])
        _print_silent(out, [found.rule.id for found in done.by_rule if found.findings.is_empty()])
        out.line()
    ordered = sort_findings(done.findings)
    shown = ordered if every else ordered.head(SHOWN)
    title = "" if shown.height == ordered.height else f"The {SHOWN} worst of {ordered.height:,} findings"
    names = ("alert_severity", "suspect_number", "detection_rule", "confidence", "call_count", "unique_destinations")
    out.table(_FINDINGS, shown.select(*names, "evidence_summary").rows(), title=title)
    if shown.height < ordered.height:
        out.note("The others: --all. One row for each suspect: sentinel-batch queue")


def sort_findings(findings: pl.DataFrame) -> pl.DataFrame:
    """Return findings with the most severe first, among them the most certain."""
    rank = findings["alert_severity"].replace_strict(SEVERITY_RANK).alias("rank")
    order = ("rank", "confidence", "call_count")
    return findings.with_columns(rank).sort(order, descending=True, nulls_last=True, maintain_order=True).drop("rank")


def _count(rule: str, findings: pl.DataFrame) -> tuple[Any, ...]:
    by_severity = dict(findings["alert_severity"].value_counts().iter_rows())
    counts = (by_severity.get(name) for name in reversed(SEVERITIES))
    return (rule, findings.height, findings["suspect_number"].n_unique(), *counts)


def _print_silent(out: Output, rules: Sequence[str]) -> None:
    if rules:
        out.prose(", ".join(rules), label="Nothing found by ")
