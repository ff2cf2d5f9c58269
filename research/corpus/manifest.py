"""The list of clips: one CSV row a clip, in a work folder with its path, in the repository without it."""

from __future__ import annotations

import csv
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from audio_batch.errors import AudioUsageError
from batch_base.files import replaced_file


@dataclass(frozen=True)
class Clip:
    """One row of the corpus.

    Parameters
    ----------
    clip_id
        ``source/name``, unique in the corpus.
    path
        The FLAC file (mono, 16 bit) in the work folder.
    label
        ``human`` or ``synthetic``.
    source, package, version
        Name of the source; the Debian package or the public repository it comes from; package version or commit.
    sha256
        Of the clip's 16-bit little-endian PCM.
    speaker
        One name for one voice across all sources; where a cast cannot be told apart, one name for the whole cast.
    attack, attack_family
        The engine that made a synthetic clip; empty for humans.
    licence
        SPDX identifier where there is one.
    sampling_rate, duration_seconds
        Hz and s.
    language
        ISO 639-1.
    pair_id
        `clip_id` of the human clip that a vocoded copy was made from, else empty.
    """

    clip_id: str
    path: str
    label: str
    source: str
    package: str
    version: str
    sha256: str
    speaker: str
    attack: str
    attack_family: str
    licence: str
    sampling_rate: int
    duration_seconds: float
    language: str
    pair_id: str = ""


COLUMNS = tuple(field.name for field in fields(Clip))
PUBLIC_COLUMNS = (
    "clip_id", "source", "package", "version", "sha256", "speaker",
    "licence", "sampling_rate", "duration_seconds", "language",
)  # fmt: skip


def read_clips(path: str | Path) -> list[Clip]:
    """Read a work-folder list; no file is an empty list.

    Raises
    ------
    AudioUsageError
        When the columns are not those of `Clip`.
    """
    if not Path(path).exists():
        return []
    with Path(path).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise AudioUsageError(
                f"{path}: columns are {reader.fieldnames}, not those of a corpus list",
                hint=f"Expected: {', '.join(COLUMNS)}",
            )
        return [_parse_row(row) for row in reader]


def replace_source(path: str | Path, source: str, clips: list[Clip]) -> None:
    """Put the clips of one source in place of those it had, in one rename, so that a reader never sees half a list."""
    kept = [clip for clip in read_clips(path) if clip.source != source]
    _write_rows(path, COLUMNS, [astuple(clip) for clip in kept + clips])


def write_manifest(path: str | Path, clips: list[Clip]) -> None:
    """Write the public manifest: no path, sorted by `clip_id`."""
    rows = [tuple(getattr(clip, name) for name in PUBLIC_COLUMNS) for clip in sorted(clips, key=lambda c: c.clip_id)]
    _write_rows(path, PUBLIC_COLUMNS, rows)


def _parse_row(row: dict[str, str]) -> Clip:
    numbers = {"sampling_rate": int(row["sampling_rate"]), "duration_seconds": float(row["duration_seconds"])}
    return Clip(**{**row, **numbers})  # type: ignore[arg-type]


def _write_rows(path: str | Path, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    with replaced_file(Path(path)) as fresh, fresh.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
