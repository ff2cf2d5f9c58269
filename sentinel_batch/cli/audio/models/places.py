"""What the commands of ``audio models`` share: where models lie, and how one is printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.output import Output
from sentinel_batch.cli.session import Session

if TYPE_CHECKING:
    from audio_batch import AddedModel

Models = Annotated[
    Path | None,
    typer.Option("--models", metavar="DIR", help="Folder of the models [default voice-models in the lake]."),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the model.")]


def find_store(session: Session, models: Path | None) -> Path:
    """Return the folder of the models."""
    from sentinel_batch.recordings.scoring import VOICE_MODELS

    return models or session.configure().beside_lake(VOICE_MODELS, "Name their folder with --models.")


def print_model(out: Output, model: AddedModel) -> None:
    """Print what is known of a model, a line for each fact."""
    facts = {
        "Model": model.version or model.name,
        "Folder": model.path,
        "SHA-256": model.sha256,
        **{key: value for key, value in (model.card or {}).items() if key not in ("name", "sha256")},
        "Calibrated": describe_calibration(model),
        "Problem": model.problem,
    }
    width = max(map(len, facts)) + 2
    for name, value in facts.items():
        if value not in (None, ""):
            out.prose(str(value), label=name.replace("_", " ").ljust(width))


def describe_calibration(model: AddedModel) -> str:
    """Return in words whether the model's scores are likelihood ratios."""
    if not model.calibrated:
        return "no: every label is withheld"
    fitted = f"on {model.humans:,} human and {model.synthetics:,} synthetic recordings"
    return f"yes, {fitted}" if model.humans else "yes, in training"
