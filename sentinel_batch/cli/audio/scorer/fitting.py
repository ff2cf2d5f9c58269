"""What the commands that fit or measure a scorer share: options, progress, the printed model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.output import Activity, Output
from sentinel_batch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from audio_batch.spoof.model import Model

Labels = Annotated[
    Path,
    typer.Option(
        "--manifest",
        metavar="FILE",
        help="CSV with path, label (human or synthetic), and speaker, attack_family, source; or a folder with human "
        "and synthetic in it.",
    ),
]
Folder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the model; must not exist.")]
Version = Annotated[
    str | None, typer.Option("--model-version", metavar="NAME", help="Name of the model [default the folder's].")
]


Force = Annotated[
    bool, typer.Option("--force", help="Take fewer than 20 recordings of a class: to try it out, not for calls.")
]


def require_fresh(folder: Path) -> Path:
    """Refuse a folder for a model that holds something."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"There is something at {str(folder)!r} already.",
            hint="Name a new folder for the model.",
            value=str(folder),
        )
    return folder


def follow(bar: Activity | None) -> Callable[[int, int], None] | None:
    """Return what moves the progress bar, if there is one."""
    return None if bar is None else lambda done, total: bar(f"{done} of {total}", done, total)


def print_model(out: Output, model: Model, folder: Path) -> None:
    """Print where a model was written."""
    if out.as_json:
        facts = {"model_version": model.cited, "path": folder, "channel_classes": list(model.channels)}
        out.document({"status": "success", **facts})
    else:
        out.line(f"Model {model.cited}: {folder}")
