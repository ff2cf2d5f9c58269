"""What commands say of a rule, and of rules that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.offers import offer_rules
from sentinel_batch.cli.output import Output
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from sentinel_batch.config import Config
    from sentinel_batch.rules import FailedRule, Rule

WordsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID|FILE|FOLDER]...",
        help="Rules, or folders of rules [default those configured].",
        autocompletion=offer_rules,
    ),
]


def describe_rule(rule: Rule, config: Config) -> dict[str, Any]:
    """Return what a rule's header says, as plain values; its role is the one in use."""
    from sentinel_batch.rules.catalogue import role_of

    texts = (
        "id", "name", "alert_type", "version", "maturity", "book", "loss", "summary", "description", "severity_note",
        "nulls", "source", "remediation",
    )  # fmt: skip
    return {
        **{name: getattr(rule, name) for name in texts},
        "confidence": rule.confidence,
        "family": rule.family,
        "file": rule.file,
        "created": rule.created,
        "updated": rule.updated,
        "tags": list(rule.tags),
        "false_positives": list(rule.false_positives),
        "references": list(rule.references),
        "weight": rule.weight,
        "role": role_of(rule, config),
        "severity": rule.ladder.to_dicts(),
        "columns": {"needed": list(rule.needed), "optional": list(rule.optional)},
        "lists": {name: entry.description for name, entry in rule.lists.items()},
        "parameters": {
            name: {
                "type": p.kind,
                "default": p.default,
                "minimum": p.minimum,
                "maximum": p.maximum,
                "unit": p.unit,
                "description": p.description,
            }
            for name, p in rule.parameters.items()
        },
    }


def report_failed(out: Output, failed: Sequence[FailedRule]) -> ExitCode:
    """Warn of rules that cannot be used, unless a document did; return the exit code that says so."""
    for rule in () if out.as_json else failed:
        out.error(f"Rule {rule.id} was left out. {rule.error.message}", rule.error.hint)
    return ExitCode.PARTLY_DONE if failed else ExitCode.DONE
