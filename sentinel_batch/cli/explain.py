"""Command ``explain``, and how one alert is printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.ids import hint_at_number, is_dialled
from sentinel_batch.cli.offers import offer_alerts
from sentinel_batch.cli.output import SEVERITY_MARKS, Column, Output, format_moment
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.text import count_of
from sentinel_batch.errors import AlertNotFoundError

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.alerts import Explanation
    from sentinel_batch.config import Config

_MEASURES = {
    "call_count": "calls",
    "unique_destinations": "unique destinations",
    "avg_duration_seconds": "average duration (s)",
}
_SHOWN_ROWS = 10
_ALL = 99.95
_FILTERS = ("trailing", "direction", "answered_only", "configured")
_CALL_COLUMNS = ("call_timestamp", "callee_number", "duration_seconds", "termination_cause", "location_code")
_HEADINGS = {
    "call_timestamp": "Time (UTC)",
    "callee_number": "Callee",
    "duration_seconds": "Seconds",
    "termination_cause": "Cause",
    "location_code": "Cell",
    "total_duration_seconds": "Total s",
    "first_call": "First (UTC)",
    "last_call": "Last (UTC)",
    "last_seen": "Last seen (UTC)",
}


@with_session
def explain(
    session: Session,
    subject: Annotated[
        str, typer.Argument(metavar="ID|NUMBER", help="Id of an alert, or a number.", autocompletion=offer_alerts)
    ],
    calls: Annotated[
        Path | None, typer.Option("--calls", metavar="FILE", help="Write every call behind the alert as CSV.")
    ] = None,
    more: Annotated[
        bool, typer.Option("--more", help="Also calls by the hour, callees, single calls, cells, earlier alerts.")
    ] = False,
) -> None:
    """Explain an alert or a number: on one screen, or with --more down to single calls."""
    from sentinel_batch.alerts import explain as explain_subject

    desk = session.desk()
    try:
        explanation = explain_subject(subject, lake=desk)
    except AlertNotFoundError as error:
        # Digits are looked up as an id, too: then the error speaks of ids, whatever was meant.
        if not is_dialled(subject) or "unknown" not in error.details:
            raise
        raise AlertNotFoundError(
            f"There is no alert of {subject}, and no call from it.", hint=hint_at_number(subject), value=subject
        ) from error
    advice = advise(desk.config, explanation.alert)
    written = explanation.write_calls(calls) if calls is not None else None
    out = session.output
    if out.as_json:
        facts = {"calls_file": written} if written else {}
        out.document({"status": "success", **explanation.to_dict(), "remediation": advice, **facts})
        return
    _print_explanation(out, explanation, advice, more)
    if not more:
        out.note(f"Thresholds, hours, callees, calls, cells, history: sentinel-batch explain {subject} --more")
    if written:
        out.note(f"Calls written to {written}")


def advise(config: Config, alert: dict[str, Any] | None) -> str | None:
    """Return what the rule of an alert says to do; None without an alert, or if the rule is gone."""
    from sentinel_batch.detection import read_guidance

    found = read_guidance([alert["detection_rule"]], config) if alert is not None else []
    return found[0]["remediation"] if found else None


def print_alert(out: Output, alert: dict[str, Any], advice: str | None = None, *, brief: bool = False) -> None:
    """Print one alert, what to do about it, and, unless in brief, when it was made, and its history."""
    icon, _ = SEVERITY_MARKS[alert["alert_severity"]]
    verdict = alert["disposition"] or alert["status"]
    out.line(f"Alert {alert['id']}  {icon} {alert['alert_severity']}  {alert['suspect_number']}  {verdict}")
    out.prose(alert["evidence_summary"] or "")
    out.prose(explain_severity(alert), label="Severity ")
    out.line(f"Rule     {alert['detection_rule']} {alert['rule_version']} ({alert['alert_type']})")
    out.line(f"Window   ({format_moment(alert['window_start'])}, {format_moment(alert['window_end'])}] UTC")
    if not brief:
        out.line(f"Seen     {format_moment(alert['first_seen'])} to {format_moment(alert['last_seen'])} UTC")
        out.line(f"Created  {format_moment(alert['created_at'])} UTC")
    if alert["reviewer_notes"]:
        out.prose(alert["reviewer_notes"], label="Notes    ")
    if advice:
        out.prose(advice, label="To do    ")
    if not brief:
        _print_events(out, alert.get("events") or [])


def explain_severity(alert: dict[str, Any]) -> str:
    """Return how the severity of an alert came about: loss, probability, their product and the threshold."""
    why = json.loads(alert["evidence"] or "{}").get("severity")
    if not isinstance(why, dict):
        return f"{alert['alert_severity']}, as its rule graded it"
    coin = why["currency"]
    grade = f"; the rule itself grades it {why['rule_grade']}" if "rule_grade" in why else ""
    return (
        f"{alert['alert_severity']}: a loss of {coin} {why['loss']:,.0f} × probability {why['probability']:.4f} = "
        f"{coin} {why['expected_loss']:,.0f}, and it begins at {coin} {why['threshold']:,.0f}{grade}"
    )


def _print_explanation(out: Output, explanation: Explanation, advice: str | None, more: bool) -> None:
    if explanation.alert is not None:
        print_alert(out, explanation.alert, advice, brief=not more)
    else:
        out.line(f"{explanation.suspect_number}  no alert")
        start, end = format_moment(explanation.window_start), format_moment(explanation.window_end)
        out.line(f"Window   ({start}, {end}] UTC")
    for notice in explanation.notices:
        out.prose(notice, label="Note     ")
    out.line()
    _print_reasons(out, explanation)
    if more:
        _print_details(out, explanation)


def _print_details(out: Output, explanation: Explanation) -> None:
    _print_thresholds(out, explanation.alert)
    _print_evidence(out, explanation.evidence)
    _print_hours(out, explanation.calls_per_hour)
    _print_frame(out, "Top callees", explanation.top_callees)
    for title in ("first_calls", "last_calls", "shortest_calls", "longest_calls"):
        frame: pl.DataFrame = getattr(explanation, title)
        _print_frame(
            out, title.replace("_", " ").capitalize(), frame.select(c for c in _CALL_COLUMNS if c in frame.columns)
        )
    _print_frame(out, "Cells and devices", explanation.cells)
    earlier = explanation.earlier.select("id", "alert_severity", "last_seen", "status", "disposition", "reviewer_notes")
    _print_frame(out, "Earlier alerts", earlier)
    _print_events(out, explanation.events.to_dicts())


def _print_reasons(out: Output, explanation: Explanation) -> None:
    day = "" if explanation.compared_day is None else f" of {explanation.compared_day}"
    columns = (
        Column("Why"),
        Column("Value", numeric=True),
        Column("Threshold", numeric=True),
        Column(f"Among all callers{day}", fold=True),
    )
    rows = []
    for reason in explanation.reasons:
        threshold = f"{reason.comparison} {reason.threshold:g}" if reason.threshold is not None else ""
        standing = (
            "no others"
            if reason.percentile is None
            else f"above all {count_of(reason.callers, 'other')}"
            if reason.percentile >= _ALL
            else f"above {reason.percentile:.1f} % of {count_of(reason.callers, 'other')}"
        )
        # The whole day's figure is what is compared; where it is the window's too, it need not be said twice.
        if reason.day_value is not None and reason.day_value != reason.value:
            standing = f"{_plain(reason.day_value)} that day: {standing}"
        value = "" if reason.value is None else _plain(reason.value)
        rows.append((_MEASURES.get(reason.measure, reason.measure), value, threshold, standing))
    out.table(columns, rows)


def _print_thresholds(out: Output, alert: dict[str, Any] | None) -> None:
    """Print what the rule was run with: thresholds of its own have no figure in the table of all rules."""
    facts = json.loads(alert["parameters"] or "{}") if alert is not None else {}
    shown = [f"{name} = {value}" for name, value in facts.items() if name not in _FILTERS]
    if shown:
        out.prose(f"The rule ran with {', '.join(shown)}.")


def _print_evidence(out: Output, evidence: dict[str, Any]) -> None:
    """Print the figures of the rule itself, and the rows that name victims, cells or devices."""
    import polars as pl

    figures = [(n.replace("_", " "), v) for n, v in evidence.items() if not isinstance(v, list | dict)]
    if figures:
        out.line()
        out.table((Column("Evidence"), Column("Value", fold=True)), [(n, _figure(v)) for n, v in figures])
    details = evidence.get("details")
    if details:
        _print_frame(out, f"Details ({evidence.get('details_total', len(details))} in all)", pl.DataFrame(details))


def _figure(value: Any) -> Any:
    return _plain(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _plain(value: float) -> str:
    return f"{value:,.2f}".removesuffix(".00")


def _print_hours(out: Output, hours: pl.DataFrame) -> None:
    busy = hours.filter(hours["calls"] > 0)
    if busy.is_empty():
        return
    most = max(busy["calls"])
    columns = (Column("Hour (UTC)"), Column("Calls", numeric=True), Column("Dest.", numeric=True), Column(""))
    rows = [
        (
            format_moment(r["hour"])[:16],
            r["calls"],
            r["unique_destinations"],
            "█" * max(1, round(24 * r["calls"] / most)),
        )
        for r in busy.to_dicts()
    ]
    out.line()
    out.table(columns, rows, title="Calls per hour")


def _print_frame(out: Output, title: str, frame: pl.DataFrame) -> None:
    """Print the first rows of a frame, without columns that hold nothing; --json has them all."""
    if frame.is_empty():
        return
    if frame.height > _SHOWN_ROWS:
        title = f"{title} ({_SHOWN_ROWS} of {frame.height:,})"
        frame = frame.head(_SHOWN_ROWS)
    shown = frame.select(name for name in frame.columns if frame[name].null_count() < frame.height)
    columns = [
        Column(
            _HEADINGS.get(name, name.replace("_", " ").capitalize()), numeric=shown[name].dtype.is_numeric(), fold=True
        )
        for name in shown.columns
    ]
    out.line()
    out.table([Column(c.heading, c.numeric) for c in columns], shown.rows(), title=title)


def _print_events(out: Output, events: list[dict[str, Any]]) -> None:
    if not events:
        return
    columns = (Column("When (UTC)"), Column("Who"), Column("What"), Column("Change", fold=True))
    out.line()
    out.table(columns, [(e["at"], e["actor"], e["event"], _change(e)) for e in events], title="History")


def _change(event: dict[str, Any]) -> str:
    parts = []
    if event["field"]:
        parts.append(f"{event['field']}: {event['before'] or '-'} → {event['after'] or '-'}")
    if event["note"]:
        parts.append(event["note"])
    return "; ".join(parts)
