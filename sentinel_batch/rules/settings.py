"""Settings that every rule has, besides its own parameters and lists; and where settings stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinel_batch.config import Config
from sentinel_batch.errors import ConfigurationError
from sentinel_batch.rules.toml_lines import find_line

ENABLED = "enabled"
"""Setting of every rule: whether it runs every night."""

ROLE = "role"
"""Setting of every rule: its role, instead of the one in its header."""

OPENER, WITNESS = "opener", "witness"
ROLES = (OPENER, WITNESS)
"""What a rule's findings do: open alerts, or support and explain what an opener, or a box, speaks of."""

SEGMENTS = "segments"
"""Setting of every rule: tables with parameters of their own for segments of callers."""


@dataclass(frozen=True)
class Origin:
    """Where the settings of a rule stand, for messages.

    Parameters
    ----------
    table
        The heading above them, without brackets.
    file
        The file; None for settings that were given in a call.
    """

    table: str
    file: Path | None = None

    @classmethod
    def of(cls, config: Config, rule_id: str) -> Origin:
        """Return where the configuration has the settings of a rule."""
        file = config.file if config.origins.get("rules") == str(config.file) else None
        beside = file is not None and find_line(_read(file), f"rule.{rule_id}") > 1
        return cls(f"{'rule' if beside else 'rules'}.{rule_id}", file)

    def below(self, segment: str) -> Origin:
        """Return where the settings for a segment stand."""
        return Origin(f"{self.table}.{SEGMENTS}.{segment}", self.file)

    def locate(self, key: str) -> str:
        """Return ``file:line: `` of a setting, to begin a message with; nothing if no file holds it."""
        if self.file is None:
            return ""
        text = _read(self.file)
        return f"{self.file}:{max(find_line(text, self.table, key), find_line(text, self.table))}: "

    @property
    def heading(self) -> str:
        """The heading as it is written."""
        return f"[{self.table}]" if self.file is not None else f"[{self.table}] of the configuration"


def is_enabled(configured: Mapping[str, Any], origin: Origin) -> bool:
    """Tell whether a rule runs every night.

    Raises
    ------
    ConfigurationError
        If its setting ``enabled`` is neither true nor false.
    """
    value = configured.get(ENABLED, True)
    if not isinstance(value, bool):
        raise ConfigurationError(
            f"{origin.locate(ENABLED)}{ENABLED} = {value!r} in {origin.heading} is not allowed.",
            hint="Write enabled = true or false.",
        )
    return value


def read_role(configured: Mapping[str, Any], origin: Origin, default: str) -> str:
    """Return the role of a rule: as configured, else as its header says.

    Raises
    ------
    ConfigurationError
        If its setting ``role`` is none of :data:`ROLES`.
    """
    value = configured.get(ROLE, default)
    if value not in ROLES:
        raise ConfigurationError(
            f"{origin.locate(ROLE)}{ROLE} = {value!r} in {origin.heading} is not allowed.",
            hint=f'Write role = "{OPENER}" or "{WITNESS}".',
        )
    return str(value)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):  # It was there when it was read; messages do without the line.
        return ""
