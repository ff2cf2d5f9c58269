"""Commands ``audio train``, ``audio evaluate`` and ``audio calibrate``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.audio_options import Model as ModelName
from sentinel_batch.cli.output import Output, Progress
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from audio_batch.spoof.model import Model

Labels = Annotated[
    Path,
    typer.Option(
        "--manifest", metavar="FILE", help="CSV with path, label (human or synthetic), and speaker, attack_family."
    ),
]
Folder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the model; must not exist.")]
Version = Annotated[
    str | None, typer.Option("--model-version", metavar="NAME", help="Name of the model [default the folder's].")
]


@with_session
def train(
    session: Session,
    manifest: Labels,
    out: Folder,
    model_version: Version = None,
    as_recorded: Annotated[
        bool, typer.Option("--as-recorded", help="Simulate no channels: the recordings are telephone calls.")
    ] = False,
    narrowband_only: Annotated[
        bool, typer.Option("--narrowband-only", help="Train no model of 16 kHz recordings.")
    ] = False,
    draws: Annotated[int, typer.Option("--draws", metavar="N", help="Random channels per recording.")] = 2,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Same seed, same model [default shipped].")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Processes.")] = 1,
) -> None:
    """Train a scorer on your own labelled recordings.

    Calibrated on speakers and engines that it did not train on, where there are enough of them.
    """
    from audio_batch import train_model

    for name, number in (("draws", draws), ("workers", workers)):
        if number < 1:
            raise UsageError(f"--{name} {number} is not allowed.", hint="Give 1 or more.", value=number)
    output = session.output
    options: dict[str, Any] = {} if seed is None else {"seed": seed}
    model = train_model(
        manifest,
        _fresh(out),
        version=model_version,
        channel_classes=("narrowband",) if narrowband_only else ("narrowband", "wideband"),
        draws=draws,
        simulate=not as_recorded,
        workers=workers,
        report=output.note,
        **options,
    )
    _print_model(output, model, out)


@with_session
def evaluate(session: Session, manifest: Labels, model: ModelName = None) -> ExitCode:
    """Score labelled recordings, and print the error rates: in all, by engine, by channel.

    Recordings that the model was trained on prove nothing. Exit code 3: some could not be scored; they are listed.
    """
    from audio_batch import evaluate_model

    out = session.output
    with out.progress("Scoring") as bar:
        evaluation = evaluate_model(manifest, model=model, progress=_follow(bar))
    code = ExitCode.PARTLY_DONE if evaluation.failed else ExitCode.DONE
    if out.as_json:
        failed = [{"path": path, "message": message} for path, message in evaluation.failed]
        figures = [asdict(one) for one in evaluation.figures]
        facts = {"model_version": evaluation.model_version, "figures": figures, "failed": failed}
        out.document({"status": "partial" if failed else "success", **facts})
        return code
    out.line(f"Model {evaluation.model_version}")
    out.line(evaluation.format_table())
    for path, message in evaluation.failed:
        out.error(f"{path}: {message}")
    return code


@with_session
def calibrate(
    session: Session, manifest: Labels, out: Folder, model: ModelName = None, model_version: Version = None
) -> None:
    """Refit the last step of a model on labelled recordings; the classifiers stay as they are."""
    from audio_batch import calibrate_model

    output = session.output
    with output.progress("Scoring") as bar:
        fitted = calibrate_model(manifest, _fresh(out), model=model, version=model_version, progress=_follow(bar))
    _print_model(output, fitted, out)


def _fresh(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"There is something at {str(folder)!r} already.",
            hint="Name a new folder for the model.",
            value=str(folder),
        )
    return folder


def _follow(bar: Progress | None) -> Callable[[int, int], None] | None:
    return None if bar is None else lambda done, total: bar(f"{done} of {total}", done, total)


def _print_model(out: Output, model: Model, folder: Path) -> None:
    if out.as_json:
        facts = {"model_version": model.version, "path": folder, "channel_classes": list(model.channels)}
        out.document({"status": "success", **facts})
    else:
        out.line(f"Model {model.version}: {folder}")
