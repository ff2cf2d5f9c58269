"""The bench of variants: the same fraud as other operators would see it, in networks of two designs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.config import SHIPPED_MODEL, Config
from sentinel_batch.desk import Desk
from sentinel_batch.errors import UsageError
from sentinel_batch.evaluation.observation import (
    FACTS,
    Observation,
    be_silent,
    describe_nights,
    observe,
    open_population,
)
from sentinel_batch.evaluation.queue import FUSED, GROUPED, build_queue, score_by_model, score_by_rules
from sentinel_batch.evaluation.variants import FULL, VARIANTS, Source, check_variants, open_variant, write_variant
from sentinel_batch.evaluation.verdicts import judge
from sentinel_batch.learning.labels import has_truth
from sentinel_batch.learning.model import Model, open_model
from sentinel_batch.simulation.agents import simulate_agents
from sentinel_batch.simulation.population import STRATEGIES, simulate_population

POPULATION, AGENTS = "population", "agents"
DESIGNS = (POPULATION, AGENTS)
"""The generators."""

AGENTS_ZONE, AGENTS_REGION = "Africa/Accra", "GH"
"""Where the agents of the bench live: not where the other design does."""


@dataclass(frozen=True)
class VariantPlan:
    """What is compared.

    Parameters
    ----------
    subscribers, days
        Of each network.
    seeds
        Networks of each design.
    designs
        Of :data:`DESIGNS`.
    variants
        Of :data:`~sentinel_batch.evaluation.variants.VARIANTS`; none is all.
    boxes
        SIM boxes of each strategy in a network.

    Raises
    ------
    UsageError
        If a design, variant or number is not allowed.
    """

    subscribers: int = 20_000
    days: int = 10
    seeds: tuple[int, ...] = (401,)
    designs: tuple[str, ...] = DESIGNS
    variants: tuple[str, ...] = ()
    boxes: int = 12

    def __post_init__(self) -> None:
        unknown = [name for name in self.designs if name not in DESIGNS]
        if unknown or not self.designs:
            raise UsageError(
                f"There are no designs {', '.join(map(repr, unknown))}." if unknown else "No design is named.",
                hint=f"Allowed: {', '.join(DESIGNS)}.",
                value=unknown,
            )
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise UsageError(f"The seeds {self.seeds} are empty, or not distinct.", hint="Give some, such as 1,2,3.")
        if self.boxes < 1:
            raise UsageError(f"boxes is {self.boxes}.", hint="Give at least one box of each strategy.")
        object.__setattr__(self, "variants", check_variants(self.variants or tuple(VARIANTS)))


def bench_variants(
    out: str | Path,
    plan: VariantPlan | None = None,
    *,
    model: Model | str | Path | None = SHIPPED_MODEL,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Measure how well fraud is found in every view of simulated networks, night by night as ``nightly`` works.

    What is simulated and observed is kept and used again. The settings are the default ones, whatever is configured.

    Parameters
    ----------
    out
        Folder for the networks.
    plan
        What is compared; None is the default.
    model
        A model that was trained on other networks, its folder, or the name of a shipped one; None leaves it out. Nights
        are worked without it, and again with it.
    progress
        Called with a few words at each step.

    Returns
    -------
    dict
        JSON-ready: ``plan``, ``model`` (its version), and ``variants``: for each design, variant and method the figures
        of :func:`sentinel_batch.evaluation.verdicts.judge`, all seeds taken as one network.

    Raises
    ------
    UsageError
        If the folder holds networks of another plan.
    ModelError
        If the model cannot be read.
    """
    chosen, folder, say = plan or VariantPlan(), Path(out), progress or be_silent
    methods: list[tuple[str, Model | None]] = [(GROUPED, None)]
    if model is not None:
        methods.append((FUSED, open_model(model)))
    rows = []
    # Variant by variant, so that a run that was stopped has whole variants.
    for name in chosen.variants:
        for design in chosen.designs:
            for method, judge_model in methods:
                seen = [observe_variant(folder, chosen, design, seed, name, judge_model, say) for seed in chosen.seeds]
                figures = judge(seen, [_queue(each, method, judge_model) for each in seen])
                about = {"design": design, "variant": name, "words": VARIANTS[name].words, "method": method}
                rows.append({**about, **figures})
    version = None if model is None else open_model(model).version
    return {"plan": asdict(chosen), "model": version, "variants": rows}


def observe_variant(
    folder: Path,
    plan: VariantPlan,
    design: str,
    seed: int,
    name: str,
    model: Model | None,
    say: Callable[[str], None],
) -> Observation:
    """Return what the nights of one view of a network brought, with a model or without; what is there is used again."""
    untouched = place_variant(folder, plan, design, seed, name, say).lake.path.parent
    worked = untouched.with_name(f"{untouched.name}-{'nights' if model is None else model.version}")
    if not (worked / FACTS).is_file():  # Nights that were broken off begin again.
        shutil.rmtree(worked, ignore_errors=True)
        shutil.copytree(untouched / "lake", worked / "lake")
    kept = None if model is None else str(model.save(folder / f"model-{model.version}"))
    subscribers = round(plan.subscribers * VARIANTS[name].share)
    return observe(worked, seed=seed, subscribers=subscribers, model=kept, progress=say)


def place_variant(
    folder: Path, plan: VariantPlan, design: str, seed: int, name: str, say: Callable[[str], None]
) -> Desk:
    """Return the desk of one view of a network, simulated if need be."""
    base = folder / f"{design}-{plan.subscribers}-{plan.days}-{seed}"
    whole = _simulate(base, plan, design, seed, say)
    if name == FULL:
        return whole
    source = Source(whole.snapshot())
    target = open_variant(source, name, folder / f"{base.name}-{name}")
    target.create_lake()
    if not has_truth(target.snapshot().tables):
        say(f"{base.name}: {VARIANTS[name].words}")
        write_variant(source, name, target)
    return target


def _simulate(base: Path, plan: VariantPlan, design: str, seed: int, say: Callable[[str], None]) -> Desk:
    config = Config(lake=base / "lake")
    desk = Desk(config) if design == POPULATION else Desk(replace(config, timezone=AGENTS_ZONE, region=AGENTS_REGION))
    desk.create_lake()
    if not has_truth(desk.snapshot().tables):
        say(f"{base.name}: simulating")
        if design == POPULATION:
            simulate_population(
                desk, subscribers=plan.subscribers, days=plan.days, seed=seed, boxes=plan.boxes * len(STRATEGIES)
            )
        else:
            simulate_agents(desk, subscribers=plan.subscribers, days=plan.days, seed=seed, boxes=plan.boxes)
    return open_population(base)


def _queue(seen: Observation, method: str, model: Model | None) -> pl.DataFrame:
    judged = pl.DataFrame(
        schema={"night": pl.Int32, "number": pl.String, "probability": pl.Float64, "listed": pl.Boolean}
    )
    if model is not None:
        judged = score_by_model(describe_nights(seen, window_days=model.window_days), model)
    return build_queue(method, score_by_rules(seen), judged, seen.members, seen.boxes)
