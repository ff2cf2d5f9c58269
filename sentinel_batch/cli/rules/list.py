"""Command ``rules list``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from batch_base.suggestions import suggest
from sentinel_batch.cli.output import Column
from sentinel_batch.cli.rules.description import report_failed
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ConfigurationError, ExitCode, UsageError

if TYPE_CHECKING:
    from sentinel_batch.config import Config
    from sentinel_batch.rules import Rule
    from sentinel_batch.rules.catalogue import Catalogue


@with_session
def list_rules(
    session: Session,
    tag: Annotated[
        str | None,
        typer.Option(
            "--tag", metavar="TAG", help="Only those with this tag, or one below it: fraud includes fraud.bypass."
        ),
    ] = None,
    maturity: Annotated[
        str | None, typer.Option("--maturity", metavar="WORD", help="Only experimental, stable or deprecated ones.")
    ] = None,
    book: Annotated[str | None, typer.Option("--book", metavar="NAME", help="Only those of this book.")] = None,
) -> ExitCode:
    """List the rules of the configured books.

    Exit code 3: a rule of yours cannot be used, or settings are of no rule, or of none of its parameters; each is
    named.
    """
    from sentinel_batch.rules import describe_rule, read_catalogue
    from sentinel_batch.rules.catalogue import role_of

    config = session.configure()
    catalogue = read_catalogue(config)
    rules = _filter(catalogue.rules, tag, maturity, book)
    wrong = _find_wrong_settings(config, catalogue)
    out = session.output
    if out.as_json:
        out.document(
            {
                "status": "partial" if catalogue.failed or wrong else "success",
                "count": len(rules),
                "rules": [describe_rule(rule, config) for rule in rules],
                "failed": [failed.to_dict() for failed in catalogue.failed],
                "wrong_settings": [{"message": error.message, "hint": error.hint} for error in wrong],
            }
        )
    else:
        columns = (
            Column("Rule"),
            Column("Ver."),
            Column("Maturity", drop=1),
            Column("Role"),
            Column("Book", drop=2),
            Column("Name", fold=True, least=36),
            Column("Tags", fold=True, drop=3, least=40),
        )
        rows = [(r.id, r.version, r.maturity, role_of(r, config), r.book, r.name, ", ".join(r.tags)) for r in rules]
        out.table(columns, rows)
        for error in wrong:
            out.error(error.message, error.hint)
    return max(report_failed(out, catalogue.failed), ExitCode.PARTLY_DONE if wrong else ExitCode.DONE)


def _find_wrong_settings(config: Config, catalogue: Catalogue) -> list[ConfigurationError]:
    """Return what a night would refuse of the settings of rules."""
    from sentinel_batch.rules.catalogue import find_strangers
    from sentinel_batch.rules.settings import Origin

    wrong = find_strangers(config, catalogue)
    for rule in catalogue.rules:
        try:
            rule.resolve_parameters(configured=config.rules.get(rule.id), origin=Origin.of(config, rule.id))
        except ConfigurationError as error:
            wrong.append(error)
    return wrong


def _filter(rules: Sequence[Rule], tag: str | None, maturity: str | None, book: str | None) -> list[Rule]:
    """Return the rules that have what was asked for; what none of them can have is refused."""
    from sentinel_batch.rules.rule import MATURITIES

    tags = {tag for rule in rules for tag in rule.tags}
    books = {rule.book for rule in rules}
    _check("--tag", tag, sorted(tags | {name.partition(".")[0] for name in tags}))
    _check("--maturity", maturity, MATURITIES)
    _check("--book", book, sorted(books))
    return [
        rule
        for rule in rules
        if (tag is None or any(own == tag or own.startswith(f"{tag}.") for own in rule.tags))
        and (maturity is None or rule.maturity == maturity)
        and (book is None or rule.book == book)
    ]


def _check(option: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        hint = suggest(value, known, f"There are: {', '.join(known)}.")
        raise UsageError(f"{option} {value!r} fits no rule.", hint=hint, value=value)
