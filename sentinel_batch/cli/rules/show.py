"""Command ``rules show``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.rules.description import describe_rule
from sentinel_batch.cli.session import Session, with_session

if TYPE_CHECKING:
    from sentinel_batch.rules import Rule


@with_session
def show(
    session: Session,
    rule: Annotated[str, typer.Argument(metavar="ID|FILE", help="Id of the rule, or one of its files.")],
    expanded: Annotated[
        bool, typer.Option("--expanded", help="Print the queries that run: with the steps put in.")
    ] = False,
) -> None:
    """Print what a rule does, its parameters in use, and its SQL."""
    from sentinel_batch.rules.selection import select_rule

    config = session.configure()
    chosen = select_rule(rule, config)
    values = chosen.resolve_parameters(configured=config.rules.get(chosen.id))
    out = session.output
    if out.as_json:
        facts = {**describe_rule(chosen), "values": values, "sql": chosen.read_sql(), "queries": dict(chosen.queries)}
        out.document({"status": "success", "rule": facts})
        return
    _print_header(out, chosen)
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
    if not expanded:
        out.line(f"\n{chosen.read_sql().strip()}")
        return
    for name, query in chosen.queries.items():
        out.line(f"\n-- query {name}\n{query}")


def _print_header(out: Output, rule: Rule) -> None:
    out.line(f"{rule.id} {rule.version}: {rule.name} ({rule.alert_type})")
    out.line(f"{rule.maturity}, book {rule.book}, {rule.file}; tags: {', '.join(rule.tags) or '-'}")
    out.line(f"\n{rule.description}\n")
    if rule.severity_note:
        out.line(f"{rule.severity_note}\n")
    for rung in rule.ladder.rungs:
        out.line(f"{rung.level}: {rung.text or rung.when or 'every other finding.'}")
    out.line("\nHonest users that look like this:")
    for sentence in rule.false_positives:
        out.line(f"- {sentence}")
    out.line()
