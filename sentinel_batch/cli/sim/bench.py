"""Command ``sim bench``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import UsageError

if TYPE_CHECKING:
    from sentinel_batch.cli.output import Output
    from sentinel_batch.evaluation import BenchPlan, VariantPlan

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
    variants: Annotated[
        str | None,
        typer.Option("--variants", metavar="A,B", help="Compare views of the same fraud instead: names, or all."),
    ] = None,
    designs: Annotated[
        str, typer.Option("--designs", metavar="A,B", help="With --variants: generators.")
    ] = "population,agents",
    boxes: Annotated[int, typer.Option("--boxes", metavar="N", help="With --variants: boxes of each strategy.")] = 12,
    model: Annotated[
        str, typer.Option("--model", metavar="DIR", help="With --variants: a model, a shipped one, or none.")
    ] = "simbox-simulated",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Keep populations, detection.md and detection.json here."),
    ] = None,
) -> None:
    """Measure how well fraud is found in simulated populations.

    Populations are simulated, examined night by night, and compared with the truth: each rule, all rules together, and
    rules with a model that was trained on other populations and other strategies. With --variants, networks of two
    designs are seen as other operators would: full, no_imei, no_cells, no_imei_no_cells, one_operator, other_country,
    short_history, half_volume, holiday. With --out, a run that was killed can be resumed.
    """
    import tempfile

    console = session.output
    with tempfile.TemporaryDirectory() as scratch:
        if variants is not None:
            figures, page = _compare(
                out or Path(scratch), _plan_variants(subscribers, days, seeds, designs, variants, boxes), model, console
            )
        else:
            plan = _plan(subscribers, days, seeds, strategies, training_seeds, training_subscribers)
            figures, page = _measure(out or Path(scratch), plan, console)
    if out is not None:
        (out / REPORT).write_text(page, encoding="utf-8")
        (out / FIGURES).write_text(json.dumps(figures, indent=2, default=str) + "\n", encoding="utf-8")
    if console.as_json:
        console.document({"status": "success", "out": out, **figures})
    else:
        console.line(page)


def _measure(folder: Path, plan: BenchPlan, console: Output) -> tuple[dict[str, Any], str]:
    from sentinel_batch.evaluation import bench_detection, render_report

    figures = bench_detection(folder, plan, progress=console.note)
    return figures, render_report(figures)


def _compare(folder: Path, plan: VariantPlan, model: str, console: Output) -> tuple[dict[str, Any], str]:
    from sentinel_batch.evaluation import bench_variants, render_variants

    figures = bench_variants(folder, plan, model=None if model == "none" else model, progress=console.note)
    return figures, render_variants(figures)


def _plan_variants(subscribers: int, days: int, seeds: str, designs: str, variants: str, boxes: int) -> VariantPlan:
    from sentinel_batch.evaluation import VariantPlan

    chosen = () if variants == "all" else _split(variants)
    return VariantPlan(subscribers, days, _read_seeds(seeds, "--seeds"), _split(designs), chosen, boxes)


def _split(typed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in typed.split(","))


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
    names = _split(strategies) if strategies is not None else ()
    return BenchPlan(subscribers, days, _read_seeds(seeds, "--seeds"), names, **given)  # type: ignore[arg-type]


def _read_seeds(typed: str, option: str) -> tuple[int, ...]:
    parts = [part.strip() for part in typed.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"{option} is {typed!r}, not a list of seeds.", hint="Give whole numbers, such as 1,2,3.")
    return tuple(int(part) for part in parts)
