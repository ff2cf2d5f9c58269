"""One simulated population, night by night: what the engine finds, and in which case it ends up."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinel_batch.lake import Lake

if TYPE_CHECKING:
    import polars as pl

FOUND, OPENED, MEMBERS, FACTS = "findings.parquet", "alerts.parquet", "members.parquet", "nights.json"

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
    lake
        Where its calls, profiles, alerts and cases are.
    seed, subscribers
        Of the population.
    ends
        End of each local day; the night's run examines the day that ends there.
    truth
        ``number, role, kind, strategy, box_id, fraud_start`` of every number.
    findings
        ``night`` and the main columns of every finding.
    alerts
        ``night, suspect_number, detection_rule`` of every alert, on the night that opened it.
    members
        ``night, case_id, number``: members of cases as they stood after each night.
    """

    lake: Lake
    seed: int
    subscribers: int
    ends: tuple[datetime, ...]
    truth: pl.DataFrame
    findings: pl.DataFrame
    alerts: pl.DataFrame
    members: pl.DataFrame

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
    """Simulate a population and work through its nights as ``nightly`` does: profiles, rules, alerts, cases.

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
    lake = build_population(
        folder, subscribers=subscribers, days=days, seed=seed, strategies=strategies, boxes=boxes,
        sims_per_box=sims_per_box, campaigns=campaigns, progress=progress,
    )  # fmt: skip
    if not (folder / FACTS).is_file():
        _work_nights(lake, folder, seed, subscribers, progress or _silent)
    return read_observation(folder, lake)


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
) -> Lake:
    """Simulate a population into a folder and build its profiles; repeating it costs nothing."""
    from sentinel_batch.profiles import build_profiles
    from sentinel_batch.simulation.population import simulate_population

    lake = Lake.create(folder / "lake")
    if not (lake.path / "simulation" / "truth.parquet").is_file():
        (progress or _silent)(f"population {seed}: simulating")
        simulate_population(
            lake, subscribers=subscribers, days=days, seed=seed, strategies=strategies, boxes=boxes,
            sims_per_box=sims_per_box, campaigns=campaigns,
        )  # fmt: skip
    build_profiles(lake)
    return lake


def read_observation(folder: Path, lake: Lake) -> Observation:
    """Return what :func:`observe_population` kept in a folder."""
    import polars as pl

    from sentinel_batch.simulation.population import read_truth

    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    truth = read_truth(lake).numbers.select("number", "role", "kind", "strategy", "box_id", "fraud_start")
    findings, alerts, members = (pl.read_parquet(folder / name, glob=False) for name in (FOUND, OPENED, MEMBERS))
    return Observation(
        lake, facts["seed"], facts["subscribers"], tuple(datetime.fromisoformat(end) for end in facts["ends"]), truth,
        findings, alerts, members,
    )  # fmt: skip


def describe_nights(observation: Observation, *, window_days: int = 7) -> pl.DataFrame:
    """Return ``night`` and the model's figures of every number that called in the trailing days of each night.

    Parameters
    ----------
    observation
        The population.
    window_days
        Trailing days that a number is described by.
    """
    import polars as pl

    from sentinel_batch.learning.features import FEATURE_NAMES, describe_callers
    from sentinel_batch.learning.history import list_days, load_profiles

    days = list_days(observation.lake)["local_date"].to_list()
    kept = [pl.col(name).cast(pl.Float32) for name in FEATURE_NAMES]
    parts = []
    for night in range(min(FIRST_MODEL_NIGHT, len(days) - 1), len(days)):
        first = max(days[0], days[night] - timedelta(days=window_days - 1))
        profiles = load_profiles(observation.lake, first, days[night])
        rows = describe_callers(profiles, until=days[night], days=window_days)
        parts.append(rows.select(pl.lit(night).alias("night"), "number", *kept))
    return pl.concat(parts)


def _work_nights(lake: Lake, folder: Path, seed: int, subscribers: int, progress: Callable[[str], None]) -> None:
    import polars as pl

    from sentinel_batch.cases import build_cases
    from sentinel_batch.learning.history import list_days
    from sentinel_batch.simulation.population import read_truth

    days = list_days(lake)
    configured = {"GEO_IMPOSSIBLE": {"locations": str(read_truth(lake).cells_file)}}
    found, opened, members = [], [], []
    for night, (start, end) in enumerate(days.select("day_start", "day_end").iter_rows()):
        progress(f"population {seed}: night {night + 1} of {days.height}")
        findings, alerts = _examine(lake, start, end, configured)
        build_cases(lake, until=end)
        found.append(findings.select(pl.lit(night).alias("night"), *_FINDING))
        opened.append(alerts.select(pl.lit(night).alias("night"), "suspect_number", "detection_rule"))
        members.append(_list_members(lake).select(pl.lit(night).alias("night"), "case_id", "number"))
    for name, parts in ((FOUND, found), (OPENED, opened), (MEMBERS, members)):
        pl.concat(parts).write_parquet(folder / name)
    facts: dict[str, Any] = {"seed": seed, "subscribers": subscribers}
    facts["ends"] = [end.isoformat() for end in days["day_end"].to_list()]
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")


def _examine(
    lake: Lake, start: datetime, end: datetime, configured: dict[str, Any]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the findings of one day, and the alerts that they opened."""
    import polars as pl

    from sentinel_batch.alerts import record_alerts
    from sentinel_batch.rules import examine_rules

    found = examine_rules(lake=lake, since=start, until=end, configured=configured)
    findings = pl.concat([detection.findings for detection in found])
    changes = record_alerts(findings, lake=lake)
    return findings, changes.alerts.filter(pl.col("id").is_in(changes.created))


def _list_members(lake: Lake) -> pl.DataFrame:
    """Return ``case_id, number`` of every case that goes on."""
    import polars as pl

    from sentinel_batch.schema import CASE_MEMBERS, CASES

    cases = lake.scan(CASES.name).filter(pl.col("merged_into").is_null()).select("case_id", "content_id")
    members = lake.scan(CASE_MEMBERS.name).join(cases, on=["case_id", "content_id"], how="semi")
    return members.select("case_id", "number").sort("case_id", "number").collect()


def _silent(_: str) -> None:
    return
