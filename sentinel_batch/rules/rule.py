"""A rule: its header, read from ``ID.toml``, and its queries, read from ``ID.sql`` when they are asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch_base.suggestions import suggest
from sentinel_batch.errors import ConfigurationError, RuleError, UsageError
from sentinel_batch.losses import BYPASS
from sentinel_batch.rules.expansion import SLIDE
from sentinel_batch.rules.ladder import Ladder
from sentinel_batch.rules.lists import ReferenceList
from sentinel_batch.rules.parameters import Parameter
from sentinel_batch.rules.queries import SLIDING, read_queries
from sentinel_batch.rules.settings import ENABLED, OPENER, ROLE, SEGMENTS, Origin
from sentinel_batch.rules.stages import StagedQuery, stage_queries
from sentinel_batch.rules.toml_lines import find_line

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.rules.expansion import Query

MATURITIES = ("experimental", "stable", "deprecated")
"""How far a rule is proven, in the order of its life."""

SHIPPED = "shipped"
"""Name of the book of this package."""

DEFAULT_WEIGHT = 0.5
"""How far a finding of full confidence speaks for fraud, for a rule that does not say."""

DEFAULT_ROLE, DEFAULT_LOSS = OPENER, BYPASS
"""Role, and kind of loss, of a rule that does not say."""


@dataclass(frozen=True)
class Rule:
    """A rule, as its files state it.

    Parameters
    ----------
    id, name, alert_type, version
        Identity; the id is the name of its files.
    description, nulls, source, remediation, confidence, severity_note
        Documentation in prose.
    false_positives
        Which honest users look alike, a sentence each.
    references
        What was read, one work each.
    tags
        Dotted words, such as ``fraud.bypass``; those that are known stand in the rulebook's ``tags.toml``.
    maturity
        One of :data:`MATURITIES`.
    created, updated
        Days on which the rule was written, and last changed.
    summary
        Sentence about a finding, with the columns of its row in braces, as for :meth:`str.format`.
    weight
        How far a finding of full confidence speaks for fraud by itself, from 0 to 1.
    role
        One of :data:`sentinel_batch.rules.settings.ROLES`: an opener opens alerts, a witness' findings are recorded
        only on numbers that something else speaks against.
    loss
        What a finding costs, if it is true: one of :data:`sentinel_batch.losses.LOSSES`.
    ladder
        Conditions of the severities; the first one that holds decides.
    needed, optional
        Columns of ``examined_calls`` that the rule reads, and ``profiles.COLUMN``: those without which it finds
        nothing, and those without which it knows less.
    parameters
        What the user may set, by name.
    constants
        What the rule's author has set, by name; bound like parameters.
    lists
        Small tables that the SQL reads, by name.
    has_trailing
        Whether the one window that ends with a period can be examined alone.
    path
        The rule's TOML file.
    label
        What the file is called in messages, without its suffix: ``simbox/SDHF_001``.
    book
        Name of the book that it stands in; ``shipped`` for those of this package.
    own_steps
        Folder of that book's own steps, if it has one.
    """

    id: str
    name: str
    alert_type: str
    version: str
    description: str
    nulls: str
    source: str
    remediation: str
    confidence: str
    severity_note: str
    false_positives: tuple[str, ...]
    references: tuple[str, ...]
    tags: tuple[str, ...]
    maturity: str
    created: date
    updated: date
    summary: str
    weight: float
    role: str
    loss: str
    ladder: Ladder
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    constants: Mapping[str, int | float]
    lists: Mapping[str, ReferenceList]
    has_trailing: bool
    path: Path
    label: str
    book: str
    own_steps: Path | None = None

    @property
    def file(self) -> str:
        """The rule's SQL file, for messages."""
        return f"{self.label}.sql"

    @property
    def header_file(self) -> str:
        """The rule's TOML file, for messages."""
        return f"{self.label}.toml"

    @property
    def cases_path(self) -> Path:
        """The file with the rule's test cases."""
        return self.path.with_name(f"{self.path.stem}.cases.yml")

    @property
    def is_shipped(self) -> bool:
        """Whether it is a rule of this package."""
        return self.book == SHIPPED

    @property
    def family(self) -> str:
        """Folder that the rule stands in, such as ``simbox``; empty if it stands directly in its book."""
        return Path(self.label).parent.name

    @cached_property
    def expansions(self) -> Mapping[str, Query]:
        """The rule's queries by name (:data:`sentinel_batch.rules.queries.QUERIES`), with the places of their lines.

        Raises
        ------
        RuleError
            If the SQL file cannot be read, or calls a step in a wrong way.
        """
        return read_queries(
            self.read_sql(), self.file, self.ladder, has_trailing=self.has_trailing, own_steps=self.own_steps
        )

    @cached_property
    def queries(self) -> Mapping[str, str]:
        """The rule's queries by name, as they run: with steps put in, values still to be bound."""
        return {name: query.sql for name, query in self.expansions.items()}

    @cached_property
    def staged_queries(self) -> Mapping[str, StagedQuery]:
        """The queries that the engine runs in stages, by name, doing their sweep itself; none if it cannot."""
        if not any(SLIDE in line.steps for line in self.expansions[SLIDING].lines):
            return {}
        read = read_queries(self.read_sql(), self.file, self.ladder, own_steps=self.own_steps, is_swept=True)
        return stage_queries(read)

    def read_sql(self) -> str:
        """Return the SQL as its author wrote it.

        Raises
        ------
        RuleError
            If the file cannot be read.
        """
        path = self.path.with_suffix(".sql")
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            hint = f"Write the rule's query into {path.name}, beside its header; sentinel-batch rules new shows how."
            raise RuleError(f"{self.file}: the rule's SQL cannot be read: {error}", hint=hint) from error

    def resolve_parameters(
        self,
        given: Mapping[str, Any] | None = None,
        configured: Mapping[str, Any] | None = None,
        origin: Origin | None = None,
    ) -> dict[str, Any]:
        """Return every parameter's value: as given, else as configured, else the default.

        Parameters
        ----------
        given
            Values of this call, by parameter name; None means not given.
        configured
            The rule's settings in the configuration.
        origin
            Where those stand.

        Raises
        ------
        ConfigurationError
            If a configured name or value is not allowed.
        UsageError
            If a given name or value is not allowed.
        """
        values = {name: parameter.default for name, parameter in self.parameters.items()}
        origin = origin or Origin(f"rules.{self.id}")
        places: tuple[tuple[Mapping[str, Any] | None, str, type[UsageError]], ...] = (
            (configured, origin.heading, ConfigurationError),
            (given, f"the call of rule {self.id}", UsageError),
        )
        for table, place, error in places:
            for name, value in (table or {}).items():
                if value is None or name in self.lists or name in (ENABLED, ROLE, SEGMENTS):
                    continue
                before = origin.locate(name) if table is configured else ""
                if name not in self.parameters:
                    known = [*self.parameters, *self.lists]
                    raise error(
                        f"{before}Rule {self.id} has no parameter {name!r} ({place}).",
                        hint=suggest(name, known, f"Its parameters and lists are: {', '.join(known)}."),
                        name=name,
                    )
                values[name] = self.parameters[name].check(value, place, error, before)
        return values

    def resolve_lists(
        self,
        configured: Mapping[str, Any] | None = None,
        origin: Origin | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> dict[str, pl.DataFrame]:
        """Return the rows of every list of the rule: as given for this run, else as configured, else as shipped.

        Raises
        ------
        ConfigurationError
            If a configured list cannot be used.
        """
        origin = origin or Origin(f"rules.{self.id}")
        adhoc, settings = given or {}, configured or {}
        resolved = {}
        for name, entry in self.lists.items():
            place = f"the call of rule {self.id}, {name}" if name in adhoc else f"[{origin.table}] {name}"
            before = origin.locate(name) if name in settings and name not in adhoc else ""
            rows = adhoc.get(name, settings.get(name))
            resolved[name] = entry.resolve(rows, self.path.parent, f"{before}{place}")
        return resolved

    @property
    def name_for_commands(self) -> str:
        """What names the rule on the command line: its id, or, of a rule of the user's, its file."""
        return self.id if self.is_shipped else self.file

    def find_line(self, key: str, table: str = "") -> int:
        """Return the line of the TOML file at which a key of a table stands, or, without a table, of the header."""
        text = self.path.read_text(encoding="utf-8-sig") if self.path.is_file() else ""
        return find_line(text, table, key)

    def reads(self, table: str) -> bool:
        """Tell whether a query of the rule names a table."""
        return any(re.search(rf"\b{table}\b", sql) for sql in self.queries.values())
