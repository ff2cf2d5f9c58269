"""Command ``queue``: suspects in the order in which they are worth a look."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.offers import offer_models
from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.period import Since, Until, resolve_bounds
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.text import name_reasons, show_reasons, show_share

if TYPE_CHECKING:
    import polars as pl

_QUEUE = (
    Column("Rank", numeric=True),
    Column("Suspect"),
    Column("Score", numeric=True),
    Column("Rules' score", numeric=True, drop=5),
    Column("Model", numeric=True, drop=3),
    Column("Severity"),
    Column("Case", numeric=True, drop=2),
    Column("Box", numeric=True, drop=1),
    Column("Alerts", fold=True, drop=4),
    Column("Why", fold=True, least=26),
)


@with_session
def queue(
    session: Session,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most N suspects.")] = 50,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="DIR",
            help="A model's folder, the name of a shipped one, or none.",
            autocompletion=offer_models,
        ),
    ] = None,
    more: Annotated[bool, typer.Option("--more", help="Print every reason, in whole sentences.")] = False,
) -> None:
    """Rank the suspects, one row per number: whom to look at first.

    The score joins what all rules found, the number's box, the size of its case, and the probability and the order of a
    model, which can raise a number but never remove one. Why says what speaks for fraud, and then,
    apart from it, what speaks against. By contrast, risk scores every caller by the last 24 hours alone, without rules,
    and model score lists what the model alone suspects.
    """
    from sentinel_batch.scores import rank_queue

    desk = session.desk().snapshot()
    begin, end = resolve_bounds(desk, since, until)
    found = rank_queue(lake=desk, since=begin, until=end, model=model, limit=limit)
    out, rows = session.output, found.suspects
    session.warn_without_calls(desk)
    if out.as_json:
        check = None if found.check is None else found.check.to_dict()
        out.document({"status": "success", "count": rows.height, "suspects": rows.to_dicts(), "model_check": check})
        return
    _print_queue(out, rows, show_reasons if more else name_reasons)
    if rows.height and not more:
        out.note("Every reason, in whole sentences: --more")
    for notice in found.notices:
        out.note(notice)


def _print_queue(out: Output, rows: pl.DataFrame, show: Callable[[list[str], list[str]], str]) -> None:
    if rows.is_empty():
        out.line("No suspects.")
        return
    out.table(
        _QUEUE,
        [
            (
                row["rank"],
                f"{row['suspect_number']} (suppressed)" if row["suppressed"] else row["suspect_number"],
                show_share(row["score"]),
                show_share(row["rule_score"]),
                show_share(row["model_probability"]),
                row["severity"],
                row["case_id"],
                row["box_id"],
                " ".join(map(str, row["alert_ids"])),
                show(row["reasons"], row["reasons_against"]),
            )
            for row in rows.to_dicts()
        ],
    )
