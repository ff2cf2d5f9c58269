"""What is wrong with a rule: its SQL, its header, and how they fit together."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from batch_base.suggestions import suggest
from sentinel_batch.errors import RuleError
from sentinel_batch.rules.books import SHIPPED_FOLDER
from sentinel_batch.rules.case_files import check_calls, read_cases
from sentinel_batch.rules.catalogue import list_shipped, taken_id
from sentinel_batch.rules.columns import find_unknown_columns, list_outputs, read_columns
from sentinel_batch.rules.expansion import Query
from sentinel_batch.rules.findings import RETURNED_COLUMNS
from sentinel_batch.rules.inputs import EXAMINED_CALLS, PROFILES, PROVIDED, list_tables
from sentinel_batch.rules.portability import check_portability, leaves_nulls_to_the_engine
from sentinel_batch.rules.queries import DETAILS
from sentinel_batch.rules.reach import find_line
from sentinel_batch.rules.rule import Rule
from sentinel_batch.rules.trial import try_queries

_STEP_BEGINS = re.compile(r"\s*\w+ AS (?:\w+ )?\(")


@dataclass(frozen=True)
class Violation:
    """One thing in a rule that is not allowed, with its place (``file:line``) and what to write instead."""

    place: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message} {self.hint}"


def lint_rule(rule: Rule) -> list[Violation]:
    """Return everything that is wrong with a rule; an empty list is a good rule.

    Looked at are the steps that it calls, the portable subset of SQL, the columns that it names and that its header
    says it reads, what it returns, its parameters, lists, tags, summary and cases; if all that is well, its queries run
    on a lake without calls.
    """
    try:
        queries = rule.expansions
    except RuleError as error:
        place, _, message = error.message.partition(": ")
        return [Violation(place, message, error.hint), *_lint_header(rule)]
    found = [violation for query in queries for violation in _lint_query(rule, query)]
    found += _lint_use(rule)
    found += _lint_header(rule)
    if not found:
        found += _lint_columns(rule)
    if not found:
        found += [Violation(*problem) for problem in try_queries(rule)]
    return list(dict.fromkeys(found))


def find_duplicates(rules: Sequence[Rule]) -> list[Violation]:
    """Return what is wrong with ids that several of these rules have, or a shipped one has, too."""
    first = {rule.id: rule for rule in list_shipped()}
    found = []
    for rule in rules:
        other = first.setdefault(rule.id, rule)
        if other.path.resolve() != rule.path.resolve():
            error = taken_id(rule, other)
            place, _, message = error.message.partition(": ")
            found.append(Violation(place, message, error.hint))
    return list(dict.fromkeys(found))


def check_rule(rule: Rule) -> None:
    """Raise for a rule that :func:`lint_rule` complains about.

    Raises
    ------
    RuleError
        With the first complaint, and all of them in its details.
    """
    found = lint_rule(rule)
    if found:
        raise RuleError(
            f"{found[0].place}: {found[0].message}" + (f" ({len(found) - 1} more)" if len(found) > 1 else ""),
            hint=found[0].hint,
            violations=[str(violation) for violation in found],
        )


@cache
def list_tags() -> dict[str, str]:
    """Return the shipped tags, such as ``fraud.bypass``, and what they mean."""
    tables = tomllib.loads((SHIPPED_FOLDER / "tags.toml").read_text(encoding="utf-8"))
    return {f"{kind}.{word}": meaning for kind, words in tables.items() for word, meaning in words.items()}


def _lint_query(rule: Rule, query: str) -> Iterator[Violation]:
    expansion = rule.expansions[query]
    sql = expansion.sql
    try:
        trees = sqlglot.parse(sql, dialect="duckdb")
    except SqlglotError as error:
        place = re.search(r"[Ll]ine (\d+)", str(error))
        yield _explain_syntax(expansion, int(place[1]) if place else 1)
        return
    if len(trees) != 1 or not isinstance(trees[0], exp.Select):
        yield Violation(expansion.locate(1), f"Query {query} is not one SELECT.", "Write a single SELECT.")
        return
    tables = list_tables(rule)
    for node, message, hint in check_portability(trees[0], {*rule.parameters, *rule.constants, *PROVIDED}, tables):
        yield Violation(expansion.locate(find_line(node, sql)), message, hint)
    for column, known in find_unknown_columns(trees[0], tables):
        hint = suggest(column.name, known, f"Columns here: {', '.join(sorted(set(known))) or 'none'}.")
        yield Violation(expansion.locate(find_line(column, sql)), f"There is no column {column.sql()}.", hint)
    if leaves_nulls_to_the_engine(sql):
        message = f"Query {query} has an ORDER BY without NULLS FIRST or NULLS LAST."
        yield Violation(expansion.locate(1), message, "Engines disagree on the default: write one of them.")
    yield from _lint_outputs(rule, query, list_outputs(trees[0], tables))


def _lint_outputs(rule: Rule, query: str, outputs: list[str] | None) -> Iterator[Violation]:
    """Check what a query returns, as far as that is known."""
    place = rule.expansions[query].locate(len(rule.expansions[query].lines))
    if outputs is None:
        return
    if query == DETAILS:
        if "suspect_number" not in outputs:
            yield Violation(place, "Query details returns no suspect_number.", "It says to whom a row belongs.")
        return
    for column in RETURNED_COLUMNS:
        if column not in outputs:
            hint = "The step findings() returns all that a rule returns."
            yield Violation(place, f"Query {query} returns no column {column}.", hint)
    for _, name, _, _ in string.Formatter().parse(rule.summary):
        if name is not None and name not in (*outputs, "window"):
            hint = suggest(name, outputs, f"It may name: {', '.join(['window', *outputs])}.")
            line = rule.find_line("summary")
            yield Violation(f"{rule.header_file}:{line}", f"The summary names {name!r}, which is not returned.", hint)


def _lint_use(rule: Rule) -> Iterator[Violation]:
    used = {name for sql in rule.queries.values() for name in re.findall(r"\$(\w+)", sql)}
    for table, names in (("parameters", rule.parameters), ("constants", rule.constants)):
        for name in names:
            if name not in used:
                heading = (f"{table}.{name}", "") if table == "parameters" else (table, name)
                place = f"{rule.header_file}:{rule.find_line(heading[1], heading[0])}"
                yield Violation(place, f"{name} is declared but never used.", f"Use ${name} or drop it.")
    for name in rule.lists:
        if not rule.reads(name):
            place = f"{rule.header_file}:{rule.find_line('', f'lists.{name}')}"
            yield Violation(place, f"List {name} is declared but never read.", "Read it or drop it.")


def _lint_header(rule: Rule) -> Iterator[Violation]:
    known = list_tags()
    kinds = {tag.partition(".")[0] for tag in known}
    for tag in rule.tags:
        if tag not in known and tag.partition(".")[0] in kinds:
            place = f"{rule.header_file}:{rule.find_line('tags')}"
            hint = suggest(tag, known, f"Known: {', '.join(known)}. Words of your own begin otherwise: desk.lagos.")
            yield Violation(place, f"There is no tag {tag}.", hint)
    if not rule.tags:
        yield Violation(f"{rule.header_file}:1", "The rule has no tags.", 'Such as tags = ["fraud.bypass"].')
    if not rule.false_positives:
        hint = 'Write false_positives = ["…"], a sentence each: whoever reviews an alert needs them.'
        yield Violation(f"{rule.header_file}:1", "The rule names no honest users that look alike.", hint)
    yield from _lint_cases(rule)
    if not rule.cases_path.is_file():
        hint = f"Write {rule.cases_path.name}: calls, and what the rule should find in them."
        yield Violation(f"{rule.header_file}:1", "The rule has no test cases.", hint)


def _lint_cases(rule: Rule) -> Iterator[Violation]:
    try:
        cases = read_cases(rule)
    except RuleError as error:
        place, _, message = error.message.partition(": ")
        yield Violation(place, message, error.hint)
        return
    for case in cases:
        try:
            check_calls(case)
        except RuleError as error:
            yield Violation(case.place, error.message.partition(": ")[2], error.hint)


def _explain_syntax(query: Query, line: int) -> Violation:
    """Say in plain words what a parser stumbles over: mostly a comma that is missing between two parts of a WITH."""
    before = None
    for made in query.lines:
        if before is not None and before.text.rstrip().endswith(")") and _STEP_BEGINS.match(made.text):
            place = f"{before.file}:{before.number}"
            return Violation(place, "This is not SQL: a comma is missing.", "End this part of the WITH with a comma.")
        before = made if made.text.strip() and not made.text.lstrip().startswith("--") else before
    text = query.lines[min(line, len(query.lines)) - 1].text.strip()
    hint = f"It breaks off at {text[:60]!r}: look for a missing comma or bracket there, or above."
    return Violation(query.locate(line), "This is not SQL.", hint)


def _lint_columns(rule: Rule) -> Iterator[Violation]:
    """Compare what the queries read with what the header says."""
    tables = list_tables(rule)
    read = {
        column if table == EXAMINED_CALLS else f"{table}.{column}"
        for sql in rule.queries.values()
        for table, column in read_columns(sqlglot.parse_one(sql, dialect="duckdb", into=exp.Select), tables)
        if table in (EXAMINED_CALLS, PROFILES)
    }
    said = (*rule.needed, *rule.optional)
    exist = [*tables[EXAMINED_CALLS], *(f"{PROFILES}.{column}" for column in tables[PROFILES])]
    place = f"{rule.header_file}:{rule.find_line('needed', 'columns')}"
    for name in said:
        if name not in read:
            hint = suggest(name, exist, "Take it out.") if name not in exist else "Take it out."
            yield Violation(place, f"[columns] names {name}, which the rule does not read.", hint)
    for name in sorted(read - set(said)):
        hint = "Add it to needed, or to optional if the rule still finds something where it is NULL."
        yield Violation(place, f"The rule reads {name}, which [columns] does not name.", hint)
