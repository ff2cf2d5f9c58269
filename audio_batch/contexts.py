"""What is known about each call beside its sound: a manifest (CSV or Parquet), joined by file or by call id.

Names in a manifest are compared as text and never opened. A recording that no row speaks of has an empty context, which
a routing policy takes at its riskiest.
"""

from __future__ import annotations

import csv
import io
import posixpath
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from audio_batch.errors import AudioUsageError

KEYS = ("file", "call_id")
ALIASES = {
    "path": "file",
    "filename": "file",
    "file_name": "file",
    "recording": "file",
    "audio": "file",
    "callid": "call_id",
    "call": "call_id",
    "transaction_amount": "amount",
    "order_amount": "amount",
    "country": "destination_country",
    "is_new_beneficiary": "new_beneficiary",
    "customer_risk_score": "customer_risk",
}
"""Other names of columns that are understood, and the name that each becomes."""

_DELIMITERS = ",;\t|"


def read_contexts(manifest: str | Path) -> pl.DataFrame:
    """Read a manifest.

    Parameters
    ----------
    manifest
        A ``.parquet`` file, or a CSV file in UTF-8 with a header; its delimiter (comma, semicolon, tab, bar) is the one
        that occurs most in the header. It needs a column ``file`` or ``call_id``; the other columns are free.

    Returns
    -------
    polars.DataFrame
        One row per line, in order. Column names are in small letters with ``_`` for spaces, and aliases are replaced
        (``transaction_amount`` by ``amount`` …). From a CSV file all columns are text as written, empty cells are null.

    Raises
    ------
    AudioUsageError
        If it cannot be read, a line has more cells than the header, a name of a column comes twice, there is no key
        column, or a row has no key.
    """
    path = Path(manifest)
    frame = _read_parquet(path) if path.suffix.casefold() == ".parquet" else _read_csv(path)
    frame = _rename(frame, path)
    _require_keys(frame, path)
    return frame


def match_contexts(
    recordings: Sequence[str | Path],
    contexts: pl.DataFrame,
    *,
    root: str | Path | None = None,
    call_ids: Sequence[str | None] | None = None,
) -> list[dict[str, Any]]:
    """Find the context of each recording.

    A row is taken if its ``file`` is the recording's path below ``root`` (or the whole path), else if its ``file`` is a
    bare name that only this one recording has, else if its ``call_id`` is the recording's call id, or the name of the
    file without its suffix. Capitals count.

    Parameters
    ----------
    recordings
        Paths of the recordings; they need not exist.
    contexts
        What `read_contexts` returned.
    root
        Folder that the paths of the manifest start from.
    call_ids
        Call id of each recording, if it is known otherwise than by the file's name.

    Returns
    -------
    list of dict
        The non-empty cells of the row, per recording; empty if there is no row.

    Raises
    ------
    AudioUsageError
        If two rows with the same key differ, or ``call_ids`` has another length than ``recordings``.
    """
    if call_ids is not None and len(call_ids) != len(recordings):
        message = f"There are {len(call_ids)} call ids for {len(recordings)} recordings."
        raise AudioUsageError(message, hint="Give one call id, or None, per recording.")
    by_file = _index_rows(contexts, "file")
    by_call = _index_rows(contexts, "call_id")
    names = Counter(Path(recording).name for recording in recordings)
    found = []
    for number, recording in enumerate(recordings):
        keys = _list_file_keys(Path(recording), root, unique=names[Path(recording).name] == 1)
        call_id = (call_ids[number] if call_ids is not None else None) or Path(recording).stem
        row = next((by_file[key] for key in keys if key in by_file), None)
        found.append(dict(row if row is not None else by_call.get(call_id, {})))
    return found


def _list_file_keys(recording: Path, root: str | Path | None, *, unique: bool) -> list[str]:
    keys = [_normalise_path(recording.as_posix())]
    if root is not None and recording.is_relative_to(root):
        keys.insert(0, _normalise_path(recording.relative_to(root).as_posix()))
    return [*keys, recording.name] if unique else keys


def _normalise_path(text: str) -> str:
    return posixpath.normpath(text.strip().replace("\\", "/"))


def _index_rows(contexts: pl.DataFrame, key: str) -> dict[str, dict[str, Any]]:
    index: dict[str, dict[str, Any]] = {}
    first: dict[str, int] = {}
    if key not in contexts.columns:
        return index
    for number, row in enumerate(contexts.iter_rows(named=True), start=1):
        if row[key] is None or not str(row[key]).strip():
            continue
        name = _normalise_path(str(row[key])) if key == "file" else str(row[key]).strip()
        known = {column: cell for column, cell in row.items() if cell is not None}
        if index.setdefault(name, known) != known:
            message = f"The manifest says two things about {key} {name!r}: rows {first[name]} and {number} differ."
            raise AudioUsageError(message, hint="Keep one row per recording.", key=key, value=name)
        first.setdefault(name, number)
    return index


def _read_parquet(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _refuse(path, f"cannot be read as Parquet: {error}", "Check the path and the file.") from error


def _read_csv(path: Path) -> pl.DataFrame:
    header, *rows = _parse_csv(path)
    for number, row in enumerate(rows, start=2):
        if len(row) > len(header):
            problem = f"has {len(row)} cells in row {number}, but {len(header)} columns"
            raise _refuse(path, problem, "Quote cells that hold the delimiter.")
    columns = {name: [_read_cell(row, index) for row in rows] for index, name in enumerate(header)}
    if len(columns) != len(header):
        raise _refuse_twice(path, header)
    return pl.DataFrame(columns, schema=dict.fromkeys(header, pl.String))


def _parse_csv(path: Path) -> list[list[str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        first = text.split("\n", 1)[0]
        delimiter = max(_DELIMITERS, key=first.count)
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if row]
    except OSError as error:
        raise _refuse(path, f"cannot be read: {error.strerror or error}", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise _refuse(path, f"is not UTF-8 at byte {error.start}", "Save it as UTF-8, or as Parquet.") from error
    except csv.Error as error:
        raise _refuse(path, f"is not a CSV file: {error}", "Check quotes and delimiters.") from error
    if not rows:
        raise _refuse(path, "is empty", "It needs a header with a column file or call_id.")
    return rows


def _read_cell(row: list[str], index: int) -> str | None:
    return (row[index].strip() or None) if index < len(row) else None


def _rename(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    names = ["_".join(name.strip().casefold().replace("-", " ").split()) for name in frame.columns]
    names = [ALIASES[name] if ALIASES.get(name) not in (None, *names) else name for name in names]
    if len(set(names)) != len(names):
        raise _refuse_twice(path, names)
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


def _require_keys(frame: pl.DataFrame, path: Path) -> None:
    keys = [key for key in KEYS if key in frame.columns]
    if not keys:
        problem = f"has neither a column file nor call_id; its columns are {', '.join(frame.columns) or 'none'}"
        raise _refuse(path, problem, "Name the column with the file's path, relative to the folder, file.")
    for number, row in enumerate(frame.select(keys).iter_rows(), start=1):
        if all(cell is None or not str(cell).strip() for cell in row):
            problem = f"has no {' and no '.join(keys)} in row {number} after the header"
            raise _refuse(path, problem, "Fill the cell or remove the row.")


def _refuse_twice(path: Path, names: Sequence[str]) -> AudioUsageError:
    twice = next(name for name, count in Counter(names).items() if count > 1)
    return _refuse(path, f"has more than one column {twice!r}", "Keep one of them.")


def _refuse(path: Path, problem: str, hint: str) -> AudioUsageError:
    return AudioUsageError(f"The manifest {path} {problem}.", hint=hint, file=str(path))
