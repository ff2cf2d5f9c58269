"""The bench: populations with known fraud, models trained on other populations and strategies, figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.errors import UsageError
from sentinel_batch.evaluation.models import KIND, collect_training, train_without
from sentinel_batch.evaluation.observation import (
    Observation,
    be_silent,
    build_population,
    describe_nights,
    observe_population,
)
from sentinel_batch.evaluation.outcomes import count_false_alerts, describe_boxes, measure_delays
from sentinel_batch.evaluation.queue import FUSED, GROUPED, MODEL, RULES, build_queue, score_by_model, score_by_rules
from sentinel_batch.evaluation.standing import DAILY_BUDGET, MEASURES, join_standings, measure, stand
from sentinel_batch.learning.model import Model
from sentinel_batch.rules import list_rules
from sentinel_batch.simulation.population import STRATEGIES

PREVALENCE = 0.0002
"""SIMs in boxes of each strategy, as a share of the subscribers."""

SIMS_PER_BOX = 11
"""Mean number of SIMs that a simulated box has at work (8 to 14)."""

TRAINING_SUBSCRIBERS = 20_000
TRAINING_BOXES = 2
"""Boxes of each strategy in a training population."""

TRAINING_SEEDS = (101, 102, 103, 104)


@dataclass(frozen=True)
class BenchPlan:
    """What is measured.

    Parameters
    ----------
    subscribers, days
        Of each population.
    seeds
        Of the populations that are measured, one each.
    strategies
        Strategies of the boxes; every population holds each of them at :data:`PREVALENCE`, at least one box.
    training_seeds, training_subscribers
        Of the populations that models are trained on; no seed may be in both.

    Raises
    ------
    UsageError
        If a seed is in both, or there is no seed or unknown strategy.
    """

    subscribers: int = 50_000
    days: int = 14
    seeds: tuple[int, ...] = (1, 2, 3)
    strategies: tuple[str, ...] = ()
    training_seeds: tuple[int, ...] = TRAINING_SEEDS
    training_subscribers: int = TRAINING_SUBSCRIBERS

    def __post_init__(self) -> None:
        unknown = [name for name in self.strategies if name not in STRATEGIES]
        if unknown:
            raise UsageError(
                f"There are no strategies {', '.join(map(repr, unknown))}.",
                hint=f"Allowed: {', '.join(STRATEGIES)}.",
                value=unknown,
            )
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise UsageError(f"The seeds {self.seeds} are empty, or not distinct.", hint="Give some, such as 1,2,3.")
        both = sorted(set(self.seeds) & set(self.training_seeds))
        if both:
            raise UsageError(
                f"The seeds {both} are both trained on and measured.",
                hint=f"Give seeds other than {', '.join(map(str, self.training_seeds))}.",
                value=both,
            )
        object.__setattr__(self, "strategies", self.strategies or tuple(STRATEGIES))

    @property
    def boxes(self) -> int:
        """Boxes of each strategy in a population."""
        return max(1, round(self.subscribers * PREVALENCE / SIMS_PER_BOX))


def bench_detection(
    out: str | Path, plan: BenchPlan | None = None, *, progress: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Measure how well the engine finds simulated fraud; what is simulated and observed is kept and used again.

    The settings are the default ones, whatever is configured, so that figures compare.

    Parameters
    ----------
    out
        Folder for the populations.
    plan
        What is measured; None is the default.
    progress
        Called with a few words at each step.

    Returns
    -------
    dict
        JSON-ready: ``plan``; ``strategies`` (by name and method: :data:`MEASURES` with ``intervals``), ``overall``
        (means over strategies), ``rules`` (each rule alone), ``known`` (model trained on all strategies),
        ``false_alerts``, ``delays``, ``boxes``.

    Raises
    ------
    UsageError
        If the folder holds populations of another plan.
    """
    chosen, folder, say = plan or BenchPlan(), Path(out), progress or be_silent
    examples = _train(chosen, folder, say)
    populations = []
    for seed in chosen.seeds:
        place = folder / f"population-{chosen.subscribers}-{chosen.days}-{seed}"
        observation = observe_population(
            place, subscribers=chosen.subscribers, days=chosen.days, seed=seed, strategies=chosen.strategies,
            boxes=chosen.boxes * len(chosen.strategies), progress=say,
        )  # fmt: skip
        kept = place / "figures.parquet"
        if not kept.is_file():
            describe_nights(observation).write_parquet(kept)
        populations.append((observation, kept))
    models: dict[str | None, Model] = {}
    for strategy in (None, *chosen.strategies):
        say(f"training without {strategy}" if strategy else "training on all strategies")
        models[strategy] = train_without(examples, strategy)
    judged = []
    for observation, kept in populations:
        say(f"population {observation.seed}: judging")
        figures = pl.read_parquet(kept, glob=False)
        judged.append(Judged.of(observation, {name: score_by_model(figures, model) for name, model in models.items()}))
    return summarise(chosen, judged)


@dataclass(frozen=True)
class Judged:
    """An observed population, with what rules and models say of its numbers by every night.

    Parameters
    ----------
    observation
        The population.
    rules
        ``night, number, rule_score``.
    models
        ``night, number, probability, listed`` of the model that was trained without a strategy (None: with all).
    """

    observation: Observation
    rules: pl.DataFrame
    models: Mapping[str | None, pl.DataFrame]

    @classmethod
    def of(cls, observation: Observation, models: Mapping[str | None, pl.DataFrame]) -> Judged:
        """Return the population with the score of all rules."""
        return cls(observation, score_by_rules(observation), models)

    def queue(self, method: str, strategy: str | None) -> pl.DataFrame:
        """Return ``night, number, score`` of one method, its model trained without the strategy."""
        seen = self.observation
        return build_queue(method, self.rules, self.models[strategy], seen.members, seen.boxes)


def put(judged: Sequence[Judged], queues: Sequence[pl.DataFrame], asked: pl.Expr) -> dict[str, Any]:
    """Return the figures of queues, of all populations taken as one network, when some fraud is asked for."""
    standings = [
        stand(queue, own.truth, asked, days=own.days, subscribers=own.subscribers)
        for own, queue in zip((each.observation for each in judged), queues, strict=True)
    ]
    return measure(join_standings(standings))


def summarise(plan: BenchPlan, judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the figures of judged populations, as :func:`bench_detection` does."""
    strategies: dict[str, Any] = {}
    delays: dict[str, Any] = {}
    for name in plan.strategies:
        asked = _of_strategy(name)
        queues = {method: [each.queue(method, name) for each in judged] for method in (RULES, GROUPED, MODEL, FUSED)}
        strategies[name] = {method: put(judged, parts, asked) for method, parts in queues.items()}
        observations = [each.observation for each in judged]
        delays[name] = {method: measure_delays(observations, queues[method], name) for method in (RULES, FUSED)}
    return {
        "plan": {**asdict(plan), "boxes": plan.boxes, "prevalence": PREVALENCE, "daily_budget": DAILY_BUDGET},
        "strategies": strategies,
        "overall": _average(strategies),
        "known": _measure_known(plan, judged),
        "rules": _measure_rules(judged),
        "delays": delays,
        "false_alerts": count_false_alerts([each.observation for each in judged]),
        "boxes": [
            {"seed": each.observation.seed, **box} for each in judged for box in describe_boxes(each.observation)
        ],
    }


def _train(plan: BenchPlan, folder: Path, say: Callable[[str], None]) -> pl.DataFrame:
    desks = [
        build_population(
            folder / f"training-{plan.training_subscribers}-{plan.days}-{seed}", subscribers=plan.training_subscribers,
            days=plan.days, seed=seed, boxes=TRAINING_BOXES * 7, progress=say,
        )
        for seed in plan.training_seeds
    ]  # fmt: skip
    say("collecting training examples")
    return collect_training(desks)


def _of_strategy(name: str | None) -> pl.Expr:
    box = pl.col("kind") == KIND
    return box if name is None else box & (pl.col("strategy") == name)


def _average(strategies: Mapping[str, Any]) -> dict[str, Any]:
    """Return the means over strategies, by method: every strategy counts alike."""
    methods = next(iter(strategies.values()))
    return {
        method: {
            name: sum(figures[method][name] or 0.0 for figures in strategies.values()) / len(strategies)
            for name in MEASURES
        }
        for method in methods
    }


def _measure_known(plan: BenchPlan, judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the figures of the model that knows all strategies (but no such seed): boxes, and any fraud."""
    queues = [each.queue(FUSED, None) for each in judged]
    known = {name: put(judged, queues, _of_strategy(name)) for name in plan.strategies}
    known["all boxes"] = put(judged, queues, _of_strategy(None))
    known["any fraud"] = put(judged, queues, pl.col("role") == "fraud")
    return known


def _measure_rules(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return for each rule alone how well it finds boxes: all strategies, and the share of the SIMs of each."""
    return {rule.id: _measure_rule(judged, rule.id) for rule in list_rules()}


def _measure_rule(judged: Sequence[Judged], rule: str) -> dict[str, Any]:
    queues = [score_by_rules(each.observation, [rule]).select("night", "number", score="rule_score") for each in judged]
    found = pl.concat(
        each.observation.truth.filter(_of_strategy(None)).with_columns(
            found=pl.col("number").is_in(queue["number"].unique().implode())
        )
        for each, queue in zip(judged, queues, strict=True)
    )
    shares = found.group_by("strategy").agg(pl.col("found").mean()).sort("strategy")
    return {**put(judged, queues, _of_strategy(None)), "found_by_strategy": dict(shares.iter_rows())}
