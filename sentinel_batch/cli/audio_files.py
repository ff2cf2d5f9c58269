"""Commands ``audio validate``, ``features`` and ``score``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.audio_options import (
    Model,
    Paths,
    Profile,
    Raw,
    Roles,
    SessionId,
    list_files,
    parse_raw,
    parse_roles,
    require_suffix,
    show_score,
    show_unread,
)
from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode, UsageError

if TYPE_CHECKING:
    import polars as pl

    from audio_batch import RawFormat
    from audio_batch.batch import FolderContents, Recording

_SCORE_COLUMNS = (
    Column("Recording", fold=True),
    Column("Score", numeric=True),
    Column("Label"),
    Column("Conf.", numeric=True),
    Column("Remark", fold=True),
)
Entry = dict[str, Any]


@with_session
def validate(
    session: Session,
    paths: Paths,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
    auto_fix: Annotated[
        Path | None,
        typer.Option("--auto-fix", metavar="DIR", help="Write repaired copies to DIR: offset removed, channels apart."),
    ] = None,
    sampling_rate: Annotated[
        int | None, typer.Option("--resample", metavar="HZ", help="With --auto-fix: rate of the copies.")
    ] = None,
    profile: Profile = "telephone",
    raw: Raw = None,
) -> ExitCode:
    """Say what each file is, whether it is whole, and whether its sound is fit for a verdict.

    Nothing is denoised, trimmed or made louder, and originals are never written to. Exit codes: 1 a file is not valid,
    3 a copy could not be made, 4 nothing to read.
    """
    if sampling_rate is not None and auto_fix is None:
        raise UsageError("--resample needs --auto-fix.", hint="Name the folder for the copies: --auto-fix DIR.")
    from audio_batch.validation import load_profile
    from audio_batch.validation import validate as check

    form = parse_raw(raw)
    load_profile(profile)

    def examine(recording: Recording) -> Entry:
        entry = check(recording.path, strict=strict, profile=profile, raw=form).to_dict()
        fixed = _repair(recording, auto_fix, sampling_rate, form) if auto_fix is not None else {}
        return {**entry, "codes": list(dict.fromkeys(issue["code"] for issue in entry["issues"])), **fixed}

    out = session.output
    files = list_files(paths)
    entries = _work_through(out, "Validating", files.recordings, examine, _refuse_link)
    invalid = sum(not entry["is_valid"] for entry in entries)
    failed = any(entry.get("repair_error") for entry in entries)
    if out.as_json:
        status = "failed" if invalid else "partial" if failed else "success"
        counts = {"valid": len(entries) - invalid, "invalid": invalid}
        out.document({"status": status, **counts, "recordings": entries, **_describe_unread(files)})
    else:
        _print_validations(out, entries)
        show_unread(out, files.unread)
    return ExitCode.FAILED if invalid else ExitCode.PARTLY_DONE if failed else ExitCode.DONE


@with_session
def features(
    session: Session,
    paths: Paths,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Parquet file to write.")],
    families: Annotated[
        str | None, typer.Option("--families", metavar="NAMES", help="Only these families, with commas [default all].")
    ] = None,
    channel_role: Roles = None,
    raw: Raw = None,
) -> ExitCode:
    """Measure the features of every stretch of speech: one row per segment of 4 s, one column per feature.

    Exit codes: 1 no file could be read (nothing is written), 3 some could not, 4 nothing to read.
    """
    from audio_batch.feature_tables import tabulate_features
    from audio_batch.features import FEATURE_SET_VERSION, list_features

    target = require_suffix(out, ".parquet")
    chosen = tuple(name.strip() for name in families.split(",")) if families else None
    count = len(list_features(chosen))
    roles, form = parse_roles(channel_role), parse_raw(raw)
    frames: list[pl.DataFrame] = []

    def measure(recording: Recording) -> Entry:
        frames.append(tabulate_features(recording.path, families=chosen, channel_roles=roles, raw=form))
        return {"path": recording.path, "segments": frames[-1].height, "error": None}

    output = session.output
    files = list_files(paths)
    entries = _work_through(output, "Measuring", files.recordings, measure, _refuse_features)
    rows = _write_frames(frames, target)
    code = _judge(entries)
    written = target if frames else None
    if output.as_json:
        facts = {"path": written, "rows": rows, "features": count, "feature_set_version": FEATURE_SET_VERSION}
        output.document({"status": _STATUS[code], **facts, "recordings": entries, **_describe_unread(files)})
    else:
        _print_errors(output, entries)
        output.line(f"{rows:,} segments, {count} features: {written}" if written else "Nothing written.")
        show_unread(output, files.unread)
    return code


@with_session
def score(
    session: Session,
    paths: Paths,
    model: Model = None,
    channel_role: Roles = None,
    session_id: SessionId = None,
    profile: Profile = "telephone",
    raw: Raw = None,
) -> ExitCode:
    """Score voices: 0 = human, 1 = synthetic. Recordings are listed in the order given.

    A recording that is damaged, or tells too little, keeps its score beside the label uncertain; one that cannot be
    decoded has none, but an error. Exit codes: 1 no file could be scored, 3 some could not, 4 nothing to read.
    """
    from audio_batch.assessment import assess
    from audio_batch.spoof import load_model
    from audio_batch.validation import load_profile

    roles, form = parse_roles(channel_role), parse_raw(raw)
    load_profile(profile)
    load_model(model)
    files = list_files(paths)
    recordings = files.recordings
    if session_id is not None and len(recordings) > 1:
        raise UsageError(f"--session-id names one recording, not {len(recordings)}.", hint="Leave it out, or name one.")

    def rate(recording: Recording) -> Entry:
        options: dict[str, Any] = {"model": model, "session_id": session_id, "profile": profile}
        return assess(recording.path, channel_roles=roles, raw=form, **options).to_dict()

    out = session.output
    entries = _work_through(out, "Scoring", recordings, rate, _refuse_score)
    code = _judge(entries)
    if out.as_json:
        out.document({"status": _STATUS[code], "recordings": entries, **_describe_unread(files)})
    else:
        out.table(_SCORE_COLUMNS, [_score_row(entry) for entry in entries])
        _print_errors(out, entries)
        show_unread(out, files.unread)
    return code


_STATUS = {ExitCode.DONE: "success", ExitCode.PARTLY_DONE: "partial", ExitCode.FAILED: "failed"}


def _describe_unread(files: FolderContents) -> dict[str, Any]:
    return {"unread": [group.to_dict() for group in files.unread]}


def _work_through(
    out: Output,
    label: str,
    recordings: Sequence[Recording],
    work: Callable[[Recording], Entry],
    refuse: Callable[[Recording, dict[str, str]], Entry],
) -> list[Entry]:
    """Return one entry per recording, in order; whatever a recording holds, the others go on."""
    from audio_batch.assessment import describe_failure

    entries = []
    with out.progress(label) as progress:
        for number, recording in enumerate(recordings):
            if progress is not None:
                progress(recording.path, number, len(recordings))
            if recording.problem is not None:
                message = f"{recording.path!r} {recording.problem}."
                hint = "Name the file itself."
                entries.append(refuse(recording, {"code": "not_opened", "message": message, "hint": hint}))
                continue
            try:
                entries.append(work(recording))
            except Exception as error:
                entries.append(refuse(recording, describe_failure(error)))
    return entries


def _refuse_link(recording: Recording, error: dict[str, str]) -> Entry:
    facts = {"level": "error", "field": "file", "actual": None, "expected": None}
    return {
        "path": recording.path, "is_valid": False, "issues": [{**facts, **error}], "properties": None, "quality": None,
        "codes": [error["code"]],
    }  # fmt: skip


def _refuse_features(recording: Recording, error: dict[str, str]) -> Entry:
    return {"path": recording.path, "segments": None, "error": error}


def _refuse_score(recording: Recording, error: dict[str, str]) -> Entry:
    from audio_batch.assessment import Assessment

    return Assessment(recording.path, None, None, error).to_dict()


def _judge(entries: Sequence[Entry]) -> ExitCode:
    failed = sum(entry["error"] is not None for entry in entries)
    if failed == 0:
        return ExitCode.DONE
    return ExitCode.PARTLY_DONE if failed < len(entries) else ExitCode.FAILED


def _repair(recording: Recording, folder: Path, sampling_rate: int | None, raw: RawFormat | None) -> Entry:
    from audio_batch.assessment import describe_failure
    from audio_batch.validation import repair

    try:
        done = repair(recording.path, folder, sampling_rate=sampling_rate, raw=raw)
    except Exception as error:
        return {"repair": None, "repair_error": describe_failure(error)}
    return {"repair": done.to_dict(), "repair_error": None}


def _print_validations(out: Output, entries: Sequence[Entry]) -> None:
    for entry in entries:
        out.line(f"{entry['path']}: {'valid' if entry['is_valid'] else 'not valid'}")
        for issue in entry["issues"]:
            out.line(f"  {issue['level']:7} {issue['code']}: {issue['message']}")
        for file in (entry.get("repair") or {}).get("files", ()):
            out.line(f"  copy    {file['path']}")
        if entry.get("repair_error"):
            out.error(entry["repair_error"]["message"], entry["repair_error"]["hint"])


def _print_errors(out: Output, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry["error"] is not None:
            out.error(f"{entry['path']}: {entry['error']['message']}", entry["error"]["hint"])


def _score_row(entry: Entry) -> tuple[Any, ...]:
    remark = entry["abstention"] or ", ".join(entry["issues"])
    if entry["error"] is not None:
        return entry["path"], None, None, None, entry["error"]["code"]
    return entry["path"], show_score(entry["score"]), entry["label"], entry["confidence"], remark


def _write_frames(frames: Sequence[pl.DataFrame], target: Path) -> int:
    if not frames:
        return 0
    import polars as pl

    table = pl.concat(frames)
    target.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(target)
    return table.height
