"""Command ``audio scorer train``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sentinel_batch.cli.audio.scorer.fitting import Folder, Force, Labels, Version, print_model, require_fresh
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import UsageError


@with_session
def train(
    session: Session,
    manifest: Labels,
    out: Folder,
    model_version: Version = None,
    as_recorded: Annotated[
        bool,
        typer.Option(
            "--as-recorded", help="Do not simulate telephone lines: the recordings are telephone calls already."
        ),
    ] = False,
    wideband: Annotated[
        bool,
        typer.Option("--wideband", help="Train a model of 16 kHz, too; without it, all is brought to 8 kHz."),
    ] = False,
    draws: Annotated[
        int, typer.Option("--draws", metavar="N", help="Simulated telephone lines for each recording.")
    ] = 2,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="The same seed gives the same model [default shipped].")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Number of processes.")] = 1,
    force: Force = False,
) -> None:
    """Train a scorer on your own labelled recordings.

    It is calibrated on speakers and engines that it was not trained on, if there are enough of them.
    """
    from audio_batch import train_model

    for name, number in (("draws", draws), ("workers", workers)):
        if number < 1:
            raise UsageError(f"--{name} {number} is not allowed.", hint="Give 1 or more.", value=number)
    output = session.output
    options: dict[str, Any] = {} if seed is None else {"seed": seed}
    model = train_model(
        manifest,
        require_fresh(out),
        version=model_version,
        channel_classes=("narrowband", "wideband") if wideband else ("narrowband",),
        draws=draws,
        simulate=not as_recorded,
        workers=workers,
        report=output.note,
        force=force,
        **options,
    )
    print_model(output, model, out)
