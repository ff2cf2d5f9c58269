"""Command ``audio scorer evaluate``."""

from __future__ import annotations

from dataclasses import asdict

from sentinel_batch.cli.audio.options import (
    Model,
)
from sentinel_batch.cli.audio.scorer.fitting import Labels, follow
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode


@with_session
def evaluate(session: Session, manifest: Labels, model: Model = None) -> ExitCode:
    """Print the error rates of a model on labelled recordings.

    In all, by engine and by channel. Do not use recordings that the model was trained on: they prove nothing. Exit code
    3: some recordings could not be scored; they are listed.
    """
    from audio_batch import evaluate_model

    out = session.output
    with out.progress("Scoring") as bar:
        evaluation = evaluate_model(manifest, model=model, progress=follow(bar))
    code = ExitCode.PARTLY_DONE if evaluation.failed else ExitCode.DONE
    if out.as_json:
        failed = [{"path": path, "message": message} for path, message in evaluation.failed]
        figures = [asdict(one) for one in evaluation.figures]
        facts = {
            "model_version": evaluation.model_version,
            "figures": figures,
            "notices": evaluation.notices,
            "failed": failed,
        }
        out.document({"status": "partial" if failed else "success", **facts})
        return code
    out.line(f"Model {evaluation.model_version}")
    out.line(evaluation.format_table())
    for notice in evaluation.notices:
        out.warn(notice)
    for path, message in evaluation.failed:
        out.error(f"{path}: {message}")
    return code
