"""Command ``detect``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_base.plain import to_plain
from sentinel_batch.cli.offers import offer_rules, offer_words
from sentinel_batch.cli.output import Column, Output, format_moment
from sentinel_batch.cli.session import EngineOption, Session, with_session
from sentinel_batch.errors import ExitCode, UsageError
from sentinel_batch.schema import SEVERITIES, SEVERITY_RANK

if TYPE_CHECKING:
    from sentinel_batch.detection import Detections

_COLUMNS = (
    Column("Severity"),
    Column("Suspect"),
    Column("Calls", numeric=True),
    Column("Dest.", numeric=True),
    Column("Avg s", numeric=True),
    Column("Window ends (UTC)"),
)


@with_session
def detect(
    session: Session,
    window: Annotated[str | None, typer.Option("--window", metavar="24h", help="Length of the rule's window.")] = None,
    min_unique_destinations: Annotated[
        int | None,
        typer.Option("--min-unique-destinations", metavar="N", help="A suspect calls more than N [default 50]."),
    ] = None,
    max_avg_duration: Annotated[
        float | None,
        typer.Option("--max-avg-duration", metavar="SECONDS", help="A suspect's average is below it [default 3.0]."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Examine after it: 24h, 7d or RFC 3339 [default 24h].")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Examine up to it [default the newest call].")
    ] = None,
    trailing: Annotated[
        bool, typer.Option("--trailing", help="Examine only the single window that ends at --until.")
    ] = False,
    rule: Annotated[
        str, typer.Option("--rule", metavar="ID", help="Rule to run.", autocompletion=offer_rules)
    ] = "SDHF_001",
    direction: Annotated[
        str | None,
        typer.Option("--direction", metavar="DIRECTION", help="Count only inbound, outbound or internal calls."),
    ] = None,
    answered_only: Annotated[bool, typer.Option("--answered-only", help="Count only answered calls.")] = False,
    save: Annotated[bool, typer.Option("--save", help="Record the findings of an ad-hoc run, too.")] = False,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on",
            metavar="SEVERITY",
            help="Exit with 11 (LOW) to 14 (CRITICAL) if a finding is at least this severe.",
            autocompletion=offer_words(*SEVERITIES),
        ),
    ] = None,
    engine: EngineOption = None,
) -> ExitCode:
    """Find suspects with a rule, and record them as alerts.

    With the rule's configured parameters, the findings become alerts; with other parameters, filters or --trailing,
    they are only shown, unless --save is given.
    """
    from sentinel_batch.detection import run_detection

    threshold = _severity(fail_on)
    desk = session.desk(engine=engine)
    done = run_detection(
        rule,
        lake=desk,
        since=since,
        until=until,
        record=True if save else None,
        window=window,
        min_unique_destinations=min_unique_destinations,
        max_avg_duration=max_avg_duration,
        trailing=trailing,
        direction=direction,
        answered_only=answered_only,
    )
    out = session.output
    if out.as_json:
        out.document(done.to_dict())
    else:
        _print(out, done)
    session.warn_without_calls(desk)
    return _verdict(done, threshold)


def _severity(name: str | None) -> int | None:
    if name is None:
        return None
    if name.upper() not in SEVERITIES:
        raise UsageError(
            f"--fail-on {name!r} is not a severity.", hint=f"Give one of: {', '.join(SEVERITIES)}.", value=name
        )
    return SEVERITY_RANK[name.upper()]


def _print(out: Output, done: Detections) -> None:
    [detection] = done.by_rule
    opening = "[" if detection.trailing else "("
    out.note(f"Rule {detection.rule.id} {detection.rule.version}")
    for name, value in detection.parameters.items():
        out.note(f"    {name} = {value}")
    out.note(f"Examined {opening}{_iso(detection.since)}, {_iso(detection.until)}]")
    out.note(
        f"Read     {opening}{_iso(detection.read_since)}, {_iso(detection.until)}], {detection.calls_examined:,} calls"
    )
    if detection.findings.is_empty():
        out.line("No suspects.")
    else:
        out.table(_COLUMNS, [_row(finding, done.suppressions) for finding in detection.findings.to_dicts()])
    out.line()
    out.line(_summary(done))
    if done.unrecorded.notice:
        out.line(done.unrecorded.notice)
    for number, reason in done.suppressions.items():
        out.line(f"Suppressed: {number} ({reason})")


def _row(finding: dict[str, Any], hidden: Mapping[str, str]) -> tuple[Any, ...]:
    number = finding["suspect_number"]
    return (
        finding["alert_severity"],
        f"{number} (suppressed)" if number in hidden else number,
        finding["call_count"],
        finding["unique_destinations"],
        finding["avg_duration_seconds"],
        format_moment(finding["window_end"])[:16],
    )


def _summary(done: Detections) -> str:
    found = f"{done.findings.height:,} finding{'s' * (done.findings.height != 1)}"
    if done.changes is None:
        return f"{found}; nothing recorded (ad-hoc parameters; --save records them)."
    return f"{found}; alerts: " + ", ".join(f"{count} {name}" for name, count in done.changes.counts().items()) + "."


def _iso(moment: Any) -> str:
    return str(to_plain(moment))


def _verdict(done: Detections, threshold: int | None) -> ExitCode:
    """Return the code of the worst finding that nobody suppressed, if it reaches the threshold."""
    if threshold is None or done.findings.is_empty():
        return ExitCode.DONE
    found = [
        SEVERITY_RANK[row["alert_severity"]]
        for row in done.findings.select("alert_severity", "suspect_number").to_dicts()
        if row["suspect_number"] not in done.suppressions
    ]
    worst = max(found, default=-1)
    return ExitCode(ExitCode.FOUND_LOW + worst) if worst >= threshold else ExitCode.DONE
