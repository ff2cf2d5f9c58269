"""Command ``audio models list``."""

from __future__ import annotations

from typing import Any

from sentinel_batch.cli.audio.models.places import Models, describe_calibration, find_store
from sentinel_batch.cli.output import Column
from sentinel_batch.cli.session import Session, with_session

_COLUMNS = (
    Column("Model"),
    Column("Licence"),
    Column("Rate Hz", numeric=True),
    Column("Window s", numeric=True),
    Column("Calibrated", fold=True),
    Column("Source", fold=True),
)


@with_session
def list_added(session: Session, models: Models = None) -> None:
    """List the models that were added, and those that are shipped."""
    from audio_batch import list_models
    from audio_batch.spoof.model import DEFAULT_MODEL, list_shipped

    added = list_models(find_store(session, models))
    shipped = list_shipped()
    out = session.output
    if out.as_json:
        facts = {"models": [one.to_dict() for one in added], "shipped": shipped, "default": DEFAULT_MODEL}
        out.document({"status": "success", "count": len(added), **facts})
        return
    rows: list[tuple[Any, ...]] = [(name, "MIT", None, None, "yes, in training", "shipped") for name in shipped]
    for one in added:
        card = one.card or {}
        state = describe_calibration(one) if one.problem is None else one.problem
        rows.append(
            (one.name, card.get("licence"), card.get("sample_rate"), card.get("window"), state,
             card.get("source"))
        )  # fmt: skip
    out.table(_COLUMNS, rows)
