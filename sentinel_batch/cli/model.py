"""Commands ``model train``, ``model evaluate``, ``model score`` and ``model explain``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sentinel_batch.cli.offers import offer_models
from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.period import Until, resolve_bounds
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.text import show_reasons, show_share
from sentinel_batch.config import SHIPPED_MODEL
from sentinel_batch.errors import UsageError

if TYPE_CHECKING:
    from sentinel_batch.desk import DeskLike
    from sentinel_batch.learning import CallerExplanation

Labels = Annotated[
    Literal["verdicts", "truth", "both"],
    typer.Option("--labels", metavar="SOURCE", help="verdicts, truth (of simulated calls) or both."),
]
Also = Annotated[
    list[str] | None, typer.Option("--also", metavar="PATH", help="Another lake to use as well; may be repeated.")
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="DIR",
        help="Folder of a model, or the name of a shipped one [default the setting model].",
        autocompletion=offer_models,
    ),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="NAME", help="Kind of fraud in the truth; may be repeated [default all]."),
]

_SCORES = (
    Column("Number"),
    Column("Probability", numeric=True),
    Column("Log-odds", numeric=True),
    Column("Segment"),
    Column("Last call (UTC)"),
    Column("Why", fold=True),
)
_PARTS = (Column("Figure", fold=True), Column("Part", numeric=True))
_FIGURES = (
    ("numbers", "Numbers"),
    ("fraud_numbers", "Fraudulent ones"),
    ("average_precision", "Average precision"),
    ("average_precision_at_base_rate", "Average precision at the base rate"),
    ("precision_at_k", "Precision at k = fraudulent ones"),
    ("precision", "Precision from the threshold"),
    ("recall", "Recall from the threshold"),
)


@with_session
def start(session: Session) -> None:
    """Train and measure a model of callers; score and explain numbers."""


@with_session
def train(
    session: Session,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the model and its card.")],
    labels: Labels = "both",
    also: Also = None,
    kind: Kinds = None,
    window_days: Annotated[
        int,
        typer.Option("--window-days", metavar="N", help="Number of trailing days whose profiles describe a number."),
    ] = 7,
    base_rate: Annotated[
        float,
        typer.Option("--base-rate", metavar="SHARE", help="Share of fraudulent numbers that the probabilities assume."),
    ] = 0.0002,
    threshold: Annotated[
        float,
        typer.Option("--threshold", metavar="P", help="Probability from which queue lists a number that has no alert."),
    ] = 0.5,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed gives the same model.")] = 1,
) -> None:
    """Train on verdicts, or on the truth of simulated calls.

    The last third of the days and three tenths of the groups (boxes, handsets) are held out to measure the model; the
    figures go on its card. Then it is trained on everything. A model is used only where it is named.
    """
    from sentinel_batch.learning import train_model

    lakes: list[DeskLike] = [session.desk(), *(also or [])]
    model = train_model(
        lakes, labels=labels, kinds=kind, window_days=window_days, base_rate=base_rate, threshold=threshold, seed=seed
    )
    folder = model.save(out)
    output = session.output
    if output.as_json:
        facts = {"version": model.version, "folder": folder, "training": model.training, "figures": model.figures}
        output.document({"status": "success", **facts})
        return
    output.line(f"Model {model.version}: {folder}")
    _print_figures(output, model.figures)


@with_session
def evaluate(
    session: Session,
    model: ModelOption = None,
    labels: Labels = "both",
    also: Also = None,
    kind: Kinds = None,
) -> None:
    """Measure a model on labelled numbers. On the lake that it was trained on, the figures are too good to be true."""
    from sentinel_batch.learning import evaluate_model

    figures = evaluate_model(_choose(session, model), [session.desk(), *(also or [])], labels=labels, kinds=kind)
    if session.output.as_json:
        session.output.document({"status": "success", "figures": figures})
        return
    _print_figures(session.output, figures)


@with_session
def score(
    session: Session,
    model: ModelOption = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most N numbers.")] = 50,
    base_rate: Annotated[
        float | None, typer.Option("--base-rate", metavar="SHARE", help="Assume another share of fraudulent numbers.")
    ] = None,
) -> None:
    """List the numbers that the model suspects most, with reasons.

    Only the trained model speaks here. By contrast, queue joins it with what the rules found, and risk is a fixed
    formula over the last 24 hours.
    """
    from sentinel_batch.learning import open_model, score_callers
    from sentinel_batch.learning.scoring import Reasons, word_reasons

    desk = session.desk().snapshot()
    _, end = resolve_bounds(desk, None, until)
    chosen = open_model(_choose(session, model))
    rows = score_callers(lake=desk, model=chosen, until=end, base_rate=base_rate).head(limit)
    reasons = word_reasons(rows, chosen)
    if session.output.as_json:
        listed = [
            row | {"reasons": own.speaking, "reasons_against": own.against}
            for row in rows.to_dicts()
            for own in [reasons.get(row["number"], Reasons())]
        ]
        session.output.document({"status": "success", "model_version": chosen.version, "numbers": listed})
        return
    session.output.table(
        _SCORES,
        [
            (
                row["number"],
                show_share(row["probability"]),
                row["log_odds"],
                row["segment"],
                row["last_call"],
                show_reasons(own.speaking, own.against),
            )
            for row in rows.to_dicts()
            for own in [reasons.get(row["number"], Reasons())]
        ],
    )


@with_session
def explain(
    session: Session,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="A caller, as in the call records.")],
    model: ModelOption = None,
    until: Until = None,
) -> None:
    """Say in words why the model scores a number as it does. Parts are log-odds: above 0 speaks for fraud."""
    from sentinel_batch.learning import explain_caller

    desk = session.desk().snapshot()
    _, end = resolve_bounds(desk, None, until)
    found = explain_caller(number, lake=desk, model=_choose(session, model), until=end)
    if session.output.as_json:
        session.output.document({"status": "success", **found.to_dict()})
        return
    _print_explanation(session.output, found)


def _choose(session: Session, named: str | None) -> str:
    """Return the named model, or that of the settings."""
    model = named or session.configure().model
    if model is None:
        raise UsageError(
            "The settings name no model (model = none).", hint=f"Name one: --model {SHIPPED_MODEL}, or its folder."
        )
    return model


def _print_explanation(out: Output, found: CallerExplanation) -> None:
    out.line(
        f"{found.number}: probability {found.probability:.4f} at a base rate of {found.base_rate:g} "
        f"(model {found.model_version}, {found.window_days} days up to {found.day})."
    )
    parts = found.contributions.filter(found.contributions["contribution"].abs() >= 0.005)
    said = list(parts.select("words", "contribution").iter_rows())
    out.line(f"Before anything is known: {found.start:+.2f}.")
    for title, rows in (
        ("For fraud", [row for row in said if row[1] > 0]),
        ("Against it", [row for row in said if row[1] < 0]),
    ):
        if rows:
            out.table(_PARTS, [(words, f"{part:+.2f}") for words, part in rows], title=title)


def _print_figures(out: Output, figures: dict[str, Any]) -> None:
    if not figures:
        out.line("No figures: the held-out part has no fraudulent, or no honest, number.")
        return
    columns = (Column("Figure"), Column("Value", numeric=True))
    out.table(columns, [(words, _plain(figures[name])) for name, words in _FIGURES])


def _plain(value: Any) -> Any:
    return show_share(value) if isinstance(value, float) else value


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``model``."""
    app = create_app()
    app.callback()(start)
    app.command("train")(train)
    app.command("evaluate")(evaluate)
    app.command("score")(score)
    app.command("explain")(explain)
    return app
