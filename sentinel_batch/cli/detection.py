"""Command ``detect``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_base.plain import to_plain
from sentinel_batch.cli.output import Column, Output, format_moment
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode, UsageError
from sentinel_batch.schema import SEVERITIES

if TYPE_CHECKING:
    from sentinel_batch.alerts import AlertChanges
    from sentinel_batch.config import Config
    from sentinel_batch.rules import Detection

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
        str | None, typer.Option("--since", metavar="TIME", help="Examine after it: 24h, 7d or RFC 3339.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Examine up to it [default the newest call].")
    ] = None,
    trailing: Annotated[
        bool, typer.Option("--trailing", help="Examine only the one window that ends at --until.")
    ] = False,
    rule: Annotated[str, typer.Option("--rule", metavar="ID", help="Rule to run.")] = "SDHF_001",
    direction: Annotated[
        str | None,
        typer.Option("--direction", metavar="DIRECTION", help="Count only inbound, outbound or internal calls."),
    ] = None,
    answered_only: Annotated[bool, typer.Option("--answered-only", help="Count only answered calls.")] = False,
    save: Annotated[bool, typer.Option("--save", help="Record the findings also of an ad-hoc run.")] = False,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", metavar="SEVERITY", help="Exit with 11 (LOW) to 14 (CRITICAL) if found, or worse."),
    ] = None,
) -> ExitCode:
    """Find suspects with a rule, and record them as alerts.

    With the rule's configured parameters the findings become alerts; with other parameters, filters or --trailing they
    are only shown, unless --save.
    """
    from sentinel_batch.rules import examine

    threshold = _severity(fail_on)
    config = session.configure()
    detection = examine(
        lake=config.lake,
        rule=rule,
        window=window,
        min_unique_destinations=min_unique_destinations,
        max_avg_duration=max_avg_duration,
        since=since,
        until=until,
        trailing=trailing,
        direction=direction,
        answered_only=answered_only,
    )
    changes = record_detections([detection], config, "detect") if detection.configured or save else None
    out = session.output
    if out.as_json:
        out.document(_document(detection, changes))
    else:
        _print(out, detection, changes)
    return _verdict(detection, changes, threshold)


def _severity(name: str | None) -> int | None:
    if name is None:
        return None
    if name.upper() not in SEVERITIES:
        raise UsageError(
            f"--fail-on {name!r} is no severity.", hint=f"Give one of: {', '.join(SEVERITIES)}.", value=name
        )
    return SEVERITIES.index(name.upper())


def record_detections(detections: Sequence[Detection], config: Config, command: str) -> AlertChanges:
    """Record what one or several rules found as alerts, and that it was done as a run of the command.

    Only a single detection may be ad-hoc.
    """
    import polars as pl

    from sentinel_batch.alerts import record_alerts
    from sentinel_batch.lake import open_lake
    from sentinel_batch.runs import recorded_run

    lake, first = open_lake(config.lake), detections[0]
    configured = all(found.configured for found in detections)
    facts = {"configured": configured, "rules": {found.rule.id: _parameters(found) for found in detections}}
    with recorded_run(lake, command, facts) as run:
        run.since, run.until = first.since, first.until
        changes = record_alerts(
            pl.concat([found.findings for found in detections]),
            lake=lake,
            run_id=run.run_id,
            lock_timeout=config.lock_timeout,
            parameters=None if configured else _parameters(first),
            suppressions_file=config.suppressions_file,
        )
        run.counts = {**changes.counts(), "calls_examined": max(found.calls_examined for found in detections)}
    return changes


def _parameters(detection: Detection) -> dict[str, Any]:
    filters = {
        "trailing": detection.trailing,
        "direction": detection.direction,
        "answered_only": detection.answered_only,
    }
    return {**detection.parameters, **filters}


def _document(detection: Detection, changes: AlertChanges | None) -> dict[str, Any]:
    created = changes.created if changes else []
    counts = changes.counts() if changes else {}
    return {
        "status": "success",
        "alerts_generated": len(created),
        "alert_ids": created,
        "suspects": list(dict.fromkeys(detection.findings["suspect_number"])),
        "recorded": changes is not None,
        "run_id": changes.run_id if changes else None,
        "rule": detection.rule.id,
        "rule_version": detection.rule.version,
        "parameters": detection.parameters,
        "configured": detection.configured,
        "since": detection.since,
        "until": detection.until,
        "read_since": detection.read_since,
        "trailing": detection.trailing,
        "direction": detection.direction,
        "answered_only": detection.answered_only,
        "calls_examined": detection.calls_examined,
        "counts": {"findings": detection.findings.height, **counts},
        "suppressed": changes.suppressed if changes else [],
        "alerts": changes.alerts.to_dicts() if changes else [],
        "findings": detection.findings.to_dicts(),
    }


def _print(out: Output, detection: Detection, changes: AlertChanges | None) -> None:
    opening = "[" if detection.trailing else "("
    out.note(f"Rule {detection.rule.id} {detection.rule.version}: {_spell(detection.parameters)}")
    out.note(f"Examined {opening}{_iso(detection.since)}, {_iso(detection.until)}]")
    out.note(
        f"Read     {opening}{_iso(detection.read_since)}, {_iso(detection.until)}], {detection.calls_examined:,} calls"
    )
    if detection.findings.is_empty():
        out.line("No suspects.")
    else:
        out.table(_COLUMNS, [_row(finding) for finding in detection.findings.to_dicts()])
    out.line()
    out.line(_summary(detection, changes))
    for entry in changes.suppressed if changes else []:
        out.line(f"Suppressed: {entry['suspect_number']} ({entry['pattern']}: {entry['reason']})")


def _row(finding: dict[str, Any]) -> tuple[Any, ...]:
    return (
        finding["alert_severity"],
        finding["suspect_number"],
        finding["call_count"],
        finding["unique_destinations"],
        finding["avg_duration_seconds"],
        format_moment(finding["window_end"])[:16],
    )


def _summary(detection: Detection, changes: AlertChanges | None) -> str:
    found = f"{detection.findings.height:,} finding{'s' * (detection.findings.height != 1)}"
    if changes is None:
        return f"{found}; nothing recorded (ad-hoc parameters; --save records them)."
    return f"{found}; alerts: " + ", ".join(f"{count} {name}" for name, count in changes.counts().items()) + "."


def _spell(parameters: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in parameters.items())


def _iso(moment: Any) -> str:
    return str(to_plain(moment))


def _verdict(detection: Detection, changes: AlertChanges | None, threshold: int | None) -> ExitCode:
    """Return the code of the worst finding that nobody suppressed, if it reaches the threshold."""
    if threshold is None or detection.findings.is_empty():
        return ExitCode.DONE
    hidden = {entry["suspect_number"] for entry in changes.suppressed} if changes else set()
    found = [
        SEVERITIES.index(row["alert_severity"])
        for row in detection.findings.select("alert_severity", "suspect_number").to_dicts()
        if row["suspect_number"] not in hidden
    ]
    worst = max(found, default=-1)
    return ExitCode(ExitCode.FOUND_LOW + worst) if worst >= threshold else ExitCode.DONE
