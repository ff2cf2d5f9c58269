"""Command ``audio models list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentinel_batch.cli.audio.models.places import Models, describe_calibration, find_store
from sentinel_batch.cli.output import Column
from sentinel_batch.cli.session import Session, with_session

if TYPE_CHECKING:
    from audio_batch import AddedModel

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
    from audio_batch.spoof.model import DEFAULT_MODEL
    from audio_batch.spoof.model_store import list_shipped_models

    added = list_models(find_store(session, models))
    shipped = list_shipped_models()
    out = session.output
    if out.as_json:
        facts = {
            "models": [one.to_dict() for one in added],
            "shipped": [one.name for one in shipped],
            "default": DEFAULT_MODEL,
        }
        out.document({"status": "success", "count": len(added), **facts})
        return
    out.table(_COLUMNS, [*(_make_row(one, "shipped") for one in shipped), *map(_make_row, added)])


def _make_row(model: AddedModel, source: str | None = None) -> tuple[Any, ...]:
    card = model.card or {}
    state = describe_calibration(model) if model.problem is None else model.problem
    facts = (card.get("licence"), card.get("sample_rate"), card.get("window"))
    return (model.name, *facts, state, source or card.get("source"))
