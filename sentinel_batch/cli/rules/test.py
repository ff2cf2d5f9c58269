"""Command ``rules test``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sentinel_batch.cli.rules.description import WordsArgument
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode, SentinelError

if TYPE_CHECKING:
    from sentinel_batch.rules import Rule


@with_session
def test(session: Session, rules: WordsArgument = None) -> ExitCode:
    """Run the test cases of rules: calls in, expected findings out.

    Exit code 1: a test case fails, or a rule has none.
    """
    from sentinel_batch.rules.selection import select_rules

    chosen = select_rules(rules, session.configure())
    results = [(failed.id, "(the rule)", f"{failed.error.message} {failed.error.hint}") for failed in chosen.failed]
    results += [result for rule in chosen.rules for result in _test(rule)]
    failures = [result for result in results if result[2]]
    out = session.output
    if out.as_json:
        found = [{"rule": rule, "case": name, "problem": problem} for rule, name, problem in results]
        out.document({"status": "failed" if failures else "success", "count": len(results), "cases": found})
    else:
        for rule_id, name, problem in failures:
            out.line(f"FAILED {rule_id}: {name}: {problem}")
        out.line(f"{len(results) - len(failures)} of {len(results)} test cases pass.")
    return ExitCode.FAILED if failures else ExitCode.DONE


def _test(rule: Rule) -> list[tuple[str, str, str]]:
    """Return rule, case and problem of each case; one entry for a problem that all cases have."""
    from sentinel_batch.rules.case_files import read_cases
    from sentinel_batch.rules.casebook import check_case
    from sentinel_batch.rules.trial import try_queries

    try:
        cases = read_cases(rule)
        refused = next(try_queries(rule), None)
    except SentinelError as error:
        return [(rule.id, "(the rule)", f"{error.message} {error.hint}")]
    if refused is not None:
        return [(rule.id, "(the rule)", "{}: {} {}".format(*refused))]
    if not cases:
        return [(rule.id, "(the rule)", f"There are no test cases. Write some into {rule.cases_path.name}.")]
    return [(rule.id, case.name, check_case(rule, case)) for case in cases]
