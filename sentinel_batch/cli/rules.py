"""Commands ``rules list`` and ``rules show``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.output import Column
from sentinel_batch.cli.session import Session, with_session

if TYPE_CHECKING:
    from sentinel_batch.rules import Rule


@with_session
def start(session: Session) -> None:
    """List rules, and show what they look for."""


@with_session
def list_rules(session: Session) -> None:
    """List the rules."""
    from sentinel_batch.rules import list_rules as read_rules

    rules = read_rules()
    out = session.output
    if out.as_json:
        out.document({"status": "success", "count": len(rules), "rules": [_facts(rule) for rule in rules]})
        return
    columns = (Column("Rule"), Column("Version"), Column("Alert type"), Column("Name", fold=True))
    out.table(columns, [(rule.id, rule.version, rule.alert_type, rule.name) for rule in rules])


@with_session
def show(session: Session, rule: Annotated[str, typer.Argument(metavar="ID", help="Id of the rule.")]) -> None:
    """Print what a rule does, its parameters as configured, and its SQL."""
    from sentinel_batch.rules import get_rule

    chosen = get_rule(rule)
    values = chosen.resolve_parameters(configured=session.configure().rules.get(chosen.id))
    out = session.output
    if out.as_json:
        facts = {**_facts(chosen), "values": values, "queries": dict(chosen.queries)}
        out.document({"status": "success", "rule": facts})
        return
    out.line(f"{chosen.id} {chosen.version}: {chosen.name} ({chosen.alert_type})")
    out.line(f"\n{chosen.description}\n")
    rows = [
        (name, values[name], parameter.allowed, parameter.description) for name, parameter in chosen.parameters.items()
    ]
    columns = (
        Column("Parameter"),
        Column("Value", numeric=True),
        Column("Allowed", fold=True),
        Column("Meaning", fold=True),
    )
    out.table(columns, rows)
    for name, query in chosen.queries.items():
        out.line(f"\n-- query {name}\n{query.strip()}")


def _facts(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.name,
        "alert_type": rule.alert_type,
        "version": rule.version,
        "description": rule.description,
        "nulls": rule.nulls,
        "source": rule.source,
        "remediation": rule.remediation,
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


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``rules``."""
    app = create_app()
    app.callback()(start)
    app.command("list")(list_rules)
    app.command("show")(show)
    return app
