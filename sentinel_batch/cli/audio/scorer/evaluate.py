"""Command ``audio scorer evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from batch_base.names import name_of
from sentinel_batch.cli.audio.options import settle_model
from sentinel_batch.cli.audio.scorer.fitting import Labels, follow
from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from audio_batch.spoof.comparison import ComparedScorer, Comparison, Difference
    from audio_batch.spoof.evaluation import Evaluation

SeveralModels = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Model: a shipped or an added one, or a folder; several are compared [default that of the settings].",
    ),
]

_SCORERS = (
    Column("Scorer", fold=True),
    Column("EER (95 %)"),
    Column("FPR", numeric=True),
    Column("FNR", numeric=True),
    Column("Cllr", numeric=True),
    Column("minDCF", numeric=True),
    Column("No label", numeric=True),
)
_DIFFERENCES = (
    Column("Scorer", fold=True),
    Column("EER, points (95 % over sources)", fold=True),
    Column("Cllr (95 % over sources)", fold=True),
)

Remote = Annotated[
    Literal["remote"] | None,
    typer.Option("--scorer", metavar="remote", help="Measure the API of SONOTHEIA_API_URL, beside the models named."),
]


@with_session
def evaluate(session: Session, manifest: Labels, model: SeveralModels = None, scorer: Remote = None) -> ExitCode:
    """Print the error rates of a model on labelled recordings, or of several side by side.

    In all, by engine and by channel. Several models, or --scorer remote beside them, are compared with the first on the
    same recordings, with intervals over their sources. Do not use recordings that a model was trained on: they prove
    nothing. Exit code 3: some recordings could not be scored; they are listed.
    """
    from audio_batch import compare_scorers, evaluate_model
    from sentinel_batch.recordings import settle_scorer

    named: list[str | None] = list(model) if model else [None]
    models = [settle_model(session, name) for name in named]
    out = session.output
    with out.progress("Scoring") as bar:
        if len(models) == 1 and scorer != "remote":
            evaluation = evaluate_model(manifest, model=models[0], progress=follow(bar))
            comparison = None
        else:
            remote = [settle_scorer(session.configure(), scorer="remote")] if scorer == "remote" else []
            comparison = compare_scorers(manifest, [*(models if model else []), *remote], progress=follow(bar))
    return _print_evaluation(out, evaluation) if comparison is None else _print_comparison(out, comparison)


def _print_evaluation(out: Output, evaluation: Evaluation) -> ExitCode:
    code = ExitCode.PARTLY_DONE if evaluation.failed else ExitCode.DONE
    if out.as_json:
        facts = {**evaluation.to_dict(), "notices": evaluation.notices, "failed": _list_failed(evaluation.failed)}
        out.document({"status": "partial" if evaluation.failed else "success", **facts})
        return code
    out.line(f"Model {evaluation.model_version}")
    out.line(evaluation.format_table())
    for notice in evaluation.notices:
        out.warn(notice)
    _print_failed(out, evaluation.failed)
    return code


def _print_comparison(out: Output, comparison: Comparison) -> ExitCode:
    failed = any(one.failed for one in comparison.scorers)
    code = ExitCode.PARTLY_DONE if failed else ExitCode.DONE
    if out.as_json:
        document = comparison.to_dict()
        scorers = [{**one, "failed": _list_failed(one["failed"])} for one in document["scorers"]]
        out.document({"status": "partial" if failed else "success", **document, "scorers": scorers})
        return code
    of = f"{comparison.recordings:,} recordings of {comparison.sources:,} sources"
    out.line(f"{of}; rates in per cent, intervals over sources")
    out.table(_SCORERS, [_scorer_row(one) for one in comparison.scorers])
    if comparison.differences:
        out.line()
        out.table(_DIFFERENCES, [_difference_row(one) for one in comparison.differences], title="Against the first")
    for one in comparison.scorers:
        withheld = ", ".join(f"{count:,} {reason}" for reason, count in one.abstentions.items())
        out.line(f"Labels withheld by {one.name}: {withheld or 'none'}")
    for notice in comparison.notices:
        out.warn(notice)
    for one in comparison.scorers:
        _print_failed(out, one.failed, f"{one.name}: ")
    return code


def _scorer_row(scorer: ComparedScorer) -> tuple[str | None, ...]:
    found = scorer.figures
    eer = f"{found.eer * 100:.1f} ({found.eer_low * 100:.1f} to {found.eer_high * 100:.1f})"
    shares = [None if share is None else f"{share * 100:.1f}" for share in (found.fpr, found.fnr, found.abstained)]
    costs = [None if cost is None else f"{cost:.3f}" for cost in (found.cllr, found.min_dcf)]
    return scorer.name, eer, *shares[:2], *costs, shares[2]


def _difference_row(found: Difference) -> tuple[str | None, ...]:
    from audio_batch.spoof.comparison import describe_difference

    eer = describe_difference(found.eer * 100, found.low, found.high, ".1f", 100)
    cllr = None if found.cllr is None else describe_difference(found.cllr, found.cllr_low, found.cllr_high, ".3f")
    return found.name, eer, cllr


def _list_failed(failed: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"path": path, "message": message} for path, message in failed]


def _print_failed(out: Output, failed: tuple[tuple[str, str], ...], by: str = "") -> None:
    for path, message in failed:
        out.error(f"{by}{name_of(path)}: {message}")
