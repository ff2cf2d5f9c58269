"""Options that several commands of ``audio`` share, and what their texts become."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from batch_base.names import name_of
from sentinel_batch.cli.offers import offer_policies
from sentinel_batch.cli.output import Output
from sentinel_batch.cli.session import Session
from sentinel_batch.config import Config
from sentinel_batch.errors import NoInputError, UsageError

if TYPE_CHECKING:
    from audio_batch import RawFormat
    from audio_batch.batch import FolderContents, UnreadFiles
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
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Model: a shipped or an added one (audio models list), or a folder [default that of the settings].",
    ),
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
    str,
    typer.Option(
        "--policy",
        metavar="NAME",
        help="Routing policy: a name (see audio policies), or a TOML file.",
        autocompletion=offer_policies,
    ),
]
Channel = Annotated[
    int | None,
    typer.Option("--channel", metavar="N", help="Channel of the voice, counted from 0, if several carry speech."),
]

Scorer = Annotated[
    Literal["local", "remote"] | None,
    typer.Option(
        "--scorer",
        metavar="local|remote",
        help="Who scores: this machine, or the API of SONOTHEIA_API_URL [default audio_scorer of the settings].",
    ),
]
Fallback = Annotated[
    Literal["local", "none"] | None,
    typer.Option(
        "--fallback",
        metavar="local|none",
        help="Who scores what the remote scorer does not [default audio_fallback of the settings].",
    ),
]


def list_files(paths: Sequence[str]) -> FolderContents:
    """Return the recordings that were named, in that order; those of a folder or a glob are sorted.

    What the folders hold beside them comes with them.

    Raises
    ------
    NoInputError
        Nothing of it exists.
    """
    from audio_batch.batch import FolderContents

    places = [contents for text in paths for contents in _expand(text)]
    found = tuple(recording for contents in places for recording in contents.recordings)
    unread = tuple(group for contents in places for group in contents.unread)
    if not any(os.path.lexists(recording.path) for recording in found):
        shown = ", ".join(repr(text) for text in paths[:3]) + (" …" if len(paths) > 3 else "")
        raise NoInputError(
            f"There is no recording at {shown}.",
            hint=_list_unread(unread) or "Name recordings, or a folder that holds some.",
            paths=list(paths),
        )
    return FolderContents(found, unread)


def show_unread(out: Output, unread: Sequence[UnreadFiles]) -> None:
    """Print what was not read, a line for each kind of file."""
    for group in unread:
        examples = ", ".join(map(name_of, group.examples))
        more = f" and {group.files - len(group.examples):,} more" if group.files > len(group.examples) else ""
        out.line(f"Not read: {group.files:,} × {name_of(group.kind)} ({examples}{more}): {group.needed}")


def _list_unread(unread: Sequence[UnreadFiles]) -> str:
    found = "; ".join(f"{group.files:,} × {name_of(group.kind)} ({group.needed})" for group in unread)
    return f"What is there is not read: {found}." if found else ""


def _expand(text: str) -> Iterator[FolderContents]:
    from audio_batch.batch import FolderContents, Recording, scan_folder

    if Path(text).is_dir():
        yield scan_folder(text)
    elif glob.has_magic(text) and not os.path.lexists(text):
        matches = sorted(glob.glob(text, recursive=True), key=os.fsencode)  # noqa: PTH207 (it may be absolute)
        yield from (contents for match in matches for contents in _expand(match))
    else:
        yield FolderContents((Recording(text, text, 0),))


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
    return store or session.configure().beside_lake(VOICEPRINTS, "Name their folder with --enrollments.")


def settle_model(session: Session, model: str | None) -> Any:
    """Return the model that scores here: a name of an added one becomes its folder, None that of the settings."""
    from sentinel_batch.recordings import settle_scorer

    return settle_scorer(session.configure(), scorer="local", model=model).model


def find_voices(config: Config) -> Path | None:
    """Return the folder of the voiceprints beside the lake, or None if there is none."""
    folder = config.find_beside_lake(VOICEPRINTS)
    return folder if folder is not None and folder.is_dir() else None


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
