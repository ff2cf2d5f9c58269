"""Command ``rules run``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.output import Output
from sentinel_batch.cli.rules.description import WordsArgument
from sentinel_batch.cli.rules.findings import print_findings
from sentinel_batch.cli.session import EngineOption, Session, with_session
from sentinel_batch.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from sentinel_batch.detection import Detections
    from sentinel_batch.rules import Rule


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
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Ad-hoc parameter or list (values with commas, or a CSV file) of the one rule; nothing is recorded.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the findings, record nothing.")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Print every finding, not only the 20 worst.")] = False,
    engine: EngineOption = None,
) -> ExitCode:
    """Run rules over one period, and record the findings as alerts.

    Rules that are in no configured book are tried out only: their findings are shown, and nothing is recorded.
    Exit code 3: a rule of yours cannot be used, or failed; it is named, and the others ran. Exit code 1: none ran.
    """
    from sentinel_batch.detection import record_detections, run_detection
    from sentinel_batch.rules import read_catalogue
    from sentinel_batch.rules.selection import select_rules

    desk = session.desk(engine=engine)
    chosen = select_rules(rules, desk.config)
    given = _read_settings(settings, rules, chosen.rules)
    done = run_detection(
        chosen.rules if rules else None, lake=desk, since=since, until=until, record=False, parameters=given
    )
    if rules:
        done = replace(done, failed=[*chosen.failed, *done.failed])
    known = {rule.path.resolve() for rule in read_catalogue(desk.config).rules}
    strangers = [found.rule.id for found in done.by_rule if found.rule.path.resolve() not in known]
    if done.by_rule and not (dry_run or given or strangers):
        done = record_detections(done, lake=desk, command="rules run")
    out = session.output
    if out.as_json:
        out.document(done.to_dict())
    elif done.by_rule:
        print_findings(out, done, every=show_all)
        _print_changes(out, done, strangers)
    session.warn_without_calls(desk)
    for notice in () if out.as_json else done.notices:
        out.warn(notice)
    for broken in () if out.as_json else done.failed:
        out.error(f"Rule {broken.id} did not run. {broken.error.message}", broken.error.hint)
    if not done.by_rule and done.failed:
        return ExitCode.FAILED
    return ExitCode.PARTLY_DONE if done.failed else ExitCode.DONE


def _read_settings(settings: list[str] | None, words: list[str] | None, rules: Sequence[Rule]) -> dict[str, Any] | None:
    if not settings:
        return None
    rule = _only(words, rules)
    return dict(_setting(rule, text) for text in settings)


def _only(words: list[str] | None, rules: Sequence[Rule]) -> Rule:
    if not words or len(rules) != 1:
        raise UsageError("--set needs exactly one rule.", hint="Name it: rules run ASR_ACD --set min_attempts=30.")
    return rules[0]


def _setting(rule: Rule, text: str) -> tuple[str, Any]:
    """Read ``name=value`` in the type of the parameter; a rule checks names and bounds itself."""
    name, equals, value = text.partition("=")
    if equals and name in rule.lists:
        return name, _read_list(rule, name, value)
    parameter = rule.parameters.get(name)
    convert = {"integer": int, "real": float}.get(parameter.kind, str) if parameter else str
    try:
        if not equals:
            raise ValueError(text)
        return name, convert(value)
    except ValueError:
        allowed = parameter.allowed if parameter else ", ".join([*rule.parameters, *rule.lists])
        raise UsageError(f"--set {text!r} is not allowed.", hint=f"Write NAME=VALUE; allowed: {allowed}.") from None


def _read_list(rule: Rule, name: str, text: str) -> str | list[str]:
    """Read a list's rows: the path of a CSV file, or, where it has one column, values with commas between them."""
    if text.endswith(".csv"):
        return text
    columns = rule.lists[name].columns
    if len(columns) > 1:
        raise UsageError(
            f"--set {name}: a row of this list has {len(columns)} columns, {', '.join(columns)}.",
            hint=f"Name a CSV file with these columns: --set {name}=rows.csv",
        )
    return [value.strip() for value in text.split(",") if value.strip()]


def _print_changes(out: Output, done: Detections, strangers: Sequence[str]) -> None:
    if done.changes is not None:
        out.line("Alerts: " + ", ".join(f"{count} {name}" for name, count in done.changes.counts().items()) + ".")
        if done.unrecorded.notice:
            out.line(done.unrecorded.notice)
        return
    out.line("Nothing recorded.")
    if strangers:
        out.note(f"In no configured book: {', '.join(strangers)}. Add the folder to rules in sentinel.toml.")
