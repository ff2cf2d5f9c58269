"""Command ``sim agents``."""

from __future__ import annotations

from typing import Annotated

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.sim.population import print_truth, read_date


@with_session
def agents(
    session: Session,
    subscribers: Annotated[int, typer.Option("--subscribers", metavar="N", help="Ordinary subscribers.")] = 10_000,
    days: Annotated[int, typer.Option("--days", metavar="N", help="Days of traffic.")] = 14,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Equal seeds give equal calls.")] = 1,
    start: Annotated[
        str | None, typer.Option("--start", metavar="DATE", help="First local day [default 2026-01-05, a Monday].")
    ] = None,
    boxes: Annotated[int, typer.Option("--boxes", metavar="N", help="SIM boxes of each of six strategies.")] = 1,
) -> None:
    """Fill an empty lake with the calls of agents: a second design beside sim population.

    Subscribers have places, friends and habits; among them are trades, test-call generators and machines that look
    almost like SIMs of a box, and boxes of six strategies. Numbers and days are those of the region and time zone that
    are set (BJ, GH, NG or PK). The truth goes beside the tables, as with sim population.
    """
    from sentinel_batch.simulation.agents import simulate_agents
    from sentinel_batch.simulation.agents.plan import DEFAULT_START

    desk, out = session.desk(), session.output
    with out.progress("Simulating") as progress:
        truth = simulate_agents(
            lake=desk,
            subscribers=subscribers,
            days=days,
            seed=seed,
            start=read_date(start) if start is not None else DEFAULT_START,
            boxes=boxes,
            progress=progress,
        )
    if out.as_json:
        out.document({"status": "success", "lake": desk.config.lake, "truth": truth.folder, **truth.plan})
    else:
        print_truth(out, truth)
