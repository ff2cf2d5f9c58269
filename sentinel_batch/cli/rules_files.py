"""Commands ``rules new``, ``rules lint`` and ``rules lock``: rules as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from sentinel_batch.rules.books import Book
    from sentinel_batch.rules.linter import Violation
    from sentinel_batch.rules.selection import Selection

WordsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID|FILE|FOLDER]...", help="Rules, or folders of rules [default those configured]."),
]


@with_session
def new(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Id of the rule, such as PREMIUM_NIGHT.")],
    folder: Annotated[Path, typer.Option("--folder", metavar="DIR", help="Where to write it.")] = Path(),
) -> None:
    """Write the three files of a new rule: small, working, with comments that explain."""
    from sentinel_batch.rules.scaffolding import write_scaffold

    files = write_scaffold(name, folder)
    out = session.output
    if out.as_json:
        out.document({"status": "success", "rule": name, "files": [str(file) for file in files]})
        return
    for file in files:
        out.line(str(file))
    out.note(f"Change them, then: sentinel-batch rules lint {files[1]} && sentinel-batch rules test {files[1]}")
    out.note(f'To run it every night, add "{folder.absolute()}" to rules in sentinel.toml.')


@with_session
def lint(session: Session, rules: WordsArgument = None) -> ExitCode:
    """Say what is wrong with rules: their headers, their SQL, and how they fit together.

    Exit code 1: something is.
    """
    from sentinel_batch.rules.selection import select_rules

    chosen = select_rules(rules)
    found = _lint(chosen)
    count = len(chosen.rules) + len(chosen.failed)
    out = session.output
    if out.as_json:
        violations = [{"place": v.place, "message": v.message, "hint": v.hint} for v in found]
        out.document({"status": "failed" if found else "success", "count": count, "violations": violations})
    else:
        for violation in found:
            out.line(f"{violation.place}: {violation.message}")
            out.line(f"    {violation.hint}")
        wrong = f"{len(found)} thing{'s are' if len(found) != 1 else ' is'} wrong" if found else "nothing is wrong"
        out.line(f"{count} rule{'s' if count != 1 else ''} looked at: {wrong}.")
    return ExitCode.FAILED if found else ExitCode.DONE


@with_session
def lock(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The book: a folder of rules.")],
) -> None:
    """Write down what each version of the rules of a folder says (versions.lock), so that none changes unnoticed.

    A rule that changed needs a new version first.
    """
    from sentinel_batch.rules.lock import write_lock
    from sentinel_batch.rules.selection import select_rules

    chosen = select_rules([str(folder)])
    if chosen.failed:
        raise chosen.failed[0].error
    path = write_lock(folder, chosen.rules)
    out = session.output
    if out.as_json:
        out.document({"status": "success", "count": len(chosen.rules), "file": str(path)})
    else:
        out.line(f"{path}: {len(chosen.rules)} rules.")


def _lint(chosen: Selection) -> list[Violation]:
    from sentinel_batch.rules.linter import Violation, lint_rule

    found = []
    for failed in chosen.failed:
        place, _, message = failed.error.message.partition(": ")
        found.append(Violation(place, message, failed.error.hint))
    for rule in chosen.rules:
        found += lint_rule(rule)
    return found + [violation for book in chosen.books for violation in _lint_lock(book, chosen)]


def _lint_lock(book: Book, chosen: Selection) -> list[Violation]:
    from sentinel_batch.rules.linter import Violation
    from sentinel_batch.rules.lock import LOCK_FILE, find_unlocked

    rules = [rule for rule in chosen.rules if rule.book == book.name]
    hint = f"Raise its version if it changed; then: sentinel-batch rules lock {book.folder}"
    return [Violation(f"{book.folder / LOCK_FILE}:1", message, hint) for message in find_unlocked(book.folder, rules)]
