"""One simulated population, night by night: what the engine finds, and in which case it ends up."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.alerts import AlertChanges, record_alerts
from sentinel_batch.boxes import describe_boxes, record_boxes
from sentinel_batch.boxes import list_standing_members as list_standing_box_members
from sentinel_batch.cases import build_cases
from sentinel_batch.config import NO_MODEL, Config
from sentinel_batch.desk import Desk
from sentinel_batch.detection import run_detection
from sentinel_batch.learning.features import describe_callers
from sentinel_batch.learning.figures import FEATURE_NAMES
from sentinel_batch.learning.history import list_days, load_profiles
from sentinel_batch.learning.labels import has_truth
from sentinel_batch.profiles import build_profiles
from sentinel_batch.schema import FRAUD_ALERTS, polars_schema
from sentinel_batch.scores.membership import list_standing_members
from sentinel_batch.simulation.population import read_truth, simulate_population
from sentinel_batch.simulation.population.truth import FOLDER, PLAN_FILE

FOUND, OPENED, MEMBERS, BOXES = "findings.parquet", "alerts.parquet", "members.parquet", "boxes.parquet"
FACTS = "nights.json"

FIRST_MODEL_NIGHT = 2
"""Nights (from 0) before this one have too little history for a model."""

_FINDING = (
    "detection_rule", "suspect_number", "alert_severity", "confidence", "evidence_summary", "first_seen", "last_seen",
)  # fmt: skip


@dataclass(frozen=True)
class Observation:
    """What the nights of one population brought.

    Parameters
    ----------
    desk
        A snapshot: its calls, profiles, alerts, boxes and cases.
    seed, subscribers
        Of the population.
    ends
        End of each local day; the night's run examines the day that ends there.
    truth
        ``number, role, kind, strategy, box_id, fraud_start`` of every number.
    findings
        ``night`` and the main columns of every finding, those of boxes included.
    alerts
        ``night, suspect_number, detection_rule, alert_severity`` of every alert, on the night that opened it.
    members
        ``night, case_id, number``: members of cases as they stood after each night.
    boxes
        ``night, box_id, number, probability``: members of boxes as they stood after each night.
    """

    desk: Desk
    seed: int
    subscribers: int
    ends: tuple[datetime, ...]
    truth: pl.DataFrame
    findings: pl.DataFrame
    alerts: pl.DataFrame
    members: pl.DataFrame
    boxes: pl.DataFrame

    @property
    def days(self) -> int:
        """Number of nights."""
        return len(self.ends)


def observe_population(
    folder: Path,
    *,
    subscribers: int,
    days: int,
    seed: int,
    strategies: Sequence[str] | None = None,
    boxes: int | None = None,
    sims_per_box: int | None = None,
    campaigns: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Observation:
    """Simulate a population and work through its nights as ``nightly`` does: profiles, rules, alerts, boxes, cases.

    What was observed is kept in the folder, and read from there if it is asked for again.

    Parameters
    ----------
    folder
        A folder of this population's own.
    subscribers, days, seed, strategies, boxes, sims_per_box, campaigns
        As for :func:`sentinel_batch.simulation.population.simulate_population`.
    progress
        Called with a few words at each step.
    """
    build_population(
        folder, subscribers=subscribers, days=days, seed=seed, strategies=strategies, boxes=boxes,
        sims_per_box=sims_per_box, campaigns=campaigns, progress=progress,
    )  # fmt: skip
    return observe(folder, seed=seed, subscribers=subscribers, progress=progress)


def observe(
    folder: Path,
    *,
    seed: int,
    subscribers: int,
    model: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Observation:
    """Work through the nights of the simulated lake in a folder; what was observed before is read.

    Parameters
    ----------
    folder
        Where the lake is; what is observed is kept there.
    seed, subscribers
        Of the population.
    model
        Model that the nights have, by name or folder; None works them without one.
    progress
        Called with a few words at each step.
    """
    if not (folder / FACTS).is_file():
        _work_nights(folder, seed, subscribers, model, progress or be_silent)
    return read_observation(folder)


def build_population(
    folder: Path,
    *,
    subscribers: int,
    days: int,
    seed: int,
    strategies: Sequence[str] | None = None,
    boxes: int | None = None,
    sims_per_box: int | None = None,
    campaigns: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Desk:
    """Simulate a population into a folder and build its profiles; repeating it costs nothing."""
    desk = open_population(folder)
    desk.create_lake()
    if not has_truth(desk.tables):
        (progress or be_silent)(f"population {seed}: simulating")
        simulate_population(
            lake=desk, subscribers=subscribers, days=days, seed=seed, strategies=strategies, boxes=boxes,
            sims_per_box=sims_per_box, campaigns=campaigns,
        )  # fmt: skip
    build_profiles(lake=desk)
    return desk


def open_population(folder: Path) -> Desk:
    """Return the desk of a simulated lake: the default settings, whatever is configured, so that figures compare.

    Only country and time zone are those of the simulation, once it is there.
    """
    config, plan = Config(lake=folder / "lake"), folder / "lake" / FOLDER / PLAN_FILE
    facts = json.loads(plan.read_text(encoding="utf-8")) if plan.is_file() else {}
    zone, region = facts.get("zone", config.timezone), facts.get("region", config.region)
    return Desk(replace(config, timezone=zone, region=region))


def read_observation(folder: Path) -> Observation:
    """Return what :func:`observe` kept in a folder."""
    desk = open_population(folder).snapshot()
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    truth = read_truth(lake=desk).numbers.select("number", "role", "kind", "strategy", "box_id", "fraud_start")
    kept = (pl.read_parquet(folder / name, glob=False) for name in (FOUND, OPENED, MEMBERS, BOXES))
    ends = tuple(datetime.fromisoformat(end) for end in facts["ends"])
    return Observation(desk, facts["seed"], facts["subscribers"], ends, truth, *kept)


def describe_nights(observation: Observation, *, window_days: int = 7) -> pl.DataFrame:
    """Return ``night`` and the model's figures of every number that called in the trailing days of each night.

    Parameters
    ----------
    observation
        The population.
    window_days
        Trailing days that a number is described by.
    """
    days = list_days(observation.desk)["local_date"].to_list()
    kept = [pl.col(name).cast(pl.Float32) for name in FEATURE_NAMES]
    parts = []
    for night in range(min(FIRST_MODEL_NIGHT, len(days) - 1), len(days)):
        first = max(days[0], days[night] - timedelta(days=window_days - 1))
        profiles = load_profiles(observation.desk, first, days[night])
        rows = describe_callers(profiles, until=days[night], days=window_days)
        parts.append(rows.select(pl.lit(night).alias("night"), "number", *kept))
    return pl.concat(parts)


def _work_nights(folder: Path, seed: int, subscribers: int, model: str | None, progress: Callable[[str], None]) -> None:
    desk = open_population(folder).configure(model=model if model is not None else NO_MODEL)
    build_profiles(lake=desk)
    days = list_days(desk.snapshot())
    desk = desk.configure(rules={"GEO_IMPOSSIBLE": {"locations": str(read_truth(lake=desk).cells_file)}})
    nights: list[dict[str, pl.DataFrame]] = []
    for night, (start, end) in enumerate(days.select("day_start", "day_end").iter_rows()):
        progress(f"{folder.name}: night {night + 1} of {days.height}")
        nights.append(_work_night(desk, night, start, end))
    for name in (FOUND, OPENED, MEMBERS, BOXES):
        pl.concat([kept[name] for kept in nights]).write_parquet(folder / name)
    facts: dict[str, Any] = {"seed": seed, "subscribers": subscribers}
    facts["ends"] = [end.isoformat() for end in days["day_end"].to_list()]
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")


def _work_night(desk: Desk, night: int, start: datetime, end: datetime) -> dict[str, pl.DataFrame]:
    """Do what ``nightly`` does after profiles, in its order: boxes, rules, cases."""
    tonight = pl.lit(night).alias("night")
    # The search takes the whole local day of its instant, and the end of a day is the first instant of the next.
    found_boxes = record_boxes(lake=desk, until=end - timedelta(microseconds=1))
    boxes = describe_boxes(found_boxes, desk.config.timezone, end)
    opened = [] if boxes.is_empty() else [_list_opened(record_alerts(boxes, lake=desk))]
    detections = run_detection(lake=desk, since=start, until=end)
    opened.append(_list_opened(detections.changes))
    build_cases(lake=desk, until=end)
    found = pl.concat([detections.findings.select(_FINDING), boxes.select(_FINDING)], how="vertical_relaxed")
    return {
        FOUND: found.select(tonight, *_FINDING),
        OPENED: pl.concat(opened).select(tonight, "suspect_number", "detection_rule", "alert_severity"),
        MEMBERS: list_standing_members(desk.tables).select(tonight, "case_id", "number"),
        BOXES: list_standing_box_members(desk.tables).select(tonight, "box_id", "number", "probability"),
    }


def _list_opened(changes: AlertChanges | None) -> pl.DataFrame:
    """Return the alerts that were opened; none where no rule ran."""
    if changes is None:
        return pl.DataFrame(schema=polars_schema(FRAUD_ALERTS.columns))
    return changes.alerts.filter(pl.col("id").is_in(changes.created))


def be_silent(_: str) -> None:
    """Report no progress."""
