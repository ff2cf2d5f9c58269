"""A rule as plain values, for those who list rules."""

from __future__ import annotations

from typing import Any

from sentinel_batch.config import Config
from sentinel_batch.rules.catalogue import role_of
from sentinel_batch.rules.rule import Rule


def describe_rule(rule: Rule, config: Config) -> dict[str, Any]:
    """Return what a rule's header says, as plain values; its role is the one in use."""
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
