"""Reports of nights, each in a folder of its own: ``YYYY-MM-DD``, and ``YYYY-MM-DD-2`` for the next run of that day."""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from batch_base.files import replaced_file
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import full_disk_reported

FACTS = "night.json"
"""File in a night's folder: what the index needs to know of it."""

LATEST = "latest"
"""Link to the newest night's folder."""

_DRAFT = ".draft-"
_NAME = re.compile(r"\d{4}-\d\d-\d\d(-[1-9]\d{0,4})?")
_MOST = 100_000


@contextmanager
def drafted_folder(reports: Path, run_id: str) -> Iterator[Path]:
    """Give an empty folder for a night's report, which nobody sees before :func:`publish_folder`.

    Raises
    ------
    UsageError
        If the folder of the reports cannot be written.
    """
    draft = reports / f"{_DRAFT}{run_id}"
    try:
        draft.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"The report cannot be written to {reports}: {error.strerror}.", hint="Name a folder that can be written."
        ) from error
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def publish_folder(draft: Path, day: date) -> Path:
    """Give a drafted folder its name, the first of the day that is free, and return it."""
    for number in range(1, _MOST):
        target = draft.with_name(day.isoformat() if number == 1 else f"{day.isoformat()}-{number}")
        if target.exists():
            continue
        with suppress(FileExistsError, NotADirectoryError), _free_name():
            return draft.rename(target)
    raise UsageError(f"{draft.parent} has {_MOST:,} reports of {day}.", hint="Name another folder with --out.")


@contextmanager
def _free_name() -> Iterator[None]:
    """Say of a folder that somebody else has just made that it exists, whatever the system calls it."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            raise FileExistsError from error
        raise


def point_to_latest(folder: Path) -> None:
    """Let ``latest`` beside a night's folder lead to it, from one moment to the next.

    Raises
    ------
    OSError
        If something else has that name, or the disk knows no links.
    """
    fresh = folder.with_name(f".{LATEST}-{folder.name}")
    latest = folder.with_name(LATEST)
    if latest.is_dir() and not latest.is_symlink() and (latest / FACTS).is_file():
        shutil.rmtree(latest)  # A copy that follows links, such as a backup that was put back, makes a folder of it.
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name, target_is_directory=True)
    try:
        fresh.replace(latest)
    finally:
        fresh.unlink(missing_ok=True)


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Write what the index needs to know of a night into its folder."""
    with full_disk_reported(folder), replaced_file(folder / FACTS, mode=0o644) as draft:
        draft.write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read_archive(reports: Path) -> dict[str, dict[str, Any]]:
    """Return the nights whose folders are there: name of the folder to its facts, oldest name first."""
    found = {}
    for path in sorted(reports.glob(f"*/{FACTS}")):
        if _NAME.fullmatch(path.parent.name) and not path.parent.is_symlink():
            with suppress(OSError, ValueError):
                facts = json.loads(path.read_text(encoding="utf-8"))
                if isinstance(facts, dict) and isinstance(facts.get("run_id"), str):
                    found[path.parent.name] = facts
    return found


def remove_old_reports(reports: Path, keep_days: int, moment: datetime) -> list[str]:
    """Remove folders of nights that started longer ago, and drafts of killed runs, and return the nights' names.

    Only folders that hold a night's facts are touched, and never the one that ``latest`` leads to.

    Parameters
    ----------
    reports
        Their folder.
    keep_days
        Days that a report stays.
    moment
        From when they count back, UTC.
    """
    limit, newest = moment - timedelta(days=keep_days), (reports / LATEST).resolve()
    old = [
        name
        for name, facts in read_archive(reports).items()
        if _started(facts, moment) < limit and (reports / name).resolve() != newest
    ]
    for name in old:
        shutil.rmtree(reports / name)
    return old


def remove_drafts(reports: Path, moment: datetime) -> None:
    """Remove what killed runs left: drafts that nobody has written to for a day."""
    for draft in reports.glob(f"{_DRAFT}*"):
        with suppress(OSError):
            if moment.timestamp() - draft.stat().st_mtime > timedelta(days=1).total_seconds():
                shutil.rmtree(draft, ignore_errors=True)


def _started(facts: dict[str, Any], otherwise: datetime) -> datetime:
    try:
        started = datetime.fromisoformat(str(facts["night"]["started_at"]))
    except (KeyError, TypeError, ValueError):
        return otherwise
    return started if started.tzinfo is not None else otherwise
