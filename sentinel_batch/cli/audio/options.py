"""Options that several commands of ``audio`` share, and what their texts become."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.session import Session
from sentinel_batch.errors import NoInputError, UsageError

if TYPE_CHECKING:
    from audio_batch import RawFormat
    from audio_batch.batch.discovery import Recording
    from audio_batch.speaker import StoreKey

KEY_VARIABLE = "SENTINEL_VOICEPRINT_KEY"
"""Environment variable with the key of the voiceprints."""
VOICEPRINTS = "voiceprints"
"""Folder of the lake that keeps voiceprints unless another is named."""

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="Recordings, folders, globs.")]
MaybePath = Annotated[str | None, typer.Argument(metavar="PATH", help="The recording.", show_default=False)]
Raw = Annotated[
    str | None,
    typer.Option(
        "--raw", metavar="FORMAT", help="Format of files without a header: encoding,rate,channels (ulaw,8000,1)."
    ),
]
Profile = Annotated[
    str, typer.Option("--profile", metavar="NAME", help="Limits of validation: a validation profile, or a TOML file.")
]
Model = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Model: a name or a folder [default the shipped one].")
]
Roles = Annotated[
    str | None,
    typer.Option(
        "--channel-role", metavar="ROLES", help="Who speaks on which channel, such as left=agent,right=customer."
    ),
]
SessionId = Annotated[
    str | None,
    typer.Option("--session-id", metavar="ID", help="Name of the session [default from the recording's hash]."),
]
Enrolled = Annotated[str, typer.Argument(metavar="ID", help="Name of the account or customer.")]
Enrollment = Annotated[
    str | None,
    typer.Option("--enrollment-id", metavar="ID", help="Verify that the voice is the one enrolled under this ID."),
]
Store = Annotated[
    Path | None,
    typer.Option("--enrollments", metavar="DIR", help="Folder of the voiceprints [default voiceprints in the lake]."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help=f"Key of encrypted voiceprints [env {KEY_VARIABLE}: the key itself].",
    ),
]
PolicyName = Annotated[
    str, typer.Option("--policy", metavar="NAME", help="Routing policy: a name (see audio policies), or a TOML file.")
]
Channel = Annotated[
    int | None,
    typer.Option("--channel", metavar="N", help="Channel of the voice, counted from 0, if several carry speech."),
]


def list_files(paths: Sequence[str]) -> list[Recording]:
    """Return the recordings that were named, in that order; those of a folder or a glob are sorted.

    Raises
    ------
    NoInputError
        Nothing of it exists.
    """
    found = [recording for text in paths for recording in _expand(text)]
    if not any(os.path.lexists(recording.path) for recording in found):
        shown = ", ".join(repr(text) for text in paths[:3]) + (" …" if len(paths) > 3 else "")
        raise NoInputError(
            f"There is no recording at {shown}.",
            hint="Name recordings, or a folder that holds some.",
            paths=list(paths),
        )
    return found


def _expand(text: str) -> Iterator[Recording]:
    from audio_batch.batch.discovery import Recording, find_recordings

    if Path(text).is_dir():
        yield from find_recordings(text)
    elif glob.has_magic(text) and not os.path.lexists(text):
        matches = sorted(glob.glob(text, recursive=True), key=os.fsencode)  # noqa: PTH207 (it may be absolute)
        yield from (recording for match in matches for recording in _expand(match))
    else:
        yield Recording(text, text, 0)


def parse_raw(text: str | None) -> RawFormat | None:
    """Read the format of files without header."""
    from audio_batch import RawFormat

    return RawFormat.parse(text) if text else None


def parse_roles(text: str | None) -> dict[int, str] | None:
    """Read the roles of channels."""
    from audio_batch.segmentation import parse_channel_roles

    return parse_channel_roles(text) if text else None


def find_store(session: Session, store: Path | None) -> Path:
    """Return the folder of the voiceprints."""
    return store if store is not None else session.configure().lake / VOICEPRINTS


def read_store_key(file: Path | None) -> StoreKey | None:
    """Return the key of the voiceprints: of the file, else of the environment, else none."""
    from audio_batch.speaker import StoreKey, read_key

    if file is None and (text := os.environ.get(KEY_VARIABLE)):
        return StoreKey(text.strip().encode())
    return read_key(file)


@contextmanager
def exported_key(file: Path | None) -> Iterator[None]:
    """Hand the key to worker processes through the environment."""
    from audio_batch.speaker.keys import KEY_VARIABLE as ENGINE_VARIABLE

    key = read_store_key(file)
    before = os.environ.get(ENGINE_VARIABLE)
    if key is not None:
        os.environ[ENGINE_VARIABLE] = key.text.decode()
    try:
        yield
    finally:
        os.environ.pop(ENGINE_VARIABLE, None)
        if before is not None:
            os.environ[ENGINE_VARIABLE] = before


def require_suffix(path: Path, suffix: str) -> Path:
    """Refuse a file to write that has another suffix."""
    if path.suffix.casefold() != suffix:
        raise UsageError(
            f"The file {str(path)!r} does not end in {suffix}.", hint=f"Name a {suffix} file.", value=str(path)
        )
    return path


def show_score(score: float | None) -> str | None:
    """Write a score, 0 = human to 1 = synthetic, for a table."""
    return None if score is None else f"{score:.3f}"
