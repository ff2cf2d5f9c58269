"""Import of labels from outside into the lake."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.history import actor_name
from sentinel_batch.labels.queries import LABELS
from sentinel_batch.labels.reading import Label, read_labels
from sentinel_batch.runs import recorded_run
from sentinel_batch.schema import CALL_RECORDS, OUTSIDE_LABELS, polars_schema
from sentinel_batch.window import now


@dataclass(frozen=True)
class LabelImport:
    """What an import brought.

    Parameters
    ----------
    file
        Where from.
    labels
        Labels in the file by what they say.
    added, changed, unchanged
        Labels that are new, that replace one of the same number, source and day, and that were there.
    without_calls
        Numbers that make no call in the lake: nothing can be learned from them until they do.
    """

    file: str
    labels: dict[str, int]
    added: int
    changed: int
    unchanged: int
    without_calls: int

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)


def import_labels(
    file: str | Path, *, by: str | None = None, lake: DeskLike = None, config: ConfigLike = None
) -> LabelImport:
    """Keep what others know of numbers: hits of test calls, a regulator's list, closed cases.

    A label counts as a verdict on its number as of its date, whether or not the number has an alert: models learn from
    it and are measured on it, and the record and calibration of rules take it where no analyst has decided. Importing
    the same file again changes nothing.

    Parameters
    ----------
    file
        CSV in UTF-8 with a header, or Parquet, of columns ``number``, ``label`` (``positive``, ``negative`` or
        ``unknown``), ``source``, ``date`` (ISO) and, if there is one, ``reason``.
    by
        Who imports; None takes the user of the session.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Raises
    ------
    LabelError
        If the file cannot be read, or a line is invalid; then nothing is imported.
    """
    desk, path = open_desk(lake, config), Path(file)
    target = desk.lake  # A lake that is not there is said before anything about the file.
    labels = read_labels(path, desk.config.region)
    facts = {"file": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "by": actor_name(by)}
    with target.lock(desk.config.lock_timeout), recorded_run(target, "labels", facts) as run:
        result = _keep(desk, path, labels, actor_name(by))
        run.counts = {name: count for name, count in result.to_dict().items() if name != "file"}
        return result


def _keep(desk: Desk, path: Path, labels: list[Label], actor: str) -> LabelImport:
    schema = polars_schema(OUTSIDE_LABELS.columns)
    tables, keys = desk.lake.snapshot(), list(OUTSIDE_LABELS.key)
    before = tables.read(OUTSIDE_LABELS.name)
    rows = [{**asdict(label), "file": path.name, "imported_at": now(), "imported_by": actor} for label in labels]
    fresh = pl.DataFrame(rows, schema=schema).unique(keys, keep="last", maintain_order=True)
    says = ["label", "reason"]
    same = fresh.join(before, on=[*keys, *says], how="semi")
    moved = fresh.join(same, on=keys, how="anti")
    changed = moved.join(before, on=keys, how="semi").height
    if not moved.is_empty():
        kept = pl.concat([before.join(moved, on=keys, how="anti"), moved]).sort(keys)
        desk.lake.overwrite(OUTSIDE_LABELS.name, kept)
    callers = tables.scan(CALL_RECORDS.name).select(number="caller_number").unique()
    calling = fresh.lazy().select("number").unique().join(callers, on="number", how="semi").collect().height
    counts = Counter(fresh["label"])
    return LabelImport(
        str(path), {name: counts[name] for name in LABELS}, moved.height - changed, changed, same.height,
        fresh["number"].n_unique() - calling,
    )  # fmt: skip
