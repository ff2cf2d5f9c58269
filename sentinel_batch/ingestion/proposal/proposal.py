"""A dialect for a file, from its first lines only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from batch_base.names import name_of
from sentinel_batch.desk import ConfigLike, open_desk
from sentinel_batch.errors import NoInputError, UnrecognisedFileError
from sentinel_batch.ingestion.dialects.catalogue import DIALECTS, load_dialect
from sentinel_batch.ingestion.dialects.dialect import PLACEHOLDER, Dialect
from sentinel_batch.ingestion.loading.options import Options, read_options
from sentinel_batch.ingestion.loading.settling import resolve_source, shape_by
from sentinel_batch.ingestion.preview.spelling import spell_columns
from sentinel_batch.ingestion.preview.view import LayoutView, view_layout
from sentinel_batch.ingestion.proposal.drafting import Draft, draft_dialect
from sentinel_batch.ingestion.proposal.explanation import comment_lines, describe_head, list_remarks
from sentinel_batch.ingestion.proposal.misses import find_misses
from sentinel_batch.ingestion.proposal.result import DialectProposal
from sentinel_batch.ingestion.proposal.table import Table, find_table
from sentinel_batch.ingestion.proposal.writing import write_dialect, write_name
from sentinel_batch.ingestion.reading.files import unreadable_reported
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.reading.recognition import fold_columns
from sentinel_batch.ingestion.reading.source import Source, open_source, read_first_lines
from sentinel_batch.ingestion.shaping.rows import Shaping, shape_rows
from sentinel_batch.ingestion.values.words import fold_word
from sentinel_batch.numbers import MODES, NumberBook


def propose_dialect(
    path: str | Path,
    *,
    config: ConfigLike = None,
    dialect: str | Path | None = None,
    timezone: str | None = None,
    region: str | None = None,
    numbers: str | None = None,
    day_first: bool | None = None,
) -> DialectProposal:
    """Show how a file is read, and propose a dialect for it.

    Only the first lines are read (256 KiB, decompressed), and of these at most 1,000 rows, however large the file is.

    Parameters
    ----------
    path
        A file: delimited text (also ``.gz``, ``.zst``) or Parquet.
    config
        Settings, or their file; None looks for them as the command line does.
    dialect
        Name of a dialect or path of a ``.toml`` file to read it by; None is the configured one, else it is found.
    timezone, region, numbers
        As of :func:`~sentinel_batch.ingestion.ingest`, for the calls that are shown.
    day_first
        How 03/04/2026 is read; None decides from the first lines.

    Returns
    -------
    DialectProposal
        How the file is read, or what comes near; and the text of a dialect that loads as it is.

    Raises
    ------
    NoInputError
        If there is no such file.
    UnrecognisedFileError
        If it holds no table.
    UnreadableFileError
        If it cannot be opened, decompressed or decoded.
    UsageError
        If an option is not allowed.
    """
    file = Path(path)
    if not file.is_file():
        raise NoInputError(
            f"There is no file {name_of(file)!r}.", hint="Name one file; a stream or a folder has no first lines."
        )
    desk = open_desk(config=config).configure(dialect=dialect, timezone=timezone, region=region, numbers=numbers)
    reading = _Reading(file, read_options(desk.config, day_first=day_first))
    with unreadable_reported(file):
        return reading.propose()


@dataclass(frozen=True)
class _Reading:
    """One file, and the settings by which it is read."""

    file: Path
    options: Options

    @property
    def name(self) -> str:
        return name_of(self.file)

    def propose(self) -> DialectProposal:
        source, notices = self._open()
        if source is None:
            return self._propose_draft(notices)
        source = source if self.options.day_first is not None else source.with_date_order(sampled=True)
        day_first = self._day_first(source)
        view, settled = self._view(source, day_first)
        toml = self._write(settled, view, day_first)
        return DialectProposal(self.name, True, view, (), {}, (), notices, toml)

    def _open(self) -> tuple[Source | None, tuple[str, ...]]:
        """Open the file by the dialect that was named, else by that which is found; None where none fits."""
        notices = []
        for dialect in (self.options.dialect, None) if self.options.dialect else (None,):
            try:
                source = open_source(self.file, self.name, dialect, self.options.given)
            except UnrecognisedFileError as error:
                if dialect is not None:  # Of the others, the near misses tell more.
                    notices.append(" ".join(filter(None, (error.message, error.hint))))
                continue
            if source is None:
                raise NoInputError(f"{self.name} has no line.", hint="Name a file that holds calls.")
            return source, tuple(notices)
        return None, tuple(notices)

    def _day_first(self, source: Source) -> bool | None:
        for said in (self.options.day_first, source.layout.dialect.day_first):
            if said is not None:
                return said
        return source.decide_day_first(sampled=True) if source.has_text_dates() else None

    def _view(self, source: Source, day_first: bool | None) -> tuple[LayoutView, Layout]:
        """Return how the file is read, for people, and the layout in which all is settled."""
        resolution = resolve_source(source, self.options, day_first)
        if day_first is None and source.has_text_dates():
            _, column, text = source.example_date()
            resolution = resolution.note(
                f"Dates such as {text!r} in {column} can be read day first or month first, and the first lines do not "
                "decide. An ingest looks at the whole file; day_first in [time] says which."
            )
        numbers = {mode: NumberBook(self.options.region, mode) for mode in MODES}
        shaping = shape_by(resolution, self.options, numbers, day_first)
        view = view_layout(self.name, source, resolution, shaping, self.options.given)
        return view, self._allow_extensions(source, shaping)

    def _allow_extensions(self, source: Source, shaping: Shaping) -> Layout:
        """Return the layout with a dialect that lets extensions call, where an ingest refuses the file for them."""
        layout, sample = shaping.layout, source.sample()
        reasons = shape_rows(sample, shaping).rejects["reason"]
        if (reasons == "caller_short_code").sum() <= self.options.max_reject_rate * sample.height:
            return layout
        return replace(layout, dialect=replace(layout.dialect, short_callers=True))

    def _write(
        self, layout: Layout, view: LayoutView | None, day_first: bool | None, draft: Draft | None = None
    ) -> str:
        dialect = layout.dialect
        origin = dialect.name if dialect.fingerprint == _fingerprint(dialect.name) else ""
        recognised = dialect.name if draft is None else ""
        named = replace(
            dialect,
            name=write_name(self.file.name),
            description=f"Proposed from {self.file.name}" + (f", as {recognised}" if recognised else ""),
            day_first=dialect.day_first if day_first is None else day_first,
        )
        layout = replace(layout, dialect=named)
        placeholders = {fold_word(name): name for name in map(PLACEHOLDER.format, dialect.fields)}
        return write_dialect(
            layout,
            spell_columns(layout) | placeholders,
            describe_head(self.name, recognised, view, draft.remarks if draft else ()),
            comment_lines(layout, view, draft.guessed if draft else {}, origin),
            list_remarks(named, view, self.options.zone),
        )

    def _propose_draft(self, notices: tuple[str, ...]) -> DialectProposal:
        table = find_table(read_first_lines(self.file), self.name)
        draft = draft_dialect(table, write_name(self.file.name))
        misses = find_misses(table, draft.candidates)
        lacks = [f"No column was found for {field}: fill it in." for field in draft.missing]
        draft = replace(draft, remarks=(*map(str, misses), *draft.remarks, *lacks))
        view, layout, day_first = None, _lay_out(table, draft), None
        if not draft.missing:
            source, problem = self._open_draft(draft.dialect)
            notices = (*notices, *problem)
            if source is not None:
                day_first = self._day_first(source)
                view, layout = self._view(source, day_first)
        toml = self._write(layout, view, day_first, draft)
        return DialectProposal(self.name, False, view, misses, draft.guessed, draft.missing, notices, toml)

    def _open_draft(self, dialect: Dialect) -> tuple[Source | None, tuple[str, ...]]:
        try:
            return open_source(self.file, self.name, dialect), ()
        except UnrecognisedFileError as error:
            return None, (error.message,)


def _fingerprint(name: str) -> str | None:
    return load_dialect(name).fingerprint if name in DIALECTS else None


def _lay_out(table: Table, draft: Draft) -> Layout:
    """Return the layout of a table by a draft; placeholders count as columns, so that they are written."""
    headed = table.header_line is not None
    columns = fold_columns(table.names, draft.dialect)
    placeholders = tuple(fold_word(PLACEHOLDER.format(field)) for field in draft.missing)
    text = table.delimiter.join(f'"{name}"' for name in table.names) if headed else ""
    return Layout(draft.dialect, table.delimiter, (*columns, *placeholders), 1, text, 0, int(headed))
