"""Lists of labelled recordings."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audio_batch.errors import AudioUsageError

LABELS = {"human": 0, "bonafide": 0, "real": 0, "0": 0, "synthetic": 1, "spoof": 1, "fake": 1, "1": 1}
CELLS_SHOWN = 60


@dataclass(frozen=True)
class Clip:
    """One line of a manifest.

    Attributes
    ----------
    path
        The recording.
    label
        0 = human, 1 = synthetic.
    speaker
        Who speaks, or whose voice was copied; the file itself where the manifest does not say.
    family
        Family of the engine that made it, empty for human speech.
    source
        Where it comes from; sources of one class weigh the same in training.
    pair
        Name that a human recording shares with its vocoded copies, empty where it has none.
    """

    path: str
    label: int
    speaker: str
    family: str
    source: str
    pair: str = ""


def read_manifest(path: str | Path) -> list[Clip]:
    """Read a CSV of labelled recordings.

    Parameters
    ----------
    path
        Columns ``path`` (relative to the manifest's folder, or absolute) and ``label`` (``human`` or ``synthetic``;
        the field's other words are understood), and if known ``speaker``, ``attack_family``, ``source``, and
        ``clip_id`` with ``pair_id``: the clip that a synthetic one is a copy of.

    Raises
    ------
    AudioUsageError
        The file, a column or a recording is missing, or a label is unknown; names the line.
    """
    place = Path(path)
    if not place.is_file():
        raise AudioUsageError(f"No manifest at {str(place)!r}", hint="Give a CSV with the columns path and label.")
    names, rows = _read_rows(place)
    missing = {"path", "label"} - set(names)
    if missing:
        raise AudioUsageError(
            f"{place}: no column {' and '.join(sorted(missing))}; it has {_quote(', '.join(names))}",
            hint="The first line names the columns; path and label are needed, speaker and attack_family help.",
        )
    clips = [_read_clip(row, place, number) for number, row in enumerate(rows, start=2)]
    if not clips:
        raise AudioUsageError(f"{place}: no recordings", hint="Add one line for each recording.")
    return clips


def read_clips(manifest: str | Path | Sequence[Clip]) -> list[Clip]:
    """Return labelled recordings: of a CSV, of a folder, or as they are given.

    Parameters
    ----------
    manifest
        CSV (`read_manifest`), or a folder (`read_labelled_folder`), or clips.

    Raises
    ------
    AudioUsageError
        There are none, or they cannot be read.
    """
    if not isinstance(manifest, str | Path):
        return list(manifest)
    return read_labelled_folder(manifest) if Path(manifest).is_dir() else read_manifest(manifest)


def read_labelled_folder(folder: str | Path) -> list[Clip]:
    """Return the recordings of a folder whose subfolders are named after their label.

    Parameters
    ----------
    folder
        With ``human`` and ``synthetic`` in it (the field's other words are understood). A folder inside of those names
        the source, and of synthetic speech the family; a recording that lies in none is of the source ``unnamed``.

    Returns
    -------
    list of Clip
        By path; files with no suffix of a recording are passed over.

    Raises
    ------
    AudioUsageError
        No subfolder is named after a label, or they hold no recording.
    """
    from audio_batch.decoding import AUDIO_SUFFIXES

    place = Path(folder)
    labelled = {path: LABELS[path.name.lower()] for path in sorted(place.iterdir()) if path.name.lower() in LABELS}
    clips = [
        _place_clip(path, inside, label)
        for inside, label in labelled.items()
        for path in sorted(inside.rglob("*"))
        if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()
    ]
    if not clips:
        found = _quote(", ".join(sorted(path.name for path in place.iterdir()))) if not labelled else "no recordings"
        raise AudioUsageError(
            f"{place}: no recordings in folders named after a label; there is {found}",
            hint="Put them into the folders human and synthetic, in a folder for each source.",
        )
    return clips


def _place_clip(path: Path, folder: Path, label: int) -> Clip:
    inside = path.relative_to(folder).parts
    source = inside[0] if len(inside) > 1 else "unnamed"
    return Clip(str(path), label, str(path), source if label else "", source)


def _read_rows(place: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    try:
        with place.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            return reader.fieldnames or (), list(reader)
    except UnicodeDecodeError as error:
        message = f"{place}: is not UTF-8 at byte {error.start}"
        raise AudioUsageError(message, hint="Save it as CSV in UTF-8.") from error
    except (OSError, csv.Error) as error:
        message = f"{place}: cannot be read as CSV: {getattr(error, 'strerror', None) or error}"
        raise AudioUsageError(message, hint="Check its permissions, its quotes and its commas.") from error


def _read_clip(row: dict[str, str], place: Path, number: int) -> Clip:
    label = LABELS.get((row["label"] or "").strip().lower())
    if label is None:
        raise AudioUsageError(
            f"{place}:{number}: label {_quote(row['label'])} is not known",
            hint=f"Allowed: {', '.join(LABELS)}.",
        )
    recording = place.parent / (row["path"] or "")
    if not recording.is_file():
        raise AudioUsageError(
            f"{place}:{number}: no recording at {_quote(row['path'])}",
            hint="Paths are relative to the manifest's folder, or absolute.",
        )
    family = (row.get("attack_family") or ("unnamed" if label else "")).strip()
    source = (row.get("source") or row.get("speaker") or family or "unnamed").strip()
    speaker = (row.get("speaker") or str(recording)).strip()
    pair = (row.get("pair_id" if label else "clip_id") or "").strip()
    return Clip(str(recording), label, speaker, family if label else "", source, pair)


def _quote(text: str | None) -> str:
    """Return text from outside as one short line that is safe for a terminal."""
    shown = repr(text or "")
    return shown if len(shown) <= CELLS_SHOWN else shown[: CELLS_SHOWN - 1] + "…"
