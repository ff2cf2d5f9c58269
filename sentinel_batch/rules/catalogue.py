"""The rules that are shipped: found by id, each in its own file next to this module."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sentinel_batch.errors import RuleError, RuleNotFoundError
from sentinel_batch.rules.header import Rule, read_header

FOLDER = Path(__file__).parent


def load_rule(path: str | Path) -> Rule:
    """Read one rule file.

    Parameters
    ----------
    path
        A ``.sql`` file whose name is the rule's id in lower case.

    Raises
    ------
    RuleError
        If the file cannot be read, or its header or queries are invalid.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{file}: the rule cannot be read: {error}", hint="Name a readable UTF-8 file.") from error
    return read_header(text, file.name, file.parent)


@cache
def list_rules(folder: Path = FOLDER) -> tuple[Rule, ...]:
    """Return every rule of a folder, by id; the shipped ones unless told otherwise."""
    return tuple(load_rule(path) for path in sorted(folder.glob("*.sql")))


def get_rule(rule_id: str, folder: Path = FOLDER) -> Rule:
    """Return the rule of that id; capitals do not matter.

    Raises
    ------
    RuleNotFoundError
        If there is none.
    """
    rules = {rule.id.upper(): rule for rule in list_rules(folder)}
    found = rules.get(rule_id.strip().upper())
    if found is None:
        raise RuleNotFoundError(
            f"There is no rule {rule_id!r}.", hint=f"The rules are: {', '.join(rules) or 'none'}.", rule=rule_id
        )
    return found
