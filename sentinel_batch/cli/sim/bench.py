"""Command ``sim bench``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import UsageError

if TYPE_CHECKING:
    from sentinel_batch.evaluation import BenchPlan

REPORT, FIGURES = "detection.md", "detection.json"


@with_session
def bench(
    session: Session,
    subscribers: Annotated[
        int, typer.Option("--subscribers", metavar="N", help="Ordinary subscribers of each population.")
    ] = 50_000,
    days: Annotated[int, typer.Option("--days", metavar="N", help="Days of traffic.")] = 14,
    seeds: Annotated[str, typer.Option("--seeds", metavar="1,2", help="Populations that are measured.")] = "1,2,3",
    strategies: Annotated[
        str | None, typer.Option("--strategies", metavar="A,B", help="Strategies of the SIM boxes [default all].")
    ] = None,
    training_seeds: Annotated[
        str | None, typer.Option("--training-seeds", metavar="1,2", help="Populations that models are trained on.")
    ] = None,
    training_subscribers: Annotated[
        int | None, typer.Option("--training-subscribers", metavar="N", help="Their size [default 20000].")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Keep populations, detection.md and detection.json here."),
    ] = None,
) -> None:
    """Measure how well fraud is found in simulated populations.

    Populations are simulated, examined night by night, and compared with the truth: each rule, all rules together, and
    rules with a model that was trained on other populations and other strategies. With --out, a run that was killed
    can be resumed.
    """
    import tempfile

    from sentinel_batch.evaluation import bench_detection, render_report

    plan = _plan(subscribers, days, seeds, strategies, training_seeds, training_subscribers)
    console = session.output
    with tempfile.TemporaryDirectory() as scratch:
        figures = bench_detection(out or scratch, plan, progress=console.note)
    page = render_report(figures)
    if out is not None:
        (out / REPORT).write_text(page, encoding="utf-8")
        (out / FIGURES).write_text(json.dumps(figures, indent=2, default=str) + "\n", encoding="utf-8")
    if console.as_json:
        console.document({"status": "success", "out": out, **figures})
    else:
        console.line(page)


def _plan(
    subscribers: int,
    days: int,
    seeds: str,
    strategies: str | None,
    training_seeds: str | None,
    training_subscribers: int | None,
) -> BenchPlan:
    from sentinel_batch.evaluation import BenchPlan

    given: dict[str, int | tuple[int, ...]] = {}
    if training_seeds is not None:
        given["training_seeds"] = _read_seeds(training_seeds, "--training-seeds")
    if training_subscribers is not None:
        given["training_subscribers"] = training_subscribers
    names = tuple(name.strip() for name in strategies.split(",")) if strategies is not None else ()
    return BenchPlan(subscribers, days, _read_seeds(seeds, "--seeds"), names, **given)  # type: ignore[arg-type]


def _read_seeds(typed: str, option: str) -> tuple[int, ...]:
    parts = [part.strip() for part in typed.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"{option} is {typed!r}, not a list of seeds.", hint="Give whole numbers, such as 1,2,3.")
    return tuple(int(part) for part in parts)
