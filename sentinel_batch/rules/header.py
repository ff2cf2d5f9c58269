"""Reading the header of a rule, ``ID.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from batch_base.suggestions import suggest
from sentinel_batch.errors import RuleError
from sentinel_batch.losses import LOSSES
from sentinel_batch.rules.ladder import Ladder, Rung
from sentinel_batch.rules.lists import ReferenceList, read_list
from sentinel_batch.rules.parameters import Parameter, read_parameter
from sentinel_batch.rules.rule import DEFAULT_LOSS, DEFAULT_ROLE, DEFAULT_WEIGHT, MATURITIES, Rule
from sentinel_batch.rules.settings import ROLES
from sentinel_batch.rules.toml_lines import find_line
from sentinel_batch.schema import SEVERITIES

TEXTS = ("id", "name", "alert_type", "version", "description", "nulls", "source", "remediation", "summary")
"""Texts that every header has."""

_SENTENCES = ("false_positives", "references", "tags")
_DAYS = ("created", "updated")
_TABLES = ("parameters", "constants", "lists", "columns")
_KNOWN = (
    *TEXTS, "confidence", "severity_note", *_SENTENCES, "maturity", *_DAYS, "weight", "role", "loss", "trailing",
    "severity", *_TABLES,
)  # fmt: skip
_ID = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
_HEADING = re.compile(r"^\s*\[{1,2}\s*([^\[\]]+?)\s*\]", re.MULTILINE)
_VERSION = re.compile(r"\d+\.\d+(\.\d+)?", re.ASCII)
_TAG = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def read_header(text: str, path: Path, label: str, book: str = "", own_steps: Path | None = None) -> Rule:
    """Read the header of a rule.

    Parameters
    ----------
    text
        Content of the TOML file.
    path
        The file: its name is the rule's id.
    label
        What it is called in messages, without its suffix.
    book
        Name of the book that it stands in.
    own_steps
        Folder of that book's own steps, if it has one.

    Raises
    ------
    RuleError
        If it is no TOML, or lacks something, or says something that it cannot.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        place = f"{label}.toml:{found[1] if found else 1}"
        raise RuleError(
            f"{place}: the rule has a header that is not TOML: {error}.", hint="Correct the header."
        ) from None
    return replace(_Header(data, text, path, label, book).read(), own_steps=own_steps)


@dataclass(frozen=True)
class _Header:
    data: Mapping[str, Any]
    text: str
    path: Path
    label: str
    book: str

    def read(self) -> Rule:
        for name in self.data:
            if name not in _KNOWN:
                hint = suggest(name, _KNOWN, f"Known: {', '.join(_KNOWN)}.")
                headings = (found[1] for found in _HEADING.finditer(self.text))
                table = next((heading for heading in headings if heading.partition(".")[0] == name), "")
                raise self.error(f"has an unknown entry {name!r} in its header", hint, table, "" if table else name)
        texts = {name: self.text_of(name) for name in TEXTS}
        self.check_identity(texts)
        needed, optional = self.columns()
        prose: dict[str, Any] = {
            **texts,
            **{name: self.text_of(name, needed=False) for name in ("confidence", "severity_note")},
            **{name: self.sentences(name) for name in _SENTENCES},
            **{name: self.day(name) for name in _DAYS},
        }
        return Rule(
            **prose,
            maturity=self.word("maturity", MATURITIES),
            weight=self.weight(),
            role=self.word("role", ROLES, DEFAULT_ROLE),
            loss=self.word("loss", LOSSES, DEFAULT_LOSS),
            ladder=Ladder(self.rungs(), f"{self.label}.toml"),
            needed=needed,
            optional=optional,
            parameters=self.parameters(),
            constants=self.constants(),
            lists=self.lists(),
            has_trailing=self.flag("trailing"),
            path=self.path,
            label=self.label,
            book=self.book,
        )

    def check_identity(self, texts: Mapping[str, str]) -> None:
        if texts["id"] != self.path.stem or not _ID.fullmatch(texts["id"]):
            hint = f"The file's name says {self.path.stem}; an id is written in capitals, digits and _."
            raise self.error(f"has the id {texts['id']!r}", hint, key="id")
        if not _VERSION.fullmatch(texts["version"]):
            raise self.error(f"has the version {texts['version']!r}", "Such as 1.0, or 1.0.2.", key="version")

    def text_of(self, name: str, *, needed: bool = True) -> str:
        value = self.data.get(name, "")
        if not isinstance(value, str) or (needed and not value.strip()):
            raise self.error(f"lacks the text {name!r} in its header", f"A header has: {', '.join(TEXTS)}.", key=name)
        return value.strip()

    def sentences(self, name: str) -> tuple[str, ...]:
        values = self.data.get(name, [])
        if not isinstance(values, list) or any(not isinstance(value, str) or not value.strip() for value in values):
            raise self.error(f"has {name} that are not a list of texts", f'Write {name} = ["…", "…"].', key=name)
        for value in values if name == "tags" else ():
            if not _TAG.fullmatch(value):
                hint = "A tag is words in lower case with dots between them, such as fraud.bypass."
                raise self.error(f"has the tag {value!r}", hint, key=name)
        return tuple(" ".join(value.split()) for value in values)

    def day(self, name: str) -> date:
        value = self.data.get(name)
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self.error(f"has {name} = {value!r}", f"Write a day without quotes: {name} = 2026-01-22", key=name)
        return value

    def flag(self, name: str) -> bool:
        value = self.data.get(name, False)
        if not isinstance(value, bool):
            raise self.error(f"has {name} = {value!r}", f"Write {name} = true, or leave it out.", key=name)
        return value

    def word(self, name: str, allowed: Iterable[str], default: str | None = None) -> str:
        value = self.data.get(name, default)
        if not isinstance(value, str) or value not in allowed:
            raise self.error(f"has {name} = {value!r}", f"One of: {', '.join(allowed)}.", key=name)
        return value

    def weight(self) -> float:
        value = self.data.get("weight", DEFAULT_WEIGHT)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise self.error(f"has weight = {value!r}", "A weight is a number from 0 to 1.", key="weight")
        return float(value)

    def rungs(self) -> tuple[Rung, ...]:
        entries = self.data.get("severity")
        if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
            hint = 'Write one table [[severity]] for each step, such as: level = "HIGH", when = "calls >= 100"'
            raise self.error("has no [[severity]]", hint, key="severity")
        return tuple(self.rung(entry, number, number == len(entries) - 1) for number, entry in enumerate(entries))

    def rung(self, entry: Mapping[str, Any], number: int, is_last: bool) -> Rung:
        level, when, text = entry.get("level"), entry.get("when"), entry.get("text", "")
        wrong = next((key for key in entry if key not in ("level", "when", "text")), None)
        if wrong is not None or not isinstance(text, str):
            hint = "It has: level, when, text."
            raise self.error(f"has an entry {wrong or 'text'!r} in [[severity]]", hint, "severity", wrong or "", number)
        if level not in SEVERITIES:
            hint = f"One of: {', '.join(SEVERITIES)}."
            raise self.error(f"has level = {level!r} in [[severity]]", hint, "severity", "level", number)
        if is_last != (when is None) or (when is not None and (not isinstance(when, str) or not when.strip())):
            hint = (
                "Every [[severity]] has a condition, when; only the last one has none, and is for every other finding."
            )
            raise self.error(f"has when = {when!r} in [[severity]]", hint, "severity", "when", number)
        line = find_line(self.text, "severity", "level" if is_last else "when", number)
        return Rung(str(level), " ".join(when.split()) if when else None, text.strip(), line)

    def columns(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        table = self.table("columns")
        for key in table:
            if key not in ("needed", "optional"):
                raise self.error(f"has {key!r} in [columns]", "It has: needed, optional.", "columns", key)
        found = [table.get("needed", []), table.get("optional", [])]
        if not found[0] or any(not isinstance(names, list) for names in found):
            hint = 'Write needed = ["caller_number", "profiles.call_count"] in [columns].'
            raise self.error("does not say which columns it needs", hint, "columns", "needed")
        return tuple(map(str, found[0])), tuple(map(str, found[1]))

    def parameters(self) -> dict[str, Parameter]:
        if not isinstance(self.data.get("parameters"), dict):
            raise self.error("has no [parameters]", "Add one table [parameters.NAME] for each parameter.")
        made = {name: self.parameter(name, table) for name, table in self.data["parameters"].items()}
        if made.get("window") is None or made["window"].kind != "duration":
            raise self.error("has no parameter window of type duration", "Add a [parameters.window].")
        return made

    def parameter(self, name: str, table: Any) -> Parameter:
        place = f"[parameters.{name}]"
        if not isinstance(table, dict) or not _NAME.fullmatch(name):
            hint = "A name is lower case; its value is a table."
            raise self.error(f"has a bad parameter {place}", hint, f"parameters.{name}")
        try:
            return read_parameter(name, table)
        except ValueError as error:
            key, message, hint = error.args
            raise self.error(f"has {message} in {place}", hint, f"parameters.{name}", key) from None

    def constants(self) -> dict[str, int | float]:
        table = self.table("constants")
        for name, value in table.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise self.error(f"has a constant {name} = {value!r}", "A constant is a number.", "constants", name)
        return dict(table)

    def lists(self) -> dict[str, ReferenceList]:
        tables = self.table("lists")
        return {
            name: read_list(name, table, f"{self.label}.toml:{find_line(self.text, f'lists.{name}')}")
            for name, table in tables.items()
        }

    def table(self, name: str) -> Mapping[str, Any]:
        value = self.data.get(name, {})
        if not isinstance(value, dict):
            raise self.error(f"has {name} that are not tables", f"Write [{name}].", key=name)
        return value

    def error(self, message: str, hint: str, table: str = "", key: str = "", number: int = 0) -> RuleError:
        line = find_line(self.text, table, key, number)
        if line == 1 and table:
            line = find_line(self.text, table, number=number)
        file = f"{self.label}.toml"
        return RuleError(f"{file}:{line}: the rule {message}.", hint=hint, file=file, line=line)
