"""A proposal as a file to adopt: the tables of ``sentinel.toml`` that differ from what is in use."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sentinel_batch.errors import UsageError
from sentinel_batch.learning.calibration import Proposal

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def render_toml(proposal: Proposal) -> str:
    """Return the proposal as TOML, with what is expected of it as comments."""
    lines = [
        "# Proposed by sentinel-batch rules calibrate; nothing is changed until you copy it into sentinel.toml.",
        f"# Alerts opened after {proposal.count_since:%Y-%m-%d %H:%M} UTC, up to {proposal.until:%Y-%m-%d %H:%M} UTC.",
        f"# Budget {proposal.budget:g} alerts a day; {proposal.current_per_day:.1f} with the thresholds in use, "
        f"{proposal.expected_per_day:.1f} expected with these.",
    ]
    if not proposal.configuration:
        lines.append("# The thresholds in use keep to the budget: there is nothing to adopt.")
    for rule, table in sorted(proposal.configuration.items()):
        lines += _render_table(["rules", rule], table)
    return "\n".join(lines) + "\n"


def write_toml(proposal: Proposal, path: str | Path) -> Path:
    """Write the proposal to a new file; return its path.

    Raises
    ------
    UsageError
        If there is such a file, or it cannot be written.
    """
    file = Path(path)
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(render_toml(proposal))
    except FileExistsError:
        raise UsageError(
            f"{file} exists already.", hint="Name a new file: a configuration is never replaced."
        ) from None
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror}.", hint="Name a file in a folder that you can write to."
        ) from error
    return file


def _render_table(path: list[str], table: Mapping[str, Any]) -> list[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = ["", f"[{'.'.join(_key(part) for part in path)}]"] if plain else []
    lines += [f"{_key(key)} = {value!r}" for key, value in sorted(plain.items())]
    for key, value in sorted(table.items()):
        if isinstance(value, Mapping):
            lines += _render_table([*path, key], value)
    return lines


def _key(text: str) -> str:
    """Return a TOML key; a segment may be named with any text."""
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
