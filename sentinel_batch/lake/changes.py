"""What was added to a table between two of its versions, without reading the rest of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote


def list_added(table: Path, after: int | None, until: int) -> list[Path] | None:
    """Return the files whose rows came into a table after a version, up to another, in order.

    Commits that only pack rows add none.

    Parameters
    ----------
    table
        The table's folder.
    after
        The version that is known; None for nothing.
    until
        The version that is wanted.

    Returns
    -------
    list of Path or None
        None if it cannot be told: rows were taken out meanwhile, or the log of these commits is gone.
    """
    added = []
    try:
        for version in range(0 if after is None else after + 1, until + 1):
            for kind, action in _changes(table / "_delta_log" / f"{version:020}.json"):
                if kind == "remove":
                    return None
                added.append(table / unquote(action["path"]))
    except OSError:
        return None
    return added if all(file.exists() for file in added) else None


def _changes(entry: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for line in entry.read_text(encoding="utf-8").splitlines():
        for kind, action in json.loads(line).items():
            if kind in ("add", "remove") and action.get("dataChange", True):
                yield kind, action
