"""Command ``rules show``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.offers import offer_rules
from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.text import count_of

if TYPE_CHECKING:
    from sentinel_batch.rules import Rule
    from sentinel_batch.rules.lists import ReferenceList


_PROSE = {
    "Summary of a finding:": "summary",
    "What to do:": "remediation",
    "How sure it is:": "confidence",
    "What NULL means:": "nulls",
    "Where its thresholds come from:": "source",
}
_SHOWN_ENTRIES = 20


@with_session
def show(
    session: Session,
    rule: Annotated[
        str, typer.Argument(metavar="ID|FILE", help="Id of the rule, or one of its files.", autocompletion=offer_rules)
    ],
    expanded: Annotated[
        bool, typer.Option("--expanded", help="Print the queries that run: with the steps put in.")
    ] = False,
) -> None:
    """Print what a rule does, its parameters in use, and its SQL."""
    from sentinel_batch.rules import describe_rule
    from sentinel_batch.rules.catalogue import role_of
    from sentinel_batch.rules.selection import select_rule
    from sentinel_batch.rules.settings import Origin

    config = session.configure()
    chosen = select_rule(rule, config)
    settings, origin = config.rules.get(chosen.id), Origin.of(config, chosen.id)
    values = chosen.resolve_parameters(configured=settings, origin=origin)
    lists = {name: rows.to_dicts() for name, rows in chosen.resolve_lists(settings, origin).items()}
    out = session.output
    if out.as_json:
        facts = {
            **describe_rule(chosen, config),
            "values": values,
            "list_values": lists,
            "sql": chosen.read_sql(),
            "queries": dict(chosen.queries),
        }
        out.document({"status": "success", "rule": facts})
        return
    _print_header(out, chosen, role_of(chosen, config))
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
    for name, entries in lists.items():
        _print_list(out, chosen.lists[name], entries)
    if not expanded:
        out.line(f"\n{chosen.read_sql().strip()}")
        return
    for name, query in chosen.queries.items():
        out.line(f"\n-- query {name}\n{query}")


def _print_header(out: Output, rule: Rule, role: str) -> None:
    out.prose(f"{rule.id} {rule.version}: {rule.name} ({rule.alert_type})")
    out.prose(f"{rule.maturity}, book {rule.book}, {rule.file}; tags: {', '.join(rule.tags) or '-'}")
    out.prose(f"Written {rule.created}, changed {rule.updated}; weight {rule.weight:g}, {role}, loss: {rule.loss}")
    for text in (rule.description, rule.severity_note):
        if text:
            out.line()
            out.prose(text)
    out.line()
    for rung in rule.ladder.rungs:
        out.prose(f"{rung.level}: {rung.text or rung.when or 'every other finding.'}", indent="    ")
    for heading, prose in _PROSE.items():
        text = getattr(rule, prose)
        if text:
            out.line(f"\n{heading}")
            out.prose(text)
    _print_sentences(out, "Honest users that look like this:", rule.false_positives)
    _print_sentences(out, "References:", rule.references)
    out.line("\nWhat it reads:")
    out.prose(f"Needed: {', '.join(rule.needed)}." + (f" Of use: {', '.join(rule.optional)}." if rule.optional else ""))
    out.line()


def _print_sentences(out: Output, heading: str, sentences: Sequence[str]) -> None:
    if sentences:
        out.line(f"\n{heading}")
    for sentence in sentences:
        out.prose(f"- {sentence}", indent="  ")


def _print_list(out: Output, entry: ReferenceList, rows: Sequence[dict[str, Any]]) -> None:
    shown = [" / ".join(str(value) for value in row.values()) for row in rows[:_SHOWN_ENTRIES]]
    more = f" and {len(rows) - len(shown):,} more" if len(rows) > len(shown) else ""
    out.line()
    out.prose(f"List {entry.name} ({', '.join(entry.columns)}): {entry.description}")
    out.prose(f"{count_of(len(rows), 'row')}: {', '.join(shown) or 'none'}{more}.", indent="    ")
