"""Commands ``rules run`` and ``rules test``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.detection import record_detections
from sentinel_batch.cli.output import Column, Output, to_plain
from sentinel_batch.cli.rules_files import WordsArgument
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from sentinel_batch.alerts import AlertChanges
    from sentinel_batch.config import Config
    from sentinel_batch.rules import Detection, FailedRule, Rule
    from sentinel_batch.rules.selection import Selection


@with_session
def run(
    session: Session,
    rules: WordsArgument = None,
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
) -> ExitCode:
    """Run rules over one period, sharing what they read, and record the findings as alerts.

    Rules that are in no configured book are tried out only: their findings are shown, and nothing is recorded.
    Exit code 3: a rule of yours cannot be used, or failed; it is named, and the others ran.
    """
    from sentinel_batch.rules import read_catalogue
    from sentinel_batch.rules.selection import select_rules

    config = session.configure()
    chosen = select_rules(rules)
    failed = list(chosen.failed)
    detections = _examine(chosen, settings, config, rules, since, until, failed)
    known = {rule.path.resolve() for rule in read_catalogue().rules}
    strangers = [found.rule.id for found in detections if found.rule.path.resolve() not in known]
    recorded = bool(detections) and not (dry_run or settings or strangers)
    changes = record_detections(detections, config, "rules run") if recorded else None
    out = session.output
    if out.as_json:
        out.document(_document(detections, changes, failed))
    elif detections:
        _print_findings(out, detections)
        _print_changes(out, changes, strangers)
    for broken in () if out.as_json else failed:
        out.warn(f"{broken.id} failed. {broken.error.message} {broken.error.hint}")
    if not detections and failed:
        return ExitCode.FAILED
    return ExitCode.PARTLY_DONE if failed else ExitCode.DONE


@with_session
def test(session: Session, rules: WordsArgument = None) -> ExitCode:
    """Run the cases of rules: calls in, expected findings out.

    Exit code 1: a case does not hold, or a rule has none.
    """
    from sentinel_batch.rules.casebook import check_case, read_cases
    from sentinel_batch.rules.selection import select_rules

    chosen = select_rules(rules)
    results = [(failed.id, "(the rule)", f"{failed.error.message} {failed.error.hint}") for failed in chosen.failed]
    for rule in chosen.rules:
        cases = read_cases(rule)
        results += [(rule.id, case.name, check_case(rule, case)) for case in cases]
        if not cases:
            results.append((rule.id, "(the rule)", f"There are no cases. Write some into {rule.cases_path.name}."))
    failures = [result for result in results if result[2]]
    out = session.output
    if out.as_json:
        found = [{"rule": rule, "case": name, "problem": problem} for rule, name, problem in results]
        out.document({"status": "failed" if failures else "success", "count": len(results), "cases": found})
    else:
        for rule_id, name, problem in failures:
            out.line(f"FAILED {rule_id}: {name}: {problem}")
        out.line(f"{len(results) - len(failures)} of {len(results)} cases hold.")
    return ExitCode.FAILED if failures else ExitCode.DONE


def _examine(
    chosen: Selection,
    settings: list[str] | None,
    config: Config,
    words: list[str] | None,
    since: str | None,
    until: str | None,
    failed: list[FailedRule],
) -> list[Detection]:
    from sentinel_batch.rules import examine, examine_rules

    if settings:
        rule = _only(words, chosen.rules)
        given = dict(_setting(rule, text) for text in settings)
        return [examine(lake=config.lake, rule=rule, since=since, until=until, parameters=given)]
    if words is None:
        failed.clear()
    return examine_rules(
        chosen.rules if words else None,
        lake=config.lake,
        since=since,
        until=until,
        configured=config.rules,
        on_failure=failed.append,
    )


def _document(
    detections: Sequence[Detection], changes: AlertChanges | None, failed: Sequence[FailedRule]
) -> dict[str, Any]:
    first = detections[0] if detections else None
    status = "success" if not failed else "partial" if detections else "failed"
    return {
        "status": status,
        "since": first.since if first else None,
        "until": first.until if first else None,
        "recorded": changes is not None,
        "counts": changes.counts() if changes else {},
        "rules": {found.rule.id: found.findings.to_dicts() for found in detections},
        "failed": [broken.to_dict() for broken in failed],
    }


def _only(words: list[str] | None, rules: Sequence[Rule]) -> Rule:
    if not words or len(rules) != 1:
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


def _print_findings(out: Output, detections: Sequence[Detection]) -> None:
    first = detections[0]
    out.note(f"Examined ({to_plain(first.since)}, {to_plain(first.until)}], {len(detections)} rules")
    columns = (
        Column("Rule"),
        Column("Severity"),
        Column("Suspect"),
        Column("Conf.", numeric=True),
        Column("Evidence", fold=True),
    )
    rows = [
        (found.rule.id, row["alert_severity"], row["suspect_number"], row["confidence"], row["evidence_summary"])
        for found in detections
        for row in found.findings.to_dicts()
    ]
    if rows:
        out.table(columns, rows)
    else:
        out.line("No findings.")


def _print_changes(out: Output, changes: AlertChanges | None, strangers: Sequence[str]) -> None:
    if changes is not None:
        out.line("Alerts: " + ", ".join(f"{count} {name}" for name, count in changes.counts().items()) + ".")
        return
    out.line("Nothing recorded.")
    if strangers:
        out.note(f"In no configured book: {', '.join(strangers)}. Add the folder to rules in sentinel.toml.")
