"""What lies in the inbox, here or on another machine, and what became of each file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch_base.names import name_of, path_of
from batch_base.shell import join_words, quote_word
from sentinel_batch.errors import NoInputError
from sentinel_batch.ingestion.reading.files import is_readable_kind, survey_folder
from sentinel_batch.remote import fetch_files
from sentinel_batch.reporting import LOST, describe_file, inspect_command
from sentinel_batch.schema import ROW_COUNTS

if TYPE_CHECKING:
    from sentinel_batch.ingestion import FileResult, IngestResult
    from sentinel_batch.recordings import RecordingsResult

COPIES = "inbox_copies"
"""Folder of the lake for copies of files of inboxes on other machines."""

_OUTCOMES = {"inserted": "taken", "already_ingested": "known"}
_UNDELIVERED = (".part", ".tmp", ".filepart", ".crdownload", ".partial")
_DELIVERED = "It is read when it is renamed; if it has been there for long, its delivery broke off."
_READ = "Unpack it, or rename it if it is text: .csv, .txt, .tsv, .log, .cdr, .dat (also .gz, .zst) and .parquet are."
_NO_FILE = "Put the files themselves into the inbox, and take away what is none."

Look = tuple[int, int] | None


@dataclass
class Arrivals:
    """The files of an inbox.

    Parameters
    ----------
    folder
        Where they lie.
    files
        Files to read, and folders that cannot be listed.
    other
        What is not read: files of other kinds, and entries that are no files.
    failed
        Files on another machine that could not be fetched: ``path``, ``status``, ``error``.
    growing
        Copies of files that changed while they were fetched.
    fetched
        How many copies are new.
    """

    folder: Path
    files: list[Path] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    growing: set[Path] = field(default_factory=set)
    fetched: int = 0


def receive_files(inbox: Path | str, lake: Path) -> Arrivals:
    """List an inbox; one on another machine is fetched first, as far as it is new.

    Parameters
    ----------
    inbox
        A folder, or an address.
    lake
        Folder of the tables; copies are kept in it.

    Raises
    ------
    NoInputError
        If there is no such inbox, or no way into it; an empty one is fine.
    """
    if isinstance(inbox, Path):
        return list_folder(inbox)
    try:
        fetched = fetch_files(inbox, lake / COPIES, is_readable_kind)
    except OSError as error:
        raise NoInputError(
            f"The inbox {inbox} could not be listed: {error}.",
            hint="Nothing was lost: the next night fetches what is there.",
            path=inbox,
        ) from error
    found = list_folder(fetched.folder)
    other, failed = [name_of(name) for name in fetched.other], [_tame_name(failed) for failed in fetched.failed]
    return Arrivals(found.folder, found.files, other, failed, set(fetched.growing), fetched=len(fetched.new))


def _tame_name(failed: Mapping[str, Any]) -> dict[str, Any]:
    """Write the name that a file has on another machine, where it may hold anything, so that it can be printed."""
    path, error = failed["path"], failed["error"]
    told = {**error, "message": error["message"].replace(path, name_of(path))}
    return {**failed, "path": name_of(path), "error": told}


def list_folder(inbox: Path) -> Arrivals:
    """List the files of a folder, under their absolute paths: what is said of them holds in every folder.

    Raises
    ------
    NoInputError
        If there is no such folder, or it cannot be listed; an empty one is fine.
    """
    inbox = inbox.absolute()
    if not inbox.is_dir():
        raise (
            _name_file(inbox)
            if os.path.lexists(inbox)
            else NoInputError(
                f"There is no inbox folder {inbox}.",
                hint="Is its disk mounted? Name the folder with --inbox.",
                path=str(inbox),
            )
        )
    survey = survey_folder(inbox)
    if inbox in survey.closed:
        raise NoInputError(
            f"The inbox folder {inbox} cannot be listed: this user may not read it.",
            hint=f"Look at its permissions: ls -ld {quote_word(inbox)}",
            path=str(inbox),
        )
    return Arrivals(inbox, sorted([*survey.files, *survey.closed]), [name_of(path) for path in survey.other])


def _name_file(inbox: Path) -> NoInputError:
    return NoInputError(
        f"The inbox {name_of(inbox)} is a file, not a folder.",
        hint=f"Name the folder that it lies in: --inbox {quote_word(inbox.parent)}",
        path=name_of(inbox),
    )


def look_at(paths: Iterable[Path]) -> dict[Path, Look]:
    """Return size (bytes) and time of the last change (ns) of each path; None where there is nothing any more."""
    return {path: _look(path) for path in paths}


def name_vanished(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Return files that were listed and are gone, as files that failed."""
    return [
        {
            "path": name_of(path),
            "status": "vanished",
            "error": {
                "code": "vanished",
                "message": f"{name_of(path)} was in the inbox when the night began, and gone before it was read.",
                "hint": "Find out who took it away, and put it back: files may stay in the inbox.",
            },
        }
        for path in paths
    ]


def tell_files(
    arrivals: Arrivals,
    ingested: IngestResult | None,
    *,
    unchanged: Iterable[Path],
    vanished: Iterable[Mapping[str, Any]],
    looks: Mapping[Path, Look],
) -> list[dict[str, Any]]:
    """Say what became of every file of a night, with the keys of ``file`` in ``report.schema.json``.

    Parameters
    ----------
    arrivals
        What was listed.
    ingested
        The ingest; None if there was none.
    unchanged
        Files that were not opened, as they are those of an earlier night.
    vanished
        From :func:`name_vanished`.
    looks
        What the files looked like before they were read.
    """
    growing = {name_of(path) for path in arrivals.growing} | {
        name_of(path) for path, before in looks.items() if before is not None and _look(path) not in (before, None)
    }
    told = [_tell(file, growing) for file in (ingested.files if ingested is not None else [])]
    told += [_tell_failed(failed) for failed in (*arrivals.failed, *vanished)]
    told += [_tell_other(path) for path in arrivals.other]
    return told + [describe_file(name_of(path), "unchanged") for path in unchanged]


def tell_recordings(heard: RecordingsResult, folder: Path) -> list[dict[str, Any]]:
    """Say of the recordings of a folder that have no verdict what became of them."""
    return [_tell_recording(name_of(folder / row["path"]), row) for row in heard.failed]


def count_files(files: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the figures of a night that are about files and rows."""
    told = list(files)
    read = [file for file in told if file["kind"] == "calls" and file["outcome"] not in ("unchanged", "not_read")]
    rows = Counter[str]()
    for file in read:
        if file["outcome"] != "known":  # Its rows were counted in the night that took them.
            rows.update({name: file[name] for name in ROW_COUNTS})
    return {
        "files": len(read),
        "files_lost": sum(file["outcome"] in LOST for file in told),
        **{name: rows[name] for name in ("records_processed", "records_inserted", "records_rejected")},
    }


def _tell(file: FileResult, growing: set[str]) -> dict[str, Any]:
    error = file.error or {}
    outcome = _OUTCOMES.get(file.status, file.status)
    reason, command = error.get("message", ""), ""
    if outcome == "unreadable" and not os.path.lexists(path_of(file.path)):
        outcome = "vanished"
    elif file.error is not None:
        command = inspect_command(file.path, error.get("code", ""))
    elif file.path in growing:
        outcome = "unfinished"
        reason = "It changed while it was read; what came after is read in the next night."
    elif outcome == "empty":
        reason = "It holds no record."
        command = inspect_command(file.path, "")
    rows = {name: getattr(file, name) for name in ROW_COUNTS}
    return describe_file(file.path, outcome, **rows, reason=reason, hint=error.get("hint", ""), command=command)


def _tell_failed(failed: Mapping[str, Any]) -> dict[str, Any]:
    error = failed["error"]
    return describe_file(failed["path"], failed["status"], reason=error["message"], hint=error["hint"])


def _tell_recording(path: str, row: Mapping[str, Any]) -> dict[str, Any]:
    command = join_words(["sentinel-batch", "audio", "validate", "--", path_of(path)])
    reason = (row["error_message"] or "").replace(row["path"], name_of(row["path"]))
    return describe_file(path, "unreadable", kind="recording", reason=reason, command=command)


def _tell_other(name: str) -> dict[str, Any]:
    path = path_of(name)
    if "://" not in name and not path.is_file():
        return describe_file(name, "not_read", reason=_say_kind(path), hint=_NO_FILE)
    suffix = Path(name).suffix.lower()
    if suffix in _UNDELIVERED:
        return describe_file(name, "not_read", reason="By its name it is still being delivered.", hint=_DELIVERED)
    return describe_file(name, "not_read", reason=f"Files that end in {suffix or 'nothing'} are not read.", hint=_READ)


def _say_kind(path: Path) -> str:
    if path.is_dir():
        return "It is a link to a folder, which is not followed." if path.is_symlink() else "It is an empty folder."
    kinds = {
        "a named pipe": path.is_fifo(),
        "a socket": path.is_socket(),
        "a link that leads nowhere": not path.exists(),
    }
    return f"It is {next((kind for kind, is_one in kinds.items() if is_one), 'a device')}, no file."


def _look(path: Path) -> Look:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns
