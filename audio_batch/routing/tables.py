"""Reading values out of a TOML file; a refusal names the file, the key, the value and what is allowed."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from audio_batch.errors import AudioUsageError
from batch_base.suggestions import suggest

MAX_FILE_BYTES = 1 << 20


def read_toml(path: Path, *, kind: str) -> dict[str, Any]:
    """Read a TOML file of at most 1 MiB.

    Parameters
    ----------
    path
        The file.
    kind
        What it is, for the messages (``policy``, ``report configuration``).

    Raises
    ------
    AudioUsageError
        If it cannot be read, is too large, or is not TOML.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise AudioUsageError(f"The {kind} {path} is larger than 1 MiB.", hint="Is this the right file?")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"The {kind} {path} cannot be read: {error.strerror or error}."
        raise AudioUsageError(message, hint="Check the path and the permissions.", file=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"The {kind} {path} is not valid TOML: {error}."
        raise AudioUsageError(message, hint="Compare it with a shipped one.", file=str(path)) from error


class Table:
    """One table of a TOML file, read key by key, so that keys nobody asked for can be refused.

    Parameters
    ----------
    values
        The table.
    file
        Name of the file, for the messages.
    place
        Key of the table in the file, such as ``verification``; empty for the whole file.
    """

    def __init__(self, values: Mapping[str, Any], *, file: str, place: str = "") -> None:
        self.values = values
        self.file = file
        self.place = place
        self._known: set[str] = set()

    def refuse(self, name: str, allowed: str, hint: str = "") -> AudioUsageError:
        """Return the error that says that the value of a key is not allowed."""
        key, value = self._key(name), self.values.get(name)
        said = f"has no {key!r}" if name not in self.values else f"has {key} = {value!r}, which is not allowed"
        return AudioUsageError(
            f"{self.file} {said}. Allowed: {allowed}.",
            hint=hint or f"Set {key} to an allowed value.",
            file=self.file,
            key=key,
            value=value,
            allowed=allowed,
        )

    def text(
        self, name: str, default: str | None = None, *, pattern: str = r"(?s).*\S.*", allowed: str = "text"
    ) -> str:
        """Read a text that fits the pattern; without a default it must be there."""
        value = self._get(name, default)
        if not isinstance(value, str) or not (value == default or re.fullmatch(pattern, value)):
            raise self.refuse(name, allowed)
        return value

    def choice(self, name: str, options: Collection[str], default: str | None = None) -> str:
        """Read one of the options."""
        value = self._get(name, default)
        if value not in options:
            raise self.refuse(name, ", ".join(options), suggest(value, options))
        return str(value)

    def number(self, name: str, default: float | None = None, *, low: float, high: float = math.inf) -> float:
        """Read a finite number from low to high, both included."""
        value = self._get(name, default)
        fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not fits or not low <= value <= high:
            raise self.refuse(name, f"a number from {low:g} to {high:g}" if high < math.inf else f"{low:g} or more")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """Read true or false."""
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise self.refuse(name, "true, false")
        return value

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Read a list of texts."""
        value = self._get(name, list(default))
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise self.refuse(name, "a list of texts")
        return tuple(value)

    def table(self, name: str) -> Table:
        """Read a table; an absent one is empty."""
        value = self._get(name, {})
        if not isinstance(value, dict):
            raise self.refuse(name, f"a table [{self._key(name)}]")
        return Table(value, file=self.file, place=self._key(name))

    def tables(self, name: str) -> list[Table]:
        """Read a list of tables; an absent one is empty."""
        value = self._get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.refuse(name, f"tables [[{self._key(name)}]]")
        place = self._key(name)
        return [Table(item, file=self.file, place=f"{place}[{i}]") for i, item in enumerate(value)]

    def close(self) -> None:
        """Refuse the keys that nobody read."""
        for name in self.values:
            if name not in self._known:
                known = sorted(self._known)
                raise AudioUsageError(
                    f"{self.file} has the unknown key {self._key(name)!r}. Allowed: {', '.join(known)}.",
                    hint=suggest(name, known, "Remove the key."),
                    file=self.file,
                    key=self._key(name),
                    value=self.values[name],
                    allowed=known,
                )

    def _get(self, name: str, default: Any) -> Any:
        self._known.add(name)
        value = self.values.get(name, default)
        if value is None:
            raise self.refuse(name, "a value: the key is required")
        return value

    def _key(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name
