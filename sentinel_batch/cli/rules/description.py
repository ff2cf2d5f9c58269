"""How commands take rules, and what they say of those that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.offers import offer_rules
from sentinel_batch.cli.output import Output
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from sentinel_batch.rules import FailedRule

WordsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID|FILE|FOLDER]...",
        help="Rules, or folders of rules [default those configured].",
        autocompletion=offer_rules,
    ),
]


def report_failed(out: Output, failed: Sequence[FailedRule]) -> ExitCode:
    """Warn of rules that cannot be used, unless a document did; return the exit code that says so."""
    for rule in () if out.as_json else failed:
        out.error(f"Rule {rule.id} was left out. {rule.error.message}", rule.error.hint)
    return ExitCode.PARTLY_DONE if failed else ExitCode.DONE
