"""Pages of the documentation of which a program makes parts, or all; the makers are modules to be run by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from sentinel_batch.errors import UsageError


def replace_parts(page: str, parts: Mapping[str, str], maker: str) -> str:
    """Return a page with its generated parts made anew; all other text stays.

    Parameters
    ----------
    page
        The page's text, with a begin and an end mark around each part.
    parts
        Name of a part to its text.
    maker
        The module that makes them, as the marks name it.

    Raises
    ------
    UsageError
        If a mark is missing.
    """
    for name, part in parts.items():
        begin = f"<!-- begin {name}: made by python -m {maker}; do not edit -->"
        end = f"<!-- end {name} -->"
        found = re.search(re.escape(begin) + ".*?" + re.escape(end), page, re.DOTALL)
        if found is None:
            raise UsageError(f"The page has no part {name!r}.", hint=f"Put {begin} and {end} where it belongs.")
        page = f"{page[: found.start()]}{begin}\n\n{part}\n\n{end}{page[found.end() :]}"
    return page


def take_place(arguments: Sequence[str], maker: str, example: str) -> Path:
    """Return the one page or folder that the arguments of a maker name.

    Raises
    ------
    UsageError
        If they name none, or several.
    """
    if len(arguments) != 1:
        raise UsageError(f"Got {len(arguments)} arguments.", hint=f"Usage: python -m {maker} {example}")
    return Path(arguments[0])
