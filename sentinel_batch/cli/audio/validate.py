"""Command ``audio validate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batch_base.names import name_of
from sentinel_batch.cli.audio.options import (
    Paths,
    Profile,
    Raw,
    list_files,
    parse_raw,
    show_unread,
)
from sentinel_batch.cli.audio.working import Entry, describe_unread, work_through
from sentinel_batch.cli.output import Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from audio_batch import RawFormat
    from audio_batch.batch import Recording


@with_session
def validate(
    session: Session,
    paths: Paths,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    auto_fix: Annotated[
        bool,
        typer.Option("--auto-fix", help="Write repaired copies beside the files: offset removed, channels apart."),
    ] = False,
    out_dir: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="With --auto-fix: folder for the copies.")
    ] = None,
    sampling_rate: Annotated[
        int | None, typer.Option("--resample", metavar="HZ", help="With --auto-fix: rate of the copies.")
    ] = None,
    profile: Profile = "telephone",
    raw: Raw = None,
) -> ExitCode:
    """Say what each file is, and whether it is whole and usable.

    Nothing is denoised, trimmed or made louder, and originals are never written to: --auto-fix writes NAME-fixed.flac
    beside NAME, or into the folder of --out. Exit codes: 1 a file is not valid, 3 a copy could not be made, 4 nothing
    to read.
    """
    for name, value in (("--resample", sampling_rate), ("--out", out_dir)):
        if value is not None and not auto_fix:
            raise UsageError(f"{name} needs --auto-fix.", hint=f"Type: audio validate --auto-fix {name} {value} PATH")
    from audio_batch.validation import load_profile
    from audio_batch.validation import validate as check

    form = parse_raw(raw)
    load_profile(profile)

    def examine(recording: Recording) -> Entry:
        entry = check(recording.path, strict=strict, profile=profile, raw=form).to_dict()
        fixed = _repair(recording, out_dir, sampling_rate, form) if auto_fix else {}
        return {**entry, "codes": list(dict.fromkeys(issue["code"] for issue in entry["issues"])), **fixed}

    out = session.output
    files = list_files(paths)
    entries = work_through(out, "Validating", files.recordings, examine, _refuse_link)
    invalid = sum(not entry["is_valid"] for entry in entries)
    failed = any(entry.get("repair_error") for entry in entries)
    if out.as_json:
        status = "failed" if invalid else "partial" if failed else "success"
        counts = {"valid": len(entries) - invalid, "invalid": invalid}
        out.document({"status": status, **counts, "recordings": entries, **describe_unread(files)})
    else:
        _print_validations(out, entries)
        show_unread(out, files.unread)
    return ExitCode.FAILED if invalid else ExitCode.PARTLY_DONE if failed else ExitCode.DONE


def _refuse_link(recording: Recording, error: dict[str, str]) -> Entry:
    facts = {"level": "error", "field": "file", "actual": None, "expected": None}
    return {
        "path": recording.path, "is_valid": False, "issues": [{**facts, **error}], "properties": None, "quality": None,
        "codes": [error["code"]],
    }  # fmt: skip


def _repair(recording: Recording, folder: Path | None, sampling_rate: int | None, raw: RawFormat | None) -> Entry:
    from audio_batch.assessment import describe_failure
    from audio_batch.validation import repair

    try:
        done = repair(recording.path, folder, sampling_rate=sampling_rate, raw=raw)
    except Exception as error:
        return {"repair": None, "repair_error": describe_failure(error)}
    return {"repair": done.to_dict(), "repair_error": None}


def _print_validations(out: Output, entries: Sequence[Entry]) -> None:
    for entry in entries:
        out.line(f"{name_of(entry['path'])}: {'valid' if entry['is_valid'] else 'not valid'}")
        for issue in entry["issues"]:
            out.line(f"  {issue['level']:7} {issue['code']}: {issue['message']}")
        for file in (entry.get("repair") or {}).get("files", ()):
            out.line(f"  copy    {name_of(file['path'])}")
        if entry.get("repair_error"):
            out.error(entry["repair_error"]["message"], entry["repair_error"]["hint"])
