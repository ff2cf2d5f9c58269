"""Command ``rules test``."""

from __future__ import annotations

from sentinel_batch.cli.rules.description import WordsArgument
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode


@with_session
def test(session: Session, rules: WordsArgument = None) -> ExitCode:
    """Run the test cases of rules: calls in, expected findings out.

    Exit code 1: a test case fails, or a rule has none.
    """
    from sentinel_batch.rules.casebook import check_case, read_cases
    from sentinel_batch.rules.selection import select_rules

    chosen = select_rules(rules, session.configure())
    results = [(failed.id, "(the rule)", f"{failed.error.message} {failed.error.hint}") for failed in chosen.failed]
    for rule in chosen.rules:
        cases = read_cases(rule)
        results += [(rule.id, case.name, check_case(rule, case)) for case in cases]
        if not cases:
            results.append((rule.id, "(the rule)", f"There are no test cases. Write some into {rule.cases_path.name}."))
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
