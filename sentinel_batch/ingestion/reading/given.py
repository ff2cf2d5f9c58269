"""The options that a command was given, to be typed again in the commands that a message names."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from batch_base.suggestions import type_last


@dataclass(frozen=True)
class Given:
    """Options of a command that reads files.

    Parameters
    ----------
    dialect
        Name or path of the dialect, empty where none was named.
    others
        The other options as they are typed, such as ``--region GH``.
    """

    dialect: str = ""
    others: str = ""

    def type(self, verb: str, file: str, *more: str) -> str:
        """Return a command on a file, with these options and more."""
        named = f"--dialect {shlex.quote(self.dialect)}" if self.dialect else ""
        if file.startswith("-"):
            # After -- come names only, so that this one is not read as an option.
            return " ".join(filter(None, ("sentinel-batch", verb, named, self.others, *more, type_last(file))))
        return " ".join(filter(None, ("sentinel-batch", verb, shlex.quote(file), named, self.others, *more)))

    def type_anew(self, verb: str, file: str, *more: str) -> str:
        """Return a command on a file, with these options but the dialect, and more."""
        return Given(others=self.others).type(verb, file, *more)

    def type_proposal(self, file: str) -> str:
        """Return the two commands that lead to a dialect of one's own."""
        propose = self.type("dialects propose", file, "--out my.toml")
        return f"{propose}, then: {self.type_anew('ingest', file, '--dialect my.toml')}"


NOTHING_GIVEN = Given()
"""No options."""
