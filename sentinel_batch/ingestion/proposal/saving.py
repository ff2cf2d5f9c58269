"""A proposed dialect to its file."""

from __future__ import annotations

from pathlib import Path

from sentinel_batch.errors import UsageError
from sentinel_batch.ingestion.proposal.result import DialectProposal


def check_target(path: Path) -> None:
    """Raise a UsageError if a dialect must not be written there: to a file that exists, or to one that is no TOML."""
    if path.suffix != ".toml":
        raise UsageError(f"A dialect's file ends in .toml, not {path.name!r}.", hint=f"--out {path.stem or 'my'}.toml")
    if path.exists():
        raise UsageError(f"{path} exists.", hint="Name another file, or remove this one.")


def save_proposal(proposal: DialectProposal, path: Path) -> None:
    """Write a proposed dialect to a new file.

    Raises
    ------
    UsageError
        If the file exists, its name does not end in ``.toml``, or its folder cannot be written to.
    """
    check_target(path)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(proposal.to_toml())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error}", hint="Check the folder and its permissions.") from error
