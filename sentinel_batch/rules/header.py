"""The header of a rule file: a TOML block in the leading ``/* … */`` comment, followed by named queries."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinel_batch.errors import ConfigurationError, RuleError, UsageError
from sentinel_batch.rules.lists import ReferenceList, read_list
from sentinel_batch.window import DURATIONS_ALLOWED, format_duration, parse_duration

if TYPE_CHECKING:
    import polars as pl

TYPES = ("duration", "integer", "real")
"""Types of a parameter: a length of time, a whole number, a number with up to six decimals."""

QUERIES = ("sliding", "trailing", "details")
"""Queries of a rule: ``sliding`` examines every instant of a period, ``trailing`` only its last one; ``details`` names
what belongs to a suspect (victims, cells), for the evidence."""

ENABLED = "enabled"
"""Setting of every rule: whether it runs every night."""

SEGMENTS = "segments"
"""Setting of every rule: tables with parameters of their own for segments of callers."""

DEFAULT_WEIGHT = 0.5
"""How far a finding of full confidence speaks for fraud, for a rule that does not say."""

_TEXTS = (
    "id", "name", "alert_type", "version", "description", "nulls", "source", "remediation", "severity", "summary",
)  # fmt: skip
_PARAMETER_KEYS = ("type", "default", "min", "max", "unit", "description")
_HEADER = re.compile(r"\s*/\*(.*?)\*/", re.DOTALL)
_SHARED = re.compile(r"^-- shared with: details[ \t]*$", re.MULTILINE)
_QUERY = re.compile(r"^-- query: *(\S+)[ \t]*$", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Parameter:
    """A value that the user of a rule may set.

    Parameters
    ----------
    name, unit, description
        As in the header.
    kind
        Its ``type`` in the header, one of :data:`TYPES`.
    default
        ``timedelta``, ``int`` or ``float``, by kind.
    minimum, maximum
        Bounds, both allowed.
    """

    name: str
    kind: str
    default: Any
    minimum: Any
    maximum: Any
    unit: str
    description: str

    @property
    def allowed(self) -> str:
        """What the parameter accepts, in words."""
        bounds = f"from {show_value(self.minimum)} to {show_value(self.maximum)}"
        if self.kind == "duration":
            return f"{DURATIONS_ALLOWED}, {bounds}"
        noun = "a whole number" if self.kind == "integer" else "a number"
        return f"{noun} {bounds}" + (f" ({self.unit})" if self.unit else "")

    def check(self, value: Any, place: str, error: type[UsageError] = UsageError) -> Any:
        """Return the value in the parameter's type.

        Parameters
        ----------
        value
            What was given.
        place
            Where it was given, for the message.
        error
            Type of the error to raise.

        Raises
        ------
        UsageError
            If it has another type, or lies out of bounds.
        """
        converted = _convert(self.kind, value)
        if converted is None or not self.minimum <= converted <= self.maximum:
            raise error(
                f"{self.name} = {show_value(value)} in {place} is not allowed.",
                hint=f"Give {self.allowed}.",
                name=self.name,
                value=show_value(value),
            )
        return converted


@dataclass(frozen=True)
class Rule:
    """A rule, as its file states it.

    Parameters
    ----------
    id, name, alert_type, version
        Identity; the id is the file's name in capitals.
    description, nulls, source, remediation, severity, confidence
        Documentation in prose.
    summary
        Sentence about a finding, with the columns of its row in braces, as for :meth:`str.format`.
    weight
        How far a finding of full confidence speaks for fraud by itself, from 0 to 1.
    parameters
        What the user may set, by name.
    constants
        What the rule's author has set, by name; bound like parameters.
    queries
        Query name (:data:`QUERIES`) to SQL.
    first_lines
        Query name to the line of the file at which its SQL begins.
    shared_lines
        Leading lines of ``sliding`` that ``details`` begins with as well.
    file
        Name of the rule file.
    lists
        Small tables that the SQL reads, by name.
    folder
        Where the rule file lies.
    """

    id: str
    name: str
    alert_type: str
    version: str
    description: str
    nulls: str
    source: str
    remediation: str
    severity: str
    confidence: str
    summary: str
    weight: float
    parameters: Mapping[str, Parameter]
    constants: Mapping[str, int | float]
    queries: Mapping[str, str]
    first_lines: Mapping[str, int]
    shared_lines: int
    file: str
    lists: Mapping[str, ReferenceList]
    folder: Path

    def resolve_parameters(
        self, given: Mapping[str, Any] | None = None, configured: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return every parameter's value: as given, else as configured, else the default.

        Parameters
        ----------
        given
            Values of this call, by parameter name; None means not given.
        configured
            Table ``[rules.ID]`` of the configuration.

        Raises
        ------
        ConfigurationError
            If a configured name or value is not allowed.
        UsageError
            If a given name or value is not allowed.
        """
        values = {name: parameter.default for name, parameter in self.parameters.items()}
        places: tuple[tuple[Mapping[str, Any] | None, str, type[UsageError]], ...] = (
            (configured, f"[rules.{self.id}] of the configuration", ConfigurationError),
            (given, f"the call of rule {self.id}", UsageError),
        )
        for table, place, error in places:
            for name, value in (table or {}).items():
                if value is None or name in self.lists or name in (ENABLED, SEGMENTS):
                    continue
                if name not in self.parameters:
                    raise error(
                        f"Rule {self.id} has no parameter {name!r} ({place}).",
                        hint=f"Its parameters are: {', '.join([*self.parameters, *self.lists])}.",
                        name=name,
                    )
                values[name] = self.parameters[name].check(value, place, error)
        return values

    def resolve_lists(self, configured: Mapping[str, Any] | None = None) -> dict[str, pl.DataFrame]:
        """Return the rows of every list of the rule: as configured, else as shipped.

        Raises
        ------
        ConfigurationError
            If a configured list cannot be used.
        """
        given = configured or {}
        return {
            name: entry.resolve(given.get(name), self.folder, f"[rules.{self.id}] {name}")
            for name, entry in self.lists.items()
        }

    def place(self, query: str, line: int) -> str:
        """Return where a line of a query stands, counted from 1, as ``file:line``."""
        shared = self.shared_lines if query == "details" else 0
        owner, offset = ("sliding", line) if line <= shared else (query, line - shared)
        return f"{self.file}:{self.first_lines[owner] + offset - 1}"

    def reads(self, table: str) -> bool:
        """Tell whether a query of the rule names a table."""
        return any(re.search(rf"\b{table}\b", sql) for sql in self.queries.values())


def read_header(text: str, file: str, folder: Path = Path()) -> Rule:
    """Read a rule file.

    Parameters
    ----------
    text
        The file's content.
    file
        Its name: the rule's id in lower case, with ``.sql``.
    folder
        Where it lies.

    Raises
    ------
    RuleError
        If the header is missing, is no TOML, or lacks something, or a query is missing.
    """
    block = _HEADER.match(text)
    if block is None:
        raise _error(file, 1, "has no header", "Begin the file with a /* … */ comment that holds a TOML table.")
    offset = text.count("\n", 0, block.start(1))
    try:
        data = tomllib.loads(block[1])
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = offset + int(found[1]) if found else 1
        raise _error(file, line, f"has a header that is not TOML: {error}", "Mend the header.") from None
    _check_keys(data, file)
    parameters = {name: _read_parameter(name, table, file) for name, table in data["parameters"].items()}
    if parameters.get("window") is None or parameters["window"].kind != "duration":
        raise _error(file, 1, "has no parameter window of type duration", "Add a [parameters.window].")
    queries, first_lines = _read_queries(text, block.end(), file)
    queries, shared_lines = _share_steps(queries, file)
    texts = {name: data.get(name, "").strip() for name in (*_TEXTS, "confidence")}
    return Rule(
        **texts,
        weight=float(data.get("weight", DEFAULT_WEIGHT)),
        parameters=parameters,
        constants=data.get("constants", {}),
        queries=queries,
        first_lines=first_lines,
        shared_lines=shared_lines,
        file=file,
        lists={name: read_list(name, table, file) for name, table in data.get("lists", {}).items()},
        folder=folder,
    )


def is_enabled(configured: Mapping[str, Any]) -> bool:
    """Tell whether a rule runs every night.

    Raises
    ------
    ConfigurationError
        If its setting ``enabled`` is neither true nor false.
    """
    value = configured.get(ENABLED, True)
    if not isinstance(value, bool):
        raise ConfigurationError(f"{ENABLED} = {value!r} is not allowed.", hint="Write enabled = true or false.")
    return value


def show_value(value: Any) -> str:
    """Write a parameter's value as a person would type it."""
    return format_duration(value) if isinstance(value, timedelta) else str(value)


def _check_keys(data: dict[str, Any], file: str) -> None:
    known = {*_TEXTS, "confidence", "parameters", "constants", "lists", "weight"}
    for name in _TEXTS:
        if not isinstance(data.get(name), str) or not data[name].strip():
            raise _error(file, 1, f"lacks the text {name!r} in its header", f"A header has: {', '.join(_TEXTS)}.")
    for name in data:
        if name not in known:
            raise _error(file, 1, f"has an unknown entry {name!r} in its header", f"Known: {', '.join(sorted(known))}.")
    if data["id"].lower() + ".sql" != file:
        raise _error(file, 1, f"has the id {data['id']!r}", f"The file's name says {Path(file).stem.upper()}.")
    if not isinstance(data.get("parameters"), dict):
        raise _error(file, 1, "has no [parameters]", "Add one table [parameters.NAME] for each parameter.")
    weight = data.get("weight", DEFAULT_WEIGHT)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
        raise _error(file, 1, f"has weight = {weight!r}", "A weight is a number from 0 to 1.")
    if not isinstance(data.get("lists", {}), dict):
        raise _error(file, 1, "has lists that are no table", "Write [lists.NAME].")
    constants = data.get("constants", {})
    if not isinstance(constants, dict):
        raise _error(file, 1, "has constants that are no table", "Write [constants].")
    for name, value in constants.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _error(file, 1, f"has a constant {name} = {value!r}", "A constant is a number.")


def _read_parameter(name: str, table: Any, file: str) -> Parameter:
    place = f"[parameters.{name}]"
    if not isinstance(table, dict) or not _NAME.fullmatch(name):
        raise _error(file, 1, f"has a bad parameter {place}", "A name is lower case; its value is a table.")
    for key in table:
        if key not in _PARAMETER_KEYS:
            raise _error(file, 1, f"has an unknown entry {key!r} in {place}", f"Known: {', '.join(_PARAMETER_KEYS)}.")
    kind = table.get("type")
    if kind not in TYPES:
        raise _error(file, 1, f"has type = {kind!r} in {place}", f"Known types: {', '.join(TYPES)}.")
    values = {}
    for key in ("default", "min", "max"):
        try:
            values[key] = _convert(kind, table.get(key))
        except UsageError:
            values[key] = None
        if values[key] is None:
            raise _error(file, 1, f"has {key} = {table.get(key)!r} in {place}", f"Give a value of type {kind}.")
    if not values["min"] <= values["default"] <= values["max"]:
        raise _error(file, 1, f"has a default outside min and max in {place}", "Mend the bounds.")
    if not str(table.get("description", "")).strip():
        raise _error(file, 1, f"has no description in {place}", "Say what the parameter does.")
    return Parameter(
        name, kind, values["default"], values["min"], values["max"], table.get("unit", ""), table["description"]
    )


def _read_queries(text: str, start: int, file: str) -> tuple[dict[str, str], dict[str, int]]:
    marks = list(_QUERY.finditer(text, start))
    queries, first_lines = {}, {}
    for mark, following in zip(marks, [*marks[1:], None], strict=False):
        line = text.count("\n", 0, mark.start()) + 1
        if mark[1] not in QUERIES or mark[1] in queries:
            raise _error(file, line, f"has an unknown or repeated query {mark[1]!r}", f"Known: {', '.join(QUERIES)}.")
        body = text[mark.end() : following.start() if following else len(text)]
        lead = len(body) - len(body.lstrip())
        first_lines[mark[1]] = line + body.count("\n", 0, lead)
        queries[mark[1]] = body.strip().removesuffix(";").rstrip()
    if "sliding" not in queries:
        raise _error(file, 1, "has no query 'sliding'", "Begin it with a line: -- query: sliding")
    return queries, first_lines


def _share_steps(queries: dict[str, str], file: str) -> tuple[dict[str, str], int]:
    """Let ``details`` begin with the steps of ``sliding`` above the line ``-- shared with: details``."""
    mark = _SHARED.search(queries["sliding"])
    if mark is None:
        return queries, 0
    if "details" not in queries:
        raise _error(file, 1, "shares steps with details, but has no such query", "Add -- query: details.")
    steps = queries["sliding"][: mark.start()].rstrip().removesuffix(",")
    comma = "" if queries["details"].upper().startswith("SELECT") else ","
    return {**queries, "details": f"{steps}{comma}\n{queries['details']}"}, steps.count("\n") + 1


def _convert(kind: str, value: Any) -> Any:
    if kind == "duration":
        if isinstance(value, str):
            try:
                return parse_duration(value)
            except UsageError:
                return None
        return value if isinstance(value, timedelta) and not value % timedelta(seconds=1) else None
    if isinstance(value, bool):
        return None
    if kind == "integer":
        return value if isinstance(value, int) else None
    if not isinstance(value, int | float | Decimal):
        return None
    number = float(value)
    return number if number - number == 0 else None


def _error(file: str, line: int, message: str, hint: str) -> RuleError:
    return RuleError(f"{file}:{line}: the rule {message}.", hint=hint, file=file, line=line)
