"""Command ``sim population``."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import UsageError

if TYPE_CHECKING:
    from sentinel_batch.simulation.population import PopulationTruth

_COLUMNS = (
    Column("Role"),
    Column("Kind"),
    Column("Strategy"),
    Column("Numbers", numeric=True),
    Column("Calls made", numeric=True),
)


@with_session
def population(
    session: Session,
    subscribers: Annotated[int, typer.Option("--subscribers", metavar="N", help="Ordinary subscribers.")] = 10_000,
    days: Annotated[int, typer.Option("--days", metavar="N", help="Days of traffic.")] = 14,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Equal seeds give equal calls.")] = 1,
    start: Annotated[
        str | None, typer.Option("--start", metavar="DATE", help="First local day [default 2026-01-05, a Monday].")
    ] = None,
    strategies: Annotated[
        str | None,
        typer.Option("--strategies", metavar="A,B", help="Strategies of the SIM boxes, in turn [default all]."),
    ] = None,
    prevalence: Annotated[
        float, typer.Option("--prevalence", metavar="SHARE", help="SIMs in boxes, as a share of the subscribers.")
    ] = 0.0002,
    boxes: Annotated[
        int | None, typer.Option("--boxes", metavar="N", help="Number of SIM boxes, instead of --prevalence.")
    ] = None,
    sims_per_box: Annotated[
        int | None, typer.Option("--sims-per-box", metavar="N", help="SIMs at work in each [default 8 to 14].")
    ] = None,
    campaigns: Annotated[
        bool, typer.Option("--campaigns/--no-campaigns", help="Wangiri, IRSF and other campaigns.")
    ] = True,
) -> None:
    """Fill an empty lake with the calls of a population.

    Every fraudster in it is known. The truth goes beside the tables: LAKE/simulation/truth.parquet, plan.json,
    cells.csv and segments.csv. To resume a run that was killed, start it again with the same options.
    """
    from sentinel_batch.simulation.population import DEFAULT_START, simulate_population

    desk = session.desk()
    out = session.output
    with out.progress("Simulating") as progress:
        truth = simulate_population(
            lake=desk,
            subscribers=subscribers,
            days=days,
            seed=seed,
            start=read_date(start) if start is not None else DEFAULT_START,
            strategies=None if strategies is None else [name.strip() for name in strategies.split(",")],
            prevalence=prevalence,
            campaigns=campaigns,
            boxes=boxes,
            sims_per_box=sims_per_box,
            progress=progress,
        )
    if out.as_json:
        out.document({"status": "success", "lake": desk.config.lake, "truth": truth.folder, **truth.plan})
    else:
        print_truth(out, truth)


def read_date(typed: str) -> date:
    try:
        return datetime.strptime(typed, "%Y-%m-%d").date()
    except ValueError as error:
        raise UsageError(f"--start is {typed!r}, not a date", hint="Give a date such as 2026-01-05.") from error


def print_truth(out: Output, truth: PopulationTruth) -> None:
    import polars as pl

    groups = (
        truth.numbers.group_by("role", "kind", "strategy")
        .agg(numbers=pl.len(), calls=pl.col("calls").sum())
        .sort("role", "kind", "strategy", nulls_last=True)
    )
    rows = [(role, kind, strategy or "", count, calls) for role, kind, strategy, count, calls in groups.iter_rows()]
    out.table(_COLUMNS, rows)
    out.line()
    out.line(
        f"{truth.calls:,} calls in {truth.plan['days']} days from {truth.plan['start']}, seed {truth.plan['seed']}"
    )
    out.note(f"Ground truth: {truth.folder}")
