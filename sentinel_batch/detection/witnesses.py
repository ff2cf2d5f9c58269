"""Which findings become alerts: those of openers, and those of witnesses where something else agrees."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from sentinel_batch.boxes import BOX_RULE, list_standing_members
from sentinel_batch.lake import Snapshot
from sentinel_batch.schema import FRAUD_ALERTS

_ACQUITTED = "false-positive"


@dataclass(frozen=True)
class Unrecorded:
    """Findings of witnesses that became no alerts, because nothing else speaks against their numbers.

    Parameters
    ----------
    by_rule
        Rule id to the number of its findings; without those that have none.
    repeated
        Further findings of witnesses that only repeat an open alert of the same witness on the same number, or a worse
        finding of the same run: a witness speaks once.
    """

    by_rule: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0

    @property
    def total(self) -> int:
        """How many there are, repeated ones aside."""
        return sum(self.by_rule.values())

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values: ``findings``, ``by_rule``, ``repeated``, ``notice``."""
        facts = {"findings": self.total, "by_rule": dict(self.by_rule), "repeated": self.repeated}
        return {**facts, "notice": self.notice}

    @property
    def notice(self) -> str:
        """The same in words, with the command that shows them; empty if there are none."""
        counted = ", ".join(f"{rule} {count:,}" for rule, count in self.by_rule.items())
        said = [
            f"{self.total:,} {_findings(self.total)} of witnesses ({counted}) on numbers that nothing else speaks "
            f"against; sentinel-batch rules run {' '.join(self.by_rule)} --dry-run shows them."
        ] * bool(self.by_rule)
        said += [
            f"{self.repeated:,} {_findings(self.repeated)} of witnesses that already have an open alert on the number."
        ] * bool(self.repeated)
        return " ".join(f"Not recorded: {part}" for part in said)


def _findings(count: int) -> str:
    return "finding" if count == 1 else "findings"


def choose_recorded(
    findings: pl.DataFrame, witnesses: Collection[str], tables: Snapshot
) -> tuple[pl.DataFrame, Unrecorded]:
    """Return the findings that are recorded, and what is known of the others.

    A witness' finding is recorded if an opener found its number in the same run; if the number has an alert of an
    opener that is open, confirmed or on watch, or one of a witness that was confirmed or put on watch; or if it is a
    member of a box that stands and whose alert was not found false. It is left out if it repeats one: see
    :class:`Unrecorded`.

    Parameters
    ----------
    findings
        Of all rules of a run.
    witnesses
        Ids of the rules that open no alerts by themselves.
    tables
        The lake's alerts and boxes.
    """
    said = pl.col("detection_rule").is_in(list(witnesses))
    doubtful = findings.filter(said)["suspect_number"].unique()
    if doubtful.is_empty():
        return findings, Unrecorded()
    spoken = pl.concat(
        [
            findings.filter(~said)["suspect_number"],
            _list_standing(tables, doubtful, witnesses),
            _list_members(tables),
        ]
    )
    kept = ~said | pl.col("suspect_number").is_in(spoken.unique().implode())
    left = findings.filter(~kept).group_by("detection_rule").len().sort("detection_rule")
    chosen = findings.filter(kept)
    fresh = _leave_repeated(chosen, said, tables)
    return fresh, Unrecorded(dict(left.iter_rows()), chosen.height - fresh.height)


def _leave_repeated(findings: pl.DataFrame, said: pl.Expr, tables: Snapshot) -> pl.DataFrame:
    """Return the findings without those of witnesses that repeat themselves; one that goes on with an alert stays."""
    pair = ["detection_rule", "suspect_number"]
    placed = findings.with_row_index("place")
    spoken = placed.filter(said)
    alerts = tables.scan(FRAUD_ALERTS.name).filter(
        pl.col("status") == "open", pl.col("suspect_number").is_in(spoken["suspect_number"].implode())
    )
    known = alerts.select(*pair, known_start="episode_start", known_end="episode_end").collect()
    touching = spoken.join(known, on=pair).filter(
        pl.col("episode_start") <= pl.col("known_end"), pl.col("episode_end") >= pl.col("known_start")
    )
    # Findings come worst first.
    first = spoken.join(known, on=pair, how="anti").unique(pair, keep="first", maintain_order=True)
    kept = pl.concat([touching["place"], first["place"]]).unique()
    return placed.filter(~said | pl.col("place").is_in(kept.implode())).drop("place")


def _list_standing(tables: Snapshot, numbers: pl.Series, witnesses: Collection[str]) -> pl.Series:
    """Return those of the numbers that an alert speaks against: an opener's, or one that somebody held to be true."""
    by_opener = ~pl.col("detection_rule").is_in(list(witnesses))
    upheld = (pl.col("status") == "reviewed") & (pl.col("disposition") != _ACQUITTED)
    alerts = tables.scan(FRAUD_ALERTS.name).filter(pl.col("suspect_number").is_in(numbers.implode()))
    standing = alerts.filter(upheld | (by_opener & (pl.col("status") == "open")))
    return standing.select("suspect_number").collect()["suspect_number"]


def _list_members(tables: Snapshot) -> pl.Series:
    """Return the members of boxes that stand, without those of boxes whose alert was found false."""
    false = (pl.col("detection_rule") == BOX_RULE) & (pl.col("disposition") == _ACQUITTED)
    leads = tables.scan(FRAUD_ALERTS.name).filter(false).select("suspect_number").collect()["suspect_number"]
    members = list_standing_members(tables)
    return members.filter(~pl.col("lead_number").is_in(leads.implode()))["number"]
