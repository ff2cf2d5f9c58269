"""A first version of a rule of one's own: three small files that work, with comments that explain."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from sentinel_batch.desk import ConfigLike
from sentinel_batch.errors import UsageError
from sentinel_batch.rules.books import SUFFIXES
from sentinel_batch.rules.catalogue import read_catalogue

_FOLDER = Path(__file__).parent / "scaffold"
_PLACEHOLDER = "NEW_RULE"
_DAY = "2026-01-22"
_ID = re.compile(r"[A-Z][A-Z0-9_]{1,39}", re.ASCII)


def write_scaffold(rule_id: str, folder: Path, today: date | None = None, config: ConfigLike = None) -> list[Path]:
    """Write the files of a new rule; return them.

    Parameters
    ----------
    rule_id
        Its id: a capital, then capitals, digits and underscores.
    folder
        Where to, made if need be.
    today
        What its header says of when it was created; None takes the day.
    config
        Settings, or their file, of the books in which the id must be free; None looks for them as the command line
        does.

    Raises
    ------
    UsageError
        If it is not an id, there is a rule of that id, or a file of that name.
    """
    if not _ID.fullmatch(rule_id):
        raise UsageError(
            f"{rule_id!r} is not an id of a rule.",
            hint=f"Write it as {re.sub(r'[^A-Z0-9]+', '_', rule_id.upper()).strip('_') or 'PREMIUM_NIGHT'}: capitals, "
            "digits and underscores, a capital first.",
            value=rule_id,
        )
    taken = next((rule for rule in read_catalogue(config).rules if rule.id == rule_id), None)
    if taken is not None:
        raise UsageError(
            f"There is a rule {rule_id}: {taken.header_file}, of the book {taken.book}.", hint="Choose another id."
        )
    files = [folder / f"{rule_id}{suffix}" for suffix in SUFFIXES]
    there = next((file for file in files if file.exists()), None)
    if there is not None:
        raise UsageError(f"There is a file {there}.", hint="Choose another id, or another --folder.", file=str(there))
    folder.mkdir(parents=True, exist_ok=True)
    for file, suffix in zip(files, SUFFIXES, strict=True):
        text = (_FOLDER / f"{_PLACEHOLDER}{suffix}").read_text(encoding="utf-8").replace(_PLACEHOLDER, rule_id)
        day = (today or date.today()).isoformat()
        file.write_text(text.replace(_DAY, day) if suffix == ".toml" else text, encoding="utf-8")
    return files
