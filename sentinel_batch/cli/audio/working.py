"""Recordings taken one by one: whatever one of them holds, the others go on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from batch_base.names import name_of
from sentinel_batch.cli.output import Output
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from audio_batch.batch import FolderContents, Recording

Entry = dict[str, Any]
"""What is said of one recording; its keys are those of the JSON document."""
STATUS = {ExitCode.DONE: "success", ExitCode.PARTLY_DONE: "partial", ExitCode.FAILED: "failed"}


def work_through(
    out: Output,
    label: str,
    recordings: Sequence[Recording],
    work: Callable[[Recording], Entry],
    refuse: Callable[[Recording, dict[str, str]], Entry],
) -> list[Entry]:
    """Return one entry per recording, in order; whatever a recording holds, the others go on."""
    from audio_batch.assessment import describe_failure

    entries = []
    with out.progress(label) as progress, warnings.catch_warnings():
        # What arithmetic says of samples that are no numbers, or beyond all measure, the recording's entry says better.
        warnings.simplefilter("ignore", RuntimeWarning)
        for number, recording in enumerate(recordings):
            if progress is not None:
                progress(name_of(recording.path), number, len(recordings))
            if recording.problem is not None:
                message = f"{recording.path!r} {recording.problem}."
                hint = "Name the file itself."
                entries.append(refuse(recording, {"code": "not_opened", "message": message, "hint": hint}))
                continue
            try:
                entries.append(work(recording))
            except ImportError:  # Of no recording in particular: an extra is not installed.
                raise
            except Exception as error:
                entries.append(refuse(recording, describe_failure(error)))
    return entries


def judge(entries: Sequence[Entry]) -> ExitCode:
    """Return the exit code: done, partly done, or failed if no recording could be used."""
    failed = sum(entry["error"] is not None for entry in entries)
    if failed == 0:
        return ExitCode.DONE
    return ExitCode.PARTLY_DONE if failed < len(entries) else ExitCode.FAILED


def describe_unread(files: FolderContents) -> dict[str, Any]:
    """Return what a document says of the files beside the recordings."""
    return {"unread": [group.to_dict() for group in files.unread]}


def print_errors(out: Output, entries: Sequence[Entry]) -> None:
    """Print the error of each recording that has one."""
    for entry in entries:
        if entry["error"] is not None:
            out.error(f"{name_of(entry['path'])}: {entry['error']['message']}", entry["error"]["hint"])


def tell_splices(splices: list[dict[str, Any]]) -> list[str]:
    """Return where a call looks spliced, such as ``spliced? 21-29 s``."""
    return [f"spliced? {splice['start']:.0f}-{splice['end']:.0f} s" for splice in splices]
