"""The night that a report is of: what became of its files, and what went wrong. The first thing on the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from batch_base.names import path_of
from batch_base.shell import join_words, quote_word
from sentinel_batch.reporting.nights import PastNight, read_facts
from sentinel_batch.schema import ROW_COUNTS, RUNS

if TYPE_CHECKING:
    from sentinel_batch.lake import Snapshot

LOST = ("refused", "unreadable", "vanished")
"""What became of a file whose calls are not in the lake, though they should be."""

DOUBTFUL = ("unfinished", "empty", "not_read")
"""What became of a file that somebody should look at."""

FILES_SHOWN = 200
_LINE = re.compile(r"^:(\d+):")


@dataclass(frozen=True)
class Night:
    """A night, as its report tells it.

    Parameters
    ----------
    run_id
        Its run.
    started_at
        UTC.
    outcome
        ``done``, ``partial`` or ``failed``.
    files
        Every file of the inbox: ``path``, ``outcome`` (``taken``, ``known``, ``unchanged``, one of :data:`LOST` or of
        :data:`DOUBTFUL`), ``kind`` (``calls`` or ``recording``), rows by what became of them, ``reason``, ``hint``,
        ``command``.
    troubles
        What went wrong, worst first: ``level`` (``lost``, ``failed`` or ``warning``), ``what``, ``message``, ``hint``,
        ``command``.
    figures
        Of :data:`sentinel_batch.reporting.nights.FIGURES`, ``new`` and ``seconds``.
    repeats
        When nothing new came in: ``run_id`` and ``started_at`` of the night whose report this is again.
    quiet
        Whether nothing new came in.
    deliveries
        What became of the messages; None before they are sent, and where nobody is told.
    """

    run_id: str
    started_at: datetime
    outcome: str
    files: list[dict[str, Any]] = field(default_factory=list)
    troubles: list[dict[str, str]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    repeats: dict[str, Any] | None = None
    quiet: bool = False
    deliveries: list[dict[str, Any]] | None = None

    def describe(self) -> dict[str, Any]:
        """Return the night as the JSON document has it."""
        names = ("run_id", "started_at", "outcome", "quiet", "repeats", "figures", "troubles", "deliveries", "files")
        return {name: getattr(self, name) for name in names}


def describe_file(path: str, outcome: str, **facts: Any) -> dict[str, Any]:
    """Return what became of a file, with every key that the document promises."""
    known = {"kind": "calls", **dict.fromkeys(ROW_COUNTS, 0), "reason": "", "hint": "", "command": ""}
    return {"path": path, "outcome": outcome, **known, **facts}


def say_trouble(level: str, what: str, message: str, hint: str = "", command: str = "") -> dict[str, str]:
    """Return one trouble: ``level`` is ``lost``, ``failed`` or ``warning``."""
    return {"level": level, "what": what, "message": message, "hint": hint, "command": command}


def say_file(level: str, file: dict[str, Any]) -> dict[str, str]:
    """Return the trouble of a file: its path, the reason and the command once each."""
    path, command = file["path"], file["command"]
    first = file["reason"].partition("\n")[0]  # Examples follow; the command shows all of them.
    named = _without_path(first, path)
    hint = _before_path(file["hint"], path) if command else file["hint"]
    return say_trouble(level, path, " ".join(named.split()), hint, command)


def _without_path(message: str, path: str) -> str:
    """Return a message without the path that it begins with; ``path:3:`` becomes ``line 3:``."""
    rest = message.removeprefix(path)
    if rest == message or rest[:1] not in (":", " "):
        return message
    return _LINE.sub(r"line \1:", rest, count=1).lstrip(": ")


def _before_path(hint: str, path: str) -> str:
    """Return the sentences of a hint before the one that names the file: what follows are commands that do so, too."""
    places = [hint.find(word) for word in (path, quote_word(path_of(path))) if word in hint]
    if not places:
        return hint
    return hint[: hint.rfind(". ", 0, min(places)) + 1]


def inspect_command(path: str, code: str) -> str:
    """Return the command, to be typed as it is, that shows why a file of calls was not taken."""
    more = ["--max-reject-rate", "1"] if code == "reject_rate" else []
    return join_words(["sentinel-batch", "ingest", "--dry-run", *more, "--", path_of(path)])


def recall_night(nights: Sequence[PastNight], run_id: str | None) -> Night | None:
    """Return the night of the history that a run was, if it was one."""
    for past in nights:
        if past.run_id == run_id:
            lost = [file for file in past.files if file.get("outcome") in LOST]
            troubles = [say_file("lost", file) for file in lost]
            if not past.good:
                troubles.append(say_trouble("failed", "The night", past.message))
            figures = past.figures
            return Night(past.run_id, past.started_at, past.outcome, past.files, troubles, figures)
    return None


def find_lost_files(
    tables: Snapshot, night: Night | None, nights: Sequence[PastNight], zone: str
) -> list[dict[str, Any]]:
    """Return the files that were lost in a night, or by hand since, and have not been taken after that.

    Parameters
    ----------
    tables
        Where the runs are.
    night
        The night; None is the last one.
    nights
        All nights of the history.
    zone
        IANA zone in which is said when a file was refused by hand.
    """
    told = next((past for past in nights if night is not None and past.run_id == night.run_id), None)
    under_way = night if told is None else None
    start = told or (nights[-1] if nights else None)
    lost: dict[str, dict[str, Any]] = {}
    if start is not None and under_way is None:
        lost = {file["path"]: file for file in start.files if file.get("outcome") in LOST}
    own = {past.ingest_run_id for past in nights}
    for run in _read_ingests(tables, "" if start is None else start.run_id):
        for path in read_facts(run["inputs"]):
            lost.pop(path, None)
        if run["run_id"] not in own and not _belongs(run, under_way):
            when = f"{run['started_at'].astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} ({zone})"
            failed = read_facts(run["counts"]).get("failed_files", [])
            lost |= {file["path"]: _lost_by_hand(file, when) for file in failed}
    for file in under_way.files if under_way is not None else ():
        lost.pop(file["path"], None)
        if file["outcome"] in LOST:
            lost[file["path"]] = file
    return list(lost.values())


def _read_ingests(tables: Snapshot, after: str) -> Iterable[dict[str, Any]]:
    rows = tables.scan(RUNS.name).filter((pl.col("command") == "ingest") & (pl.col("run_id") > after))
    return rows.sort("run_id").collect().iter_rows(named=True)


def _belongs(run: dict[str, Any], night: Night | None) -> bool:
    """Tell whether an ingest is that of a night under way."""
    return night is not None and bool(run["started_at"] >= night.started_at)


def _lost_by_hand(file: dict[str, Any], when: str) -> dict[str, Any]:
    error = file.get("error") or {}
    outcome = file["status"] if file["status"] in LOST else "unreadable"
    command = inspect_command(file["path"], error.get("code", ""))
    given = file.get("given", file["path"])
    said = _without_path(error.get("message", ""), given)
    word = "Refused" if outcome == "refused" else "Not read"
    hint = _before_path(error.get("hint", ""), given)
    return describe_file(file["path"], outcome, reason=f"{word} by hand on {when}: {said}", hint=hint, command=command)
