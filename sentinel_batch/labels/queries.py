"""Reading of labels that were imported."""

from __future__ import annotations

import polars as pl

from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import Snapshot
from sentinel_batch.schema import OUTSIDE_LABELS

LABELS = ("positive", "negative", "unknown")
"""What a label may say: fraud, no fraud, looked at and not decided."""


def list_labels(
    *, lake: DeskLike = None, config: ConfigLike = None, label: str | None = None, source: str | None = None
) -> pl.DataFrame:
    """Return the imported labels (columns of ``schema.OUTSIDE_LABELS``), the newest first.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    label
        Only those of this label, one of :data:`LABELS`; None is all.
    source
        Only those of this source; None is all.

    Raises
    ------
    UsageError
        If there is no such label.
    """
    if label is not None and label not in LABELS:
        raise UsageError(f"There is no label {label!r}.", hint=f"Allowed: {', '.join(LABELS)}.", value=label)
    rows = open_desk(lake, config).tables.read(OUTSIDE_LABELS.name)
    for name, wanted in (("label", label), ("source", source)):
        rows = rows if wanted is None else rows.filter(pl.col(name) == wanted)
    return rows.sort("labelled_on", "number", "source", descending=[True, False, False])


def read_newest(tables: Snapshot) -> pl.DataFrame:
    """Return ``number, label, source, labelled_on``: the newest label of each number that decides; else ``unknown``.

    Of labels of one day ``positive`` counts.
    """
    order = pl.col("label").replace_strict({name: place for place, name in enumerate(LABELS)}, return_dtype=pl.Int8)
    rows = tables.read(OUTSIDE_LABELS.name).with_columns(order=order, decides=pl.col("label") != "unknown")
    ordered = rows.sort("decides", "labelled_on", "order", "source", descending=[True, True, False, False])
    newest = ordered.unique("number", keep="first", maintain_order=True)
    return newest.select("number", "label", "source", "labelled_on").sort("number")
