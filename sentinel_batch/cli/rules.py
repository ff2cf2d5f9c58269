"""Commands ``rules list`` and ``rules show``; the group ``rules``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli import rules_files, rules_running
from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from sentinel_batch.rules import FailedRule, Rule


@with_session
def start(session: Session) -> None:
    """List rules, show what they look for, run and test them, write your own."""


@with_session
def list_rules(
    session: Session,
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="TAG", help="Only those with this tag, or one of its kind: fraud.")
    ] = None,
    maturity: Annotated[
        str | None, typer.Option("--maturity", metavar="WORD", help="Only experimental, stable or deprecated ones.")
    ] = None,
    book: Annotated[str | None, typer.Option("--book", metavar="NAME", help="Only those of this book.")] = None,
) -> ExitCode:
    """List the rules of the configured books.

    Exit code 3: a rule of yours cannot be used; it is named.
    """
    from sentinel_batch.rules import read_catalogue

    catalogue = read_catalogue()
    rules = _filter(catalogue.rules, tag, maturity, book)
    out = session.output
    if out.as_json:
        out.document(
            {
                "status": "partial" if catalogue.failed else "success",
                "count": len(rules),
                "rules": [describe_rule(rule) for rule in rules],
                "failed": [failed.to_dict() for failed in catalogue.failed],
            }
        )
    else:
        columns = (
            Column("Rule"),
            Column("Version"),
            Column("Maturity"),
            Column("Book"),
            Column("Name", fold=True),
            Column("Tags", fold=True),
        )
        out.table(columns, [(r.id, r.version, r.maturity, r.book, r.name, ", ".join(r.tags)) for r in rules])
    return report_failed(out, catalogue.failed)


@with_session
def show(
    session: Session,
    rule: Annotated[str, typer.Argument(metavar="ID|FILE", help="Id of the rule, or one of its files.")],
    expanded: Annotated[
        bool, typer.Option("--expanded", help="Print the queries that run: with the steps put in.")
    ] = False,
) -> None:
    """Print what a rule does, its parameters as configured, and its SQL."""
    from sentinel_batch.rules.selection import select_rule

    chosen = select_rule(rule)
    values = chosen.resolve_parameters(configured=session.configure().rules.get(chosen.id))
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


def describe_rule(rule: Rule) -> dict[str, Any]:
    """Return what a rule's header says, as plain values."""
    texts = ("id", "name", "alert_type", "version", "maturity", "book", "description", "nulls", "source", "remediation")
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
        out.warn(f"{rule.id} was left out. {rule.error.message} {rule.error.hint}")
    return ExitCode.PARTLY_DONE if failed else ExitCode.DONE


def _filter(rules: Sequence[Rule], tag: str | None, maturity: str | None, book: str | None) -> list[Rule]:
    """Return the rules that have what was asked for; what none of them can have is refused."""
    from sentinel_batch.rules.rule import MATURITIES

    tags = {tag for rule in rules for tag in rule.tags}
    books = {rule.book for rule in rules}
    _check("--tag", tag, sorted(tags | {name.partition(".")[0] for name in tags}))
    _check("--maturity", maturity, MATURITIES)
    _check("--book", book, sorted(books))
    return [
        rule
        for rule in rules
        if (tag is None or any(own == tag or own.startswith(f"{tag}.") for own in rule.tags))
        and (maturity is None or rule.maturity == maturity)
        and (book is None or rule.book == book)
    ]


def _check(option: str, value: str | None, known: Sequence[str]) -> None:
    from sentinel_batch.rules.spelling import suggest

    if value is not None and value not in known:
        hint = suggest(value, known, f"There are: {', '.join(known)}.")
        raise UsageError(f"{option} {value!r} fits no rule.", hint=hint, value=value)


def _print_header(out: Output, rule: Rule) -> None:
    out.line(f"{rule.id} {rule.version}: {rule.name} ({rule.alert_type})")
    out.line(f"{rule.maturity}, book {rule.book}, {rule.file}; tags: {', '.join(rule.tags) or '-'}")
    out.line(f"\n{rule.description}\n")
    if rule.severity_note:
        out.line(f"{rule.severity_note}\n")
    for rung in rule.ladder.rungs:
        out.line(f"{rung.level}: {rung.text or rung.when or 'every other finding.'}")
    out.line("\nHonest users that look alike:")
    for sentence in rule.false_positives:
        out.line(f"- {sentence}")
    out.line()


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``rules``."""
    app = create_app()
    app.callback()(start)
    app.command("list")(list_rules)
    app.command("show")(show)
    app.command("new")(rules_files.new)
    app.command("lint")(rules_files.lint)
    app.command("test")(rules_running.test)
    app.command("run")(rules_running.run)
    app.command("lock")(rules_files.lock)
    return app
