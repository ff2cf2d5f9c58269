"""Small tables that a rule reads beside the calls: watched prefixes, number plans, cells; users may give their own."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinel_batch.errors import ConfigurationError, RuleError

if TYPE_CHECKING:
    import polars as pl

RESERVED = ("examined_calls", "profiles", "call_records", "all_profiles")
"""Tables of the connection on which rules run: no list may take the place of one."""

LIST_TYPES = ("text", "real", "integer")
"""Types of a list's columns."""

_KEYS = ("columns", "types", "default", "file", "description")
_CONVERTERS: dict[str, Callable[[Any], Any]] = {"text": str, "real": float, "integer": int}
_NUMBERS = re.compile("prefix|number")
_WITHOUT_PLUS = r"^(00|[1-9])\d{3,}$"
"""What is hardly a short code such as 112: the beginning of a number whose plus sign is forgotten."""

_TOO_LARGE = 2**63


@dataclass(frozen=True)
class ReferenceList:
    """A small table that a rule's SQL reads under its name.

    Parameters
    ----------
    name, description
        As in the header.
    columns
        Column name to type, one of :data:`LIST_TYPES`.
    default
        Rows, unless ``file`` is given.
    file
        CSV file with a header line that holds the shipped rows, relative to the folder of the rule.
    """

    name: str
    description: str
    columns: Mapping[str, str]
    default: tuple[tuple[Any, ...], ...] = ()
    file: str | None = None

    def resolve(self, configured: Any, folder: Path, place: str) -> pl.DataFrame:
        """Return the rows: those configured, else the shipped ones.

        Parameters
        ----------
        configured
            None, a list of rows (of values, where there is one column), or the path of a CSV file.
        folder
            Where the rule lies.
        place
            Where the configured value stands, for messages.

        Raises
        ------
        ConfigurationError
            If a configured file cannot be read, or a row does not fit.
        """
        import polars as pl  # Late: rules are listed and shown without it.

        if configured is None:
            rows = self.default if self.file is None else self._read(folder / self.file, str(folder / self.file))
        elif isinstance(configured, str):
            rows = self._read(Path(configured), place)
        elif isinstance(configured, Sequence):
            rows = tuple(self._shape(row, f"{place}, entry {n}") for n, row in enumerate(configured, 1))
        else:
            raise ConfigurationError(
                f"{place}: {configured!r} is not a list {self.name}.",
                hint="Give a list of rows, or the path of a CSV file.",
                name=self.name,
            )
        kinds = {"text": pl.String(), "real": pl.Float64(), "integer": pl.Int64()}
        schema = {column: kinds[kind] for column, kind in self.columns.items()}
        return pl.DataFrame(rows, schema=schema, orient="row").unique(maintain_order=True)

    def find_doubts(self, rows: pl.DataFrame, *, chosen: bool) -> list[str]:
        """Return what about the rows makes it likely that they match nothing, in words.

        Parameters
        ----------
        rows
            As :meth:`resolve` returned them.
        chosen
            Whether somebody chose them; a list may be empty as it is shipped.
        """
        import polars as pl

        if rows.is_empty():
            return [f"{self.name} is empty: nothing can match it."] if chosen else []
        found = []
        for column in (name for name, kind in self.columns.items() if kind == "text" and _NUMBERS.search(name)):
            odd = rows.filter(pl.col(column).str.contains(_WITHOUT_PLUS))[column]
            if not odd.is_empty():
                entries = "1 entry has" if len(odd) == 1 else f"{len(odd)} entries have"
                found.append(
                    f"{self.name}: {entries} no plus sign, such as {odd[0]}: full numbers begin with one, so only "
                    "short codes can match."
                )
        return found

    def _read(self, path: Path, place: str) -> tuple[tuple[Any, ...], ...]:
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(line for line in file if not line.startswith("#"))
                missing = [column for column in self.columns if column not in (reader.fieldnames or ())]
                if missing:
                    raise ConfigurationError(
                        f"{path}:1: list {self.name} lacks the column {', '.join(missing)} ({place}).",
                        hint=f"Its columns are: {', '.join(self.columns)}.",
                    )
                return tuple(
                    self._shape([row[column] for column in self.columns], f"{path}:{reader.line_num}") for row in reader
                )
        except (OSError, ValueError, csv.Error) as error:
            raise ConfigurationError(
                f"{path}: list {self.name} cannot be read: {error} ({place}).", hint="Name a readable UTF-8 CSV file."
            ) from error

    def _shape(self, row: Any, place: str) -> tuple[Any, ...]:
        values = [row] if isinstance(row, str | int | float) else row
        try:
            if not isinstance(values, Sequence) or len(values) != len(self.columns):
                raise ValueError(row)
            return tuple(_convert(value, kind) for value, kind in zip(values, self.columns.values(), strict=True))
        except (TypeError, ValueError, OverflowError):
            wanted = ", ".join(f"{column} ({kind})" for column, kind in self.columns.items())
            raise ConfigurationError(
                f"{place}: {row!r} is not a row of list {self.name}.",
                hint=f"A row is: {wanted}; texts stand in quotes.",
                name=self.name,
            ) from None


def _convert(value: Any, kind: str) -> str | float | int:
    """Return a cell in the type of its column; what a short line of a file lacks is None, and no value."""
    if not isinstance(value, str | int | float) or (kind == "text" and not isinstance(value, str)):
        raise TypeError(value)
    made: str | float | int = _CONVERTERS[kind](value.strip() if isinstance(value, str) else value)
    cut = isinstance(made, int) and (abs(made) >= _TOO_LARGE or (isinstance(value, float) and made != value))
    if cut or (isinstance(made, float) and not math.isfinite(made)):
        raise ValueError(value)
    return made


def read_list(name: str, table: Any, place: str) -> ReferenceList:
    """Read one ``[lists.NAME]`` of a rule's header.

    Raises
    ------
    RuleError
        If it is not as described in the rules' documentation.
    """
    place = f"{place}: [lists.{name}]"
    if not isinstance(table, dict) or not name.isidentifier() or name != name.lower():
        raise RuleError(f"{place} is not a list.", hint="A name is lower case; its value is a table.")
    if name in RESERVED:
        raise RuleError(f"{place} has the name of a table.", hint=f"Taken are: {', '.join(RESERVED)}.")
    unknown = [key for key in table if key not in _KEYS]
    columns = table.get("columns")
    if unknown or not isinstance(columns, list) or not columns or not str(table.get("description", "")).strip():
        raise RuleError(f"{place} is not complete, or has an unknown entry.", hint=f"It has: {', '.join(_KEYS)}.")
    types = table.get("types", ["text"] * len(columns))
    if len(types) != len(columns) or any(kind not in LIST_TYPES for kind in types):
        raise RuleError(f"{place} has types {types!r}.", hint=f"One for each column, of: {', '.join(LIST_TYPES)}.")
    if ("default" in table) == ("file" in table):
        raise RuleError(f"{place} needs default or file, and not both.", hint="An empty list is default = [].")
    made = ReferenceList(name, table["description"].strip(), dict(zip(columns, types, strict=True)))
    rows = tuple(made._shape(row, f"{place} default") for row in table.get("default", ()))
    return ReferenceList(name, made.description, made.columns, rows, table.get("file"))
