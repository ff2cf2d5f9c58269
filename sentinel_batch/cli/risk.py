"""Command ``risk``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.output import Column, Output, format_moment
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import UsageError

if TYPE_CHECKING:
    from sentinel_batch.scores import Risk


@with_session
def risk(
    session: Session,
    number: Annotated[str | None, typer.Argument(metavar="[NUMBER]", help="A caller, in any notation.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Score every caller, the highest score first.")] = False,
    event: Annotated[
        str | None,
        typer.Option("--event", metavar="JSON", help="Score the caller of this call, which is not yet in the lake."),
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="End of the 24 hours [default the newest call].")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="With --all, at most N callers.")] = 50,
) -> None:
    """Score callers by their last 24 hours: 0 low to 1 critical.

    Printed with the parts of the score. It is a fixed formula over calls, destinations and durations, for any caller,
    suspect or not. By contrast, queue ranks suspects by all that rules and models found, and model score asks a trained
    model.
    """
    from sentinel_batch.scores import assess_event, assess_risk

    _check(number, every, event, at, limit)
    desk = session.desk()
    out = session.output
    if every:
        _print_all(session, at, limit)
    elif event is not None:
        found = assess_event(event, lake=desk)
        facts = {"status": "accepted", "event_id": found.event_id, "risk_score": found.score, "risk": _facts(found)}
        _print(out, found, facts)
    else:
        found = assess_risk(str(number), lake=desk, at=at)
        _print(out, found, {"status": "success", "risk_score": found.score, "risk": _facts(found)})
    session.warn_without_calls(desk)


def _check(number: str | None, every: bool, event: str | None, at: str | None, limit: int) -> None:
    if (number is not None) + every + (event is not None) != 1:
        raise UsageError(
            "risk takes a NUMBER, --all or --event JSON: one of the three.",
            hint="For example: sentinel-batch risk +2348012345678",
        )
    if event is not None and at is not None:
        raise UsageError("--at and --event cannot be used together.", hint="The event's timestamp ends the 24 hours.")
    if limit < 1:
        raise UsageError(f"--limit {limit} is not allowed.", hint="Give a number of callers, 1 or more.")


def _facts(found: Risk) -> dict[str, Any]:
    return {
        "number": found.number,
        "score": found.score,
        "level": found.level,
        "parts": dict(found.parts),
        "weights": dict(found.weights),
        "call_count": found.call_count,
        "unique_destinations": found.unique_destinations,
        "avg_duration_seconds": found.avg_duration_seconds,
        "since": found.since,
        "until": found.until,
        "last_call_at": found.last_call_at,
    }


def _print(out: Output, found: Risk, document: dict[str, Any]) -> None:
    if out.as_json:
        out.document(document)
        return
    if found.call_count == 0:
        out.line(_say_no_calls(found))
        return
    out.line(f"{found.number}  risk {found.score:.2f} ({found.level})")
    out.line(f"Window  ({format_moment(found.since)}, {format_moment(found.until)}] UTC")
    values = {
        "unique_destinations": found.unique_destinations,
        "short_duration": found.avg_duration_seconds,
        "call_frequency": found.call_count,
    }
    names = {
        "unique_destinations": "unique destinations",
        "short_duration": "average duration (s)",
        "call_frequency": "calls",
    }
    rows = [
        (names[part], values[part], found.parts[part], weight, found.parts[part] * weight)
        for part, weight in found.weights.items()
    ]
    numbers = (Column(name, numeric=True) for name in ("Value", "Part", "Weight", "Points"))
    out.table((Column("Part of the score"), *numbers), rows)


def _say_no_calls(found: Risk) -> str:
    window = f"({format_moment(found.since)}, {format_moment(found.until)}] UTC"
    if found.last_call_at is None:
        return f"{found.number}  no calls: the lake has none of this number up to {format_moment(found.until)} UTC."
    return f"{found.number}  no calls in {window}; the last one was at {format_moment(found.last_call_at)} UTC."


def _print_all(session: Session, at: str | None, limit: int) -> None:
    from sentinel_batch.scores import rank_risks
    from sentinel_batch.scores.risk import WEIGHTS

    desk = session.desk()
    ranked = rank_risks(lake=desk, at=at)
    shown = ranked.head(limit)
    out = session.output
    if out.as_json:
        out.document({"status": "success", "callers": ranked.height, "count": shown.height, "risks": shown.to_dicts()})
        return
    headings = ("Score", "Dest.", "Avg s", "Calls", "Dest. + short + calls")
    columns = (Column("Number"), Column("Level"), *(Column(name, numeric=True) for name in headings))
    names = ("number", "level", "score", "unique_destinations", "avg_duration_seconds", "call_count")
    points = zip(*(shown[f"{part}_part"] * weight for part, weight in WEIGHTS.items()), strict=True)
    sums = (" + ".join(f"{part:.2f}" for part in parts) for parts in points)
    out.table(columns, [(*row, parts) for row, parts in zip(shown.select(names).rows(), sums, strict=True)])
    alike = int(shown["score"].is_duplicated().sum())
    if alike:
        out.note(
            f"{alike:,} of these share their score with another: it is a formula over calls alone, and ranks nobody by "
            "suspicion. Who is suspected: sentinel-batch alerts list"
        )
    if shown.height < ranked.height:
        out.note(f"{shown.height:,} of {ranked.height:,} callers; see more with --limit.")
