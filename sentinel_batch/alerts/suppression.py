"""Numbers and prefixes whose findings are not to be looked at, each with a reason and, perhaps, an end.

Two lists apply together: table ``suppressions`` of the lake, and the CSV file (columns ``number,reason,until``) that
the setting ``suppressions_file`` names. A pattern that ends in ``*`` is a prefix. An expired entry stops working by
itself.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl

from sentinel_batch.alerts.coverage import Coverage, begin_abroad, count_covered
from sentinel_batch.config import Config
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import SuppressionError
from sentinel_batch.history import actor_name
from sentinel_batch.lake import Snapshot
from sentinel_batch.numbers import CALLERS, normalise_number
from sentinel_batch.numbers.kinds import SHORT_CODE
from sentinel_batch.runs import recorded_run
from sentinel_batch.schema import CALL_RECORDS, FLAG, FRAUD_ALERTS, SUPPRESSIONS, TEXT, polars_schema
from sentinel_batch.window import now

_ALLOWED = "a number such as +2348031234567, or a prefix such as +234803* (3 characters or more before the *)"
_PATTERN = re.compile(r"\+?[0-9A-Za-z#_-]{2,32}|[+0-9A-Za-z#_-][0-9A-Za-z#_-]{2,32}\*")
_NATIONAL = re.compile(r"0[1-9][0-9]{8,9}|0[1-9][0-9]{2,9}\*")
_BEGINNING = re.compile(r"0[0-9]{1,9}")
_ROUNDED = re.compile(r"\s*[0-9][.,]?[0-9]*[eE]\+?[0-9]{2}\s*")


@dataclass(frozen=True)
class Suppression:
    """One entry of a suppression list.

    Parameters
    ----------
    pattern
        A number, or a prefix followed by ``*``.
    reason
        Why its findings are not to be looked at.
    until
        First instant (UTC) at which it no longer works; None for no end.
    source
        ``lake``, or ``file:line``.
    created_at, created_by
        When and by whom it was entered; None for an entry of a file.
    """

    pattern: str
    reason: str
    until: datetime | None = None
    source: str = "lake"
    created_at: datetime | None = None
    created_by: str | None = None

    def covers(self, number: str) -> bool:
        """Tell whether the pattern fits the number."""
        return number.startswith(self.pattern[:-1]) if self.pattern.endswith("*") else number == self.pattern

    def is_active(self, moment: datetime) -> bool:
        """Tell whether the entry works at the moment."""
        return self.until is None or moment < self.until


@dataclass(frozen=True)
class Entered:
    """An entry that was made.

    Parameters
    ----------
    rows
        The entry, with the columns of :func:`list_suppressions`.
    replaced
        The entry of the same pattern that it took the place of, if there was one.
    covered
        How many callers of the lake it covers.
    """

    rows: pl.DataFrame
    replaced: Suppression | None
    covered: Coverage


def suppress(
    pattern: str,
    *,
    reason: str,
    until: datetime | date | str | None = None,
    by: str | None = None,
    lake: DeskLike = None,
    config: ConfigLike = None,
) -> pl.DataFrame:
    """Put a number or a prefix on the lake's suppression list, or change its entry.

    Parameters
    ----------
    pattern
        A number in any notation, or a prefix as the lake keeps it (E.164) followed by ``*``.
    reason
        Why; shown with every finding that it covers.
    until
        End: an instant with offset, or a date, which counts to its last moment (UTC). None for no end.
    by
        Who decided; None takes the user of the session.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    polars.DataFrame
        The entry, with the columns of :func:`list_suppressions`.

    Raises
    ------
    SuppressionError
        If pattern, reason or end cannot be used, the end has passed, or the pattern is no number and nobody in the lake
        calls under that name.
    """
    return enter_suppression(pattern, reason=reason, until=until, by=by, lake=lake, config=config).rows


def enter_suppression(
    pattern: str,
    *,
    reason: str,
    until: datetime | date | str | None,
    by: str | None,
    lake: DeskLike = None,
    config: ConfigLike = None,
) -> Entered:
    """Do what :func:`suppress` says, and tell what it replaces and whom it covers."""
    desk, moment = open_desk(lake, config), now()
    checked = check_pattern(pattern, desk.config.region)
    entry = Suppression(checked, check_reason(reason), parse_until(until), "lake", moment, actor_name(by))
    if not entry.is_active(moment):
        raise SuppressionError(
            f"The suppression of {entry.pattern} would have ended already, at {until}.",
            hint="Name a later --until, or none.",
        )
    covered = count_covered(desk, checked)
    if not covered.callers and not checked.endswith("*"):
        _refuse_strangers(desk, checked)
    facts = {name: getattr(entry, name) for name in SUPPRESSIONS.columns}
    with desk.lake.lock(desk.config.lock_timeout), recorded_run(desk.lake, "suppress", {**facts, "action": "add"}):
        listed = desk.lake.snapshot().read(SUPPRESSIONS.name)
        others = listed.filter(pl.col("pattern") != entry.pattern)
        replaced = [Suppression(**row) for row in listed.filter(pl.col("pattern") == entry.pattern).to_dicts()]
        row = pl.DataFrame([facts], schema=polars_schema(SUPPRESSIONS.columns))
        desk.lake.overwrite(SUPPRESSIONS.name, pl.concat([others, row]).sort("pattern"))
    return Entered(_frame([entry], moment), replaced[0] if replaced else None, covered)


def unsuppress(
    pattern: str,
    *,
    by: str | None = None,
    lake: DeskLike = None,
    config: ConfigLike = None,
) -> pl.DataFrame:
    """Take a pattern off the lake's suppression list.

    Parameters
    ----------
    pattern
        As it was entered.
    by
        Who decided; None takes the user of the session.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    polars.DataFrame
        The entry that was removed.

    Raises
    ------
    SuppressionError
        If the list holds no such pattern.
    """
    desk = open_desk(lake, config)
    wanted = check_pattern(pattern, desk.config.region)
    with desk.lake.lock(desk.config.lock_timeout):
        entries = desk.lake.snapshot().read(SUPPRESSIONS.name)
        gone = entries.filter(pl.col("pattern") == wanted)
        if gone.is_empty():
            listed = ", ".join(entries["pattern"].head(20)) or "nothing"
            raise SuppressionError(
                f"The lake's suppression list does not hold {wanted}. It holds: {listed}.",
                hint="Entries of a suppressions.csv are removed in that file.",
            )
        with recorded_run(desk.lake, "suppress", {"pattern": wanted, "action": "remove", "by": actor_name(by)}):
            desk.lake.overwrite(SUPPRESSIONS.name, entries.filter(pl.col("pattern") != wanted))
    return _frame([Suppression(**row) for row in gone.to_dicts()], now())


def list_suppressions(*, lake: DeskLike = None, config: ConfigLike = None, active: bool | None = None) -> pl.DataFrame:
    """Return both suppression lists: the lake's, and the file that the settings name.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    active
        True for the entries that work now, False for the expired ones, None for all.

    Returns
    -------
    polars.DataFrame
        ``pattern, reason, until, created_at, created_by, source, active``, sorted by pattern.

    Raises
    ------
    SuppressionError
        If the file cannot be read, or one of its lines is invalid.
    """
    desk, moment = open_desk(lake, config), now()
    entries = load_suppressions(desk.tables, desk.config)
    chosen = [entry for entry in entries if active is None or entry.is_active(moment) is active]
    return _frame(sorted(chosen, key=lambda entry: (entry.pattern, entry.source)), moment)


def load_suppressions(tables: Snapshot, config: Config) -> list[Suppression]:
    """Return the entries of the lake's list and of the file that the settings name, if there is one."""
    rows = tables.read(SUPPRESSIONS.name).to_dicts()
    entries = [Suppression(**row) for row in rows]
    file = config.suppressions_file
    return entries + (read_suppressions(file, config.region) if file is not None else [])


def suppression_finder(entries: Iterable[Suppression], moment: datetime) -> Callable[[str], Suppression | None]:
    """Return a function that gives the most specific entry that covers a number at the moment, or None."""
    active = [entry for entry in entries if entry.is_active(moment)]
    exact = {entry.pattern: entry for entry in reversed(active) if not entry.pattern.endswith("*")}
    prefixes = sorted((entry for entry in active if entry.pattern.endswith("*")), key=lambda e: -len(e.pattern))

    def find(number: str) -> Suppression | None:
        return exact.get(number) or next((entry for entry in prefixes if entry.covers(number)), None)

    return find


def find_suppressed(numbers: Iterable[str], tables: Snapshot, config: Config) -> dict[str, str]:
    """Return the numbers that are on a suppression list now, each with the reason, in their order."""
    covering = suppression_finder(load_suppressions(tables, config), now())
    return {number: entry.reason for number in numbers if (entry := covering(number)) is not None}


def read_suppressions(path: str | Path, region: str) -> list[Suppression]:
    """Read a suppression file: UTF-8 CSV with a header line ``number,reason,until``; national numbers in a region.

    Raises
    ------
    SuppressionError
        If it cannot be read, lacks a column, or has a line that cannot be used; the message names file and line.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SuppressionError(f"{file}: not UTF-8 text: {error.reason}.", hint="Save it as CSV UTF-8.") from error
    except OSError as error:
        raise SuppressionError(
            f"{file}: the suppression list cannot be read: {error.strerror}.",
            hint="Check the path and its permissions.",
        ) from error
    first_line = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first_line else ",")
    try:
        return _parse(file, reader, region)
    except csv.Error as error:
        raise SuppressionError(
            f"{file}:{reader.line_num}: not CSV: {error}.", hint="One entry per line: number,reason,until"
        ) from error


def check_pattern(text: str, region: str) -> str:
    """Return a number as the lake keeps it, or a prefix without decoration, or say why it cannot be used.

    National numbers are read in the region, as ingest reads them.
    """
    if not text.rstrip().endswith("*"):
        number, kind = normalise_number(text, region)
        if number is not None and kind in CALLERS:
            return number
    pattern = re.sub(r"[\s()'.]|(?<=\d)-(?=\d)", "", text)
    pattern = "+" + pattern[2:] if pattern.startswith("00") else pattern
    hint = f"Allowed: {_ALLOWED}."
    if _ROUNDED.fullmatch(text):
        hint = f"A spreadsheet has rounded this number: format the column as text. {hint}"
    elif _NATIONAL.fullmatch(pattern):
        hint = f"The lake keeps international numbers: write it with + and the country code. {hint}"
    elif _PATTERN.fullmatch(pattern):
        return pattern
    raise SuppressionError(f"{text!r} cannot be suppressed.", hint=hint, value=text)


def _refuse_strangers(desk: Desk, pattern: str) -> None:
    """Refuse what is no number, nor the name of somebody in the lake: it covers nobody, and is most likely a slip."""
    _, kind = normalise_number(pattern, desk.config.region)
    if kind in (*CALLERS, SHORT_CODE) and not _BEGINNING.fullmatch(pattern):
        return
    tables = desk.lake.snapshot()
    # Who called first today has no profile yet.
    for table, column in ((FRAUD_ALERTS, "suspect_number"), (CALL_RECORDS, "caller_number")):
        if tables.scan(table.name).filter(pl.col(column) == pattern).head(1).collect().height:
            return
    if _BEGINNING.fullmatch(pattern):
        raise SuppressionError(
            f"{pattern!r} is too short for a number, and nobody in the lake calls from it.",
            hint=f"For all numbers that begin so: sentinel-batch alerts suppress '{begin_abroad(pattern, desk)}' "
            f"--reason …. Allowed: {_ALLOWED}.",
            value=pattern,
        )
    raise SuppressionError(
        f"{pattern!r} is no number, and nobody in the lake calls under that name.",
        hint=f"Allowed: {_ALLOWED}, or the name of a caller as the lake has it.",
        value=pattern,
    )


def check_reason(text: str) -> str:
    """Return the reason, which must not be empty."""
    if not text.strip():
        raise SuppressionError("The reason of a suppression is empty.", hint="Say why, for the next shift.")
    return text.strip()


def parse_until(value: datetime | date | str | None) -> datetime | None:
    """Return the first instant at which a suppression no longer works; a date counts to its last moment (UTC)."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    hint = "Allowed: a date such as 2026-12-31, or a time with its offset such as 2026-12-31T18:00:00+01:00."
    try:
        if isinstance(value, str):
            text = value.strip()
            value = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
        if not isinstance(value, datetime):
            return datetime.combine(value, time(), UTC) + timedelta(days=1)
        if value.tzinfo is not None:
            return value.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise SuppressionError(f"{value!r} is not the end of a suppression.", hint=hint, value=str(value)) from error
    raise SuppressionError(f"The end {value} of the suppression has no offset from UTC.", hint=hint, value=str(value))


def _parse(file: Path, reader: Iterable[list[str]], region: str) -> list[Suppression]:
    entries: list[Suppression] = []
    columns: list[str] | None = None
    for record in reader:
        place = f"{file}:{reader.line_num}"  # type: ignore[attr-defined]
        cells = [cell.strip() for cell in record]
        if not any(cells) or cells[0].startswith("#"):
            continue
        if columns is None:
            columns = _check_header(place, [cell.lower() for cell in cells])
            continue
        if len(cells) > len(columns):
            raise SuppressionError(
                f"{place}: {len(cells)} cells under {len(columns)} columns.", hint="Put a reason with commas in quotes."
            )
        row = dict(zip(columns, cells, strict=False))
        try:
            pattern, reason = check_pattern(row["number"], region), check_reason(row.get("reason", ""))
            until = parse_until(row.get("until"))
        except SuppressionError as error:
            raise SuppressionError(f"{place}: {error.message}", hint=error.hint, **error.details) from error
        entries.append(Suppression(pattern, reason, until, place))
    return entries


def _check_header(place: str, names: list[str]) -> list[str]:
    missing = {"number", "reason"} - set(names)
    unknown = set(names) - {"number", "reason", "until"}
    if missing or unknown or len(set(names)) < len(names):
        raise SuppressionError(
            f"{place}: the columns are {', '.join(names)}.",
            hint="Allowed: number,reason,until (until may be left out).",
        )
    return names


def _frame(entries: list[Suppression], moment: datetime) -> pl.DataFrame:
    columns = {**SUPPRESSIONS.columns, "source": TEXT, "active": FLAG}
    rows = [{**asdict(entry), "active": entry.is_active(moment)} for entry in entries]
    return pl.DataFrame(rows, schema=polars_schema(columns))
