"""Names of models that were added, and where they lie: told without opening one."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

NAME_FORM = "[a-z0-9][a-z0-9._-]{0,63}"
"""What a model may be called: a folder's name that leads nowhere else."""


def find_added(name: str, store: str | PathLike[str] | None) -> Path | None:
    """Return the folder of an added model, or None if there is none of that name, or no folder of models."""
    if store is None or not re.fullmatch(NAME_FORM, name):
        return None
    place = Path(store) / name
    return place if (place / "model.json").is_file() else None
