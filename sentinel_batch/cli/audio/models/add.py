"""Command ``audio models add``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batch_base.shell import join_words
from sentinel_batch.cli.audio.models.places import Models, find_store, print_model
from sentinel_batch.cli.session import Session, with_session


@with_session
def add(
    session: Session,
    source: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Network in ONNX form, or the folder of a trained or calibrated model."),
    ],
    card: Annotated[
        Path | None,
        typer.Option("--card", metavar="FILE", help="TOML that describes the network; a folder has its own."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What to call it [default as its card does].")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a model of that name.")] = False,
    models: Models = None,
) -> None:
    """Check a model and add it under a name, for --model NAME.

    The file is hashed, held against its card and tried; it is copied with its weights. A network gives labels only once
    it is calibrated: audio scorer calibrate.
    """
    from audio_batch import add_model

    store = find_store(session, models)
    added = add_model(source, store=store, card=card, name=name, replaces=replace)
    out = session.output
    if out.as_json:
        out.document({"status": "success", "model": added.to_dict()})
        return
    print_model(out, added)
    if not added.calibrated:
        model = added.name if models is None else added.path
        options = ["--model", model, "--manifest", "labels.csv", "--out", f"{added.name}-calibrated"]
        out.note(f"Calibrate it: {join_words(['sentinel-batch', 'audio', 'scorer', 'calibrate', *options])}")
