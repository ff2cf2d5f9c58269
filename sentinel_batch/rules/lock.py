"""Locks of books: what each version of a rule says, as a hash, so that no rule changes without a new version.

``versions.lock`` stands beside the rules of a book, one line each. What counts is all that decides what a rule finds
with its defaults: its SQL with the steps put in (comments and white space apart), parameters, constants, lists and the
conditions of its severities.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sentinel_batch.errors import RuleError
from sentinel_batch.rules.parameters import show_value
from sentinel_batch.rules.rule import Rule

LOCK_FILE = "versions.lock"

_NOTICE = "# What each version of a rule says, as a hash; written by: sentinel-batch rules lock FOLDER\n"
_TOKEN = re.compile(r"(?:--[^\n]*|/\*.*?\*/|\s)+|(?P<text>'(?:[^']|'')*')", re.DOTALL)


@dataclass(frozen=True)
class LockedRule:
    """A rule as it was locked."""

    version: str
    hash: str


def hash_rule(rule: Rule) -> str:
    """Return a hash of all that decides what a rule finds with its defaults.

    Raises
    ------
    RuleError
        If its SQL, or a file of one of its lists, cannot be read.
    """
    facts = {
        "queries": {name: fold_sql(sql) for name, sql in rule.queries.items()},
        "parameters": {
            p.name: [p.kind, *(show_value(value) for value in (p.default, p.minimum, p.maximum))]
            for p in rule.parameters.values()
        },
        "constants": dict(rule.constants),
        "lists": {name: _describe_list(rule, name) for name in rule.lists},
        "severity": [[rung.level, rung.when] for rung in rule.ladder.rungs],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def fold_sql(sql: str) -> str:
    """Return SQL without comments, every stretch of white space as one space; quoted texts stay as they are."""
    return _TOKEN.sub(lambda found: found["text"] or " ", sql).strip()


def read_lock(folder: Path) -> dict[str, LockedRule]:
    """Return rule id to what was locked; empty if the folder has no lock.

    Raises
    ------
    RuleError
        If the lock is not as :func:`write_lock` wrote it.
    """
    path = folder / LOCK_FILE
    if not path.is_file():
        return {}
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return {rule_id: LockedRule(str(entry["version"]), str(entry["hash"])) for rule_id, entry in data.items()}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        hint = f"Restore it from version control, or delete it and run: sentinel-batch rules lock {folder}"
        raise RuleError(f"{path}: the lock cannot be read: {error!r}.", hint=hint) from None


def find_changes(rules: Iterable[Rule], locked: Mapping[str, LockedRule]) -> list[Rule]:
    """Return the rules that say something else than when their version was locked."""
    same_version = [rule for rule in rules if rule.id in locked and locked[rule.id].version == rule.version]
    return [rule for rule in same_version if locked[rule.id].hash != hash_rule(rule)]


def find_unlocked(folder: Path, rules: Iterable[Rule]) -> list[str]:
    """Return what the lock of a book does not say, or says wrongly, in words; nothing if the book has no lock.

    Parameters
    ----------
    folder
        The book.
    rules
        Those of its rules whose SQL can be read.
    """
    locked, chosen = read_lock(folder), list(rules)
    if not locked:
        return []
    found = [describe_change(rule) for rule in find_changes(chosen, locked)]
    for rule in chosen:
        if rule.id not in locked:
            found.append(f"the rule {rule.id} is not locked.")
        elif locked[rule.id].version != rule.version:
            found.append(f"the rule {rule.id} has version {rule.version}; {locked[rule.id].version} is locked.")
    gone = sorted(set(locked) - {rule.id for rule in chosen})
    return found + [f"the rule {rule_id} is locked, and there is none." for rule_id in gone]


def write_lock(folder: Path, rules: Iterable[Rule]) -> Path:
    """Lock the rules of a book as they are now; return the file.

    Parameters
    ----------
    folder
        The book.
    rules
        All of its rules.

    Raises
    ------
    RuleError
        If a rule changed and its version did not; nothing is written.
    """
    chosen = sorted(rules, key=lambda rule: rule.id)
    changed = find_changes(chosen, read_lock(folder))
    if changed:
        raise RuleError(
            f"{changed[0].header_file}:{changed[0].find_line('version')}: {describe_change(changed[0])}",
            hint="Raise its version (and the day in updated), then lock again.",
            rules=[rule.id for rule in changed],
        )
    lines = [f'{rule.id} = {{ version = "{rule.version}", hash = "{hash_rule(rule)}" }}\n' for rule in chosen]
    path = folder / LOCK_FILE
    path.write_text(_NOTICE + "".join(lines), encoding="utf-8")
    return path


def describe_change(rule: Rule) -> str:
    """Say that a rule changed and its version did not."""
    return f"the rule {rule.id} says something else than when its version {rule.version} was locked."


def _describe_list(rule: Rule, name: str) -> list[object]:
    entry = rule.lists[name]
    if entry.file is None:
        return [dict(entry.columns), [list(row) for row in entry.default]]
    path = rule.path.parent / entry.file
    try:
        content = path.read_bytes()
    except OSError as error:
        hint = "Name a file that is there, relative to the rule."
        raise RuleError(f"{rule.header_file}: list {name} cannot be read: {error}", hint=hint) from error
    return [dict(entry.columns), hashlib.sha256(content).hexdigest()]
