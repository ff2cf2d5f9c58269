"""What the configuration file says of rules: the books to take them from, and settings of single rules.

Settings of a rule stand in ``[rules.ID]``; beside ``rules = ["shipped", …]``, which TOML does not allow together with
that, they stand in ``[rule.ID]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sentinel_batch.errors import ConfigurationError

BOOKS = "books"
"""Key of the table ``[rules]`` that holds the books; every other key is a rule."""

KEYS = ("rules", "rule")
"""Keys of the configuration file that are about rules."""

_BOOKS_ALLOWED = 'a list such as ["shipped", "/srv/sentinel/rules", "name-of-a-pack"]'
_PATH_BEGINS = ("~", ".")


def read_settings(content: Mapping[str, Any], file: Path) -> dict[str, dict[str, Any]]:
    """Return rule id to settings; paths of lists are resolved against the file's folder.

    Parameters
    ----------
    content
        The configuration file.
    file
        Its path.

    Raises
    ------
    ConfigurationError
        If settings are not tables of numbers, texts, lists and flags, or stand in two places.
    """
    tables = content.get("rules", {})
    if not isinstance(tables, dict | list):
        raise _invalid("rules", tables, file, f"{_BOOKS_ALLOWED}, or tables such as [rules.SDHF_001]")
    found = {id_: table for id_, table in tables.items() if id_ != BOOKS} if isinstance(tables, dict) else {}
    beside = content.get("rule", {})
    if not isinstance(beside, dict):
        raise _invalid("rule", beside, file, "tables such as [rule.SDHF_001]")
    if found and beside:
        raise ConfigurationError(
            f"{file}: settings of rules stand both in [rules.{next(iter(found))}] and in [rule.{next(iter(beside))}].",
            hint="Use one of them: [rules.ID], or, beside rules = [...], [rule.ID].",
            file=str(file),
        )
    name = "rule" if beside else "rules"
    return read_tables(beside or found, file.parent, str(file), name)


def read_tables(tables: Any, base: Path, source: str, name: str = "rules") -> dict[str, dict[str, Any]]:
    """Return rule id to settings; paths of lists are resolved against a folder.

    Parameters
    ----------
    tables
        Rule id to settings, as they were given.
    base
        The folder.
    source, name
        Where they were given, and under which key, for errors.

    Raises
    ------
    ConfigurationError
        If settings are not tables of numbers, texts, lists and flags.
    """
    if not isinstance(tables, Mapping):
        raise _invalid(name, tables, source, f"tables such as [{name}.SDHF_001]")
    return {rule: _read_table(f"{name}.{rule}", table, base, source) for rule, table in tables.items()}


def read_books(content: Mapping[str, Any], file: Path) -> tuple[str, ...] | None:
    """Return the books that the configuration file names, paths resolved against its folder; None if it names none.

    Raises
    ------
    ConfigurationError
        If they are not a list of texts, or one is named twice.
    """
    value = content.get("rules")
    value = value.get(BOOKS) if isinstance(value, dict) else value
    if value is None:
        return None
    return check_books(
        value, file.parent, str(file), f"rules.{BOOKS}" if isinstance(content["rules"], dict) else "rules"
    )


def check_books(value: Any, base: Path, source: str, key: str) -> tuple[str, ...]:
    """Return books as they are looked up: names as they are, paths resolved against a folder.

    Raises
    ------
    ConfigurationError
        If they are not a list of texts, or one is named twice.
    """
    if not isinstance(value, list) or not value or any(not isinstance(name, str) or not name.strip() for name in value):
        raise _invalid(key, value, source, _BOOKS_ALLOWED)
    books = tuple(_resolve(name.strip(), base) for name in value)
    twice = next((name for number, name in enumerate(books) if name in books[:number]), None)
    if twice is not None:
        raise ConfigurationError(f"{source}: {key} names {twice} twice.", hint="Name each book once.", key=key)
    return books


def explain_clash(text: str) -> str | None:
    """Return a hint if a file that is no TOML says ``rules = [...]`` and has tables ``[rules.ID]``."""
    has_list = re.search(r"^\s*rules\s*=", text, re.MULTILINE)
    has_tables = re.search(r"^\s*\[rules\.", text, re.MULTILINE)
    if not (has_list and has_tables):
        return None
    return (
        "TOML does not allow rules = [...] beside tables [rules.ID]: write [rule.ID] for the settings of a rule, or "
        "books = [...] in a table [rules]."
    )


def _resolve(name: str, base: Path) -> str:
    is_path = "/" in name or "\\" in name or name.startswith(_PATH_BEGINS)
    return str(base / Path(name).expanduser()) if is_path else name


def _read_table(place: str, table: Any, base: Path, source: str) -> dict[str, Any]:
    """Return the settings of a rule, or of one of its segments."""
    if not isinstance(table, Mapping):
        raise _invalid(place, table, source, "a table of parameters")
    settled: dict[str, Any] = {}
    for name, setting in table.items():
        key = f"{place}.{name}"
        if name == "segments":
            settled[name] = _read_segments(key, setting, base, source)
        elif not isinstance(setting, str | int | float | list):
            raise _invalid(key, setting, source, "a number, a text, a list, true or false")
        else:
            settled[name] = str(base / setting) if isinstance(setting, str) and setting.endswith(".csv") else setting
    return settled


def _read_segments(place: str, tables: Any, base: Path, source: str) -> dict[str, Any]:
    for segment in [tables, *tables.values()] if isinstance(tables, Mapping) else [tables]:
        if not isinstance(segment, Mapping):
            raise _invalid(place, segment, source, f"tables such as [{place}.NAME]")
    return {name: _read_table(f"{place}.{name}", table, base, source) for name, table in tables.items()}


def _invalid(key: str, value: Any, source: Path | str, allowed: str) -> ConfigurationError:
    return ConfigurationError(
        f"{source}: {key} = {value!r} is not allowed; expected {allowed}.",
        hint=f"Set {key} to {allowed}.",
        file=str(source),
        key=key,
        value=str(value),
        allowed=allowed,
    )


def split_variable(value: str, separator: str) -> Sequence[str]:
    """Return the books that an environment variable names."""
    return [name for name in value.split(separator) if name.strip()]
