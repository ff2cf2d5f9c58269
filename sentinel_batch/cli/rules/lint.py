"""Command ``rules lint``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sentinel_batch.cli.rules.description import WordsArgument
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from sentinel_batch.rules.books import Book
    from sentinel_batch.rules.linter import Violation
    from sentinel_batch.rules.selection import Selection


@with_session
def lint(session: Session, rules: WordsArgument = None) -> ExitCode:
    """Say what is wrong with rules.

    Looks at their headers, their SQL, and how the two fit together.

    Exit code 1: something is.
    """
    from sentinel_batch.rules.selection import select_rules

    chosen = select_rules(rules, session.configure())
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


def _lint(chosen: Selection) -> list[Violation]:
    from sentinel_batch.rules.linter import Violation, find_duplicates, lint_rule

    found = []
    for failed in chosen.failed:
        place, _, message = failed.error.message.partition(": ")
        found.append(Violation(place, message, failed.error.hint))
    for rule in chosen.rules:
        found += lint_rule(rule)
    found += find_duplicates(chosen.rules)
    return found + [violation for book in chosen.books for violation in _lint_lock(book, chosen)]


def _lint_lock(book: Book, chosen: Selection) -> list[Violation]:
    from sentinel_batch.rules.linter import Violation
    from sentinel_batch.rules.lock import LOCK_FILE, find_unlocked

    rules = [rule for rule in chosen.rules if rule.book == book.name]
    hint = f"Raise its version if it changed; then: sentinel-batch rules lock {book.folder}"
    return [Violation(f"{book.folder / LOCK_FILE}:1", message, hint) for message in find_unlocked(book.folder, rules)]
