"""Command ``audio scorer calibrate``."""

from __future__ import annotations

from sentinel_batch.cli.audio.options import Model, settle_model
from sentinel_batch.cli.audio.scorer.fitting import Folder, Force, Labels, Version, follow, print_model, require_fresh
from sentinel_batch.cli.session import Session, with_session


@with_session
def calibrate(
    session: Session,
    manifest: Labels,
    out: Folder,
    model: Model = None,
    model_version: Version = None,
    force: Force = False,
) -> None:
    """Refit the probabilities of a scorer on labelled recordings.

    Only the last step is refitted; the classifiers stay as they are. A network that was added (audio models) gives
    labels only after it. This calibrates probabilities of recordings; rules calibrate sets the thresholds of rules so
    that alerts fit a budget.
    """
    from audio_batch import calibrate_model

    output = session.output
    with output.progress("Scoring") as bar:
        fitted = calibrate_model(
            manifest,
            require_fresh(out),
            model=settle_model(session, model),
            version=model_version,
            progress=follow(bar),
            force=force,
        )
    print_model(output, fitted, out)
