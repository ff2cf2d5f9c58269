"""Commands ``rules list``, ``rules show``, ``rules run`` and ``rules test``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_base.plain import to_plain
from sentinel_batch.cli.calibrate import calibrate
from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.scorecard import scorecard
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from sentinel_batch.detection import Detections
    from sentinel_batch.rules import Rule


@with_session
def start(session: Session) -> None:
    """List rules, show what they look for, run and test them."""


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


@with_session
def run(
    session: Session,
    rules: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Rules to run [default all].")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Examine after it: 24h, 7d or RFC 3339 [default 24h].")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Examine up to it [default the newest call].")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Ad-hoc parameter of the one rule; nothing is recorded."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the findings, record nothing.")] = False,
) -> None:
    """Run rules over one period, sharing what they read, and record the findings as alerts."""
    from sentinel_batch.detection import run_detection
    from sentinel_batch.rules import get_rule

    given = None
    if settings:
        chosen = get_rule(_only(rules))
        given = dict(_setting(chosen, text) for text in settings)
    done = run_detection(
        rules or None,
        lake=session.desk(),
        since=since,
        until=until,
        record=False if dry_run else None,
        command="rules run",
        parameters=given,
    )
    out = session.output
    if out.as_json:
        out.document(done.to_dict())
        return
    _print_findings(out, done)
    if done.changes is not None:
        out.line("Alerts: " + ", ".join(f"{count} {name}" for name, count in done.changes.counts().items()) + ".")
    else:
        out.line("Nothing recorded.")


def _only(rules: list[str] | None) -> str:
    if rules is None or len(rules) != 1:
        raise UsageError("--set needs exactly one rule.", hint="Name it: rules run ASR_ACD --set min_attempts=30.")
    return rules[0]


def _setting(rule: Rule, text: str) -> tuple[str, Any]:
    """Read ``name=value`` in the type of the parameter; a rule checks names and bounds itself."""
    name, equals, value = text.partition("=")
    parameter = rule.parameters.get(name)
    convert = {"integer": int, "real": float}.get(parameter.kind, str) if parameter else str
    try:
        if not equals:
            raise ValueError(text)
        return name, convert(value)
    except ValueError:
        allowed = parameter.allowed if parameter else ", ".join(rule.parameters)
        raise UsageError(f"--set {text!r} is not allowed.", hint=f"Write NAME=VALUE; allowed: {allowed}.") from None


def _print_findings(out: Output, done: Detections) -> None:
    out.note(f"Examined ({to_plain(done.since)}, {to_plain(done.until)}], {len(done.by_rule)} rules")
    columns = (
        Column("Rule"),
        Column("Severity"),
        Column("Suspect"),
        Column("Conf.", numeric=True),
        Column("Evidence", fold=True),
    )
    rows = [
        (
            row["detection_rule"],
            row["alert_severity"],
            row["suspect_number"],
            row["confidence"],
            row["evidence_summary"],
        )
        for row in done.findings.to_dicts()
    ]
    if rows:
        out.table(columns, rows)
    else:
        out.line("No findings.")


@with_session
def test(
    session: Session,
    rules: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Rules to test [default all].")] = None,
) -> ExitCode:
    """Run the cases of rules: calls in, expected findings out."""
    from sentinel_batch.rules import get_rule
    from sentinel_batch.rules import list_rules as read_rules
    from sentinel_batch.rules.casebook import check_case, read_cases

    chosen = [get_rule(rule) for rule in rules] if rules else read_rules()
    results = [(rule.id, case.name, check_case(rule, case)) for rule in chosen for case in read_cases(rule)]
    failed = [result for result in results if result[2]]
    out = session.output
    if out.as_json:
        cases = [{"rule": rule, "case": name, "problem": problem} for rule, name, problem in results]
        out.document({"status": "failed" if failed else "success", "count": len(results), "cases": cases})
    else:
        for rule, name, problem in failed:
            out.line(f"FAILED {rule}: {name}: {problem}")
        out.line(f"{len(results) - len(failed)} of {len(results)} cases hold.")
    return ExitCode.FAILED if failed else ExitCode.DONE


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
        "weight": rule.weight,
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


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``rules``."""
    app = create_app()
    app.callback()(start)
    app.command("list")(list_rules)
    app.command("show")(show)
    app.command("run")(run)
    app.command("test")(test)
    app.command("scorecard")(scorecard)
    app.command("calibrate")(calibrate)
    return app
