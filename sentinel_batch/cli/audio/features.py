"""Command ``audio features``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.audio.options import (
    Paths,
    Raw,
    Roles,
    list_files,
    parse_raw,
    parse_roles,
    require_suffix,
    show_unread,
)
from sentinel_batch.cli.audio.tables import write_table
from sentinel_batch.cli.audio.working import STATUS, Entry, describe_unread, judge, print_errors, work_through
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    import polars as pl

    from audio_batch.batch import Recording


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
    """Measure the features of every stretch of speech.

    One row per segment of 4 s, one column per feature.

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
    entries = work_through(output, "Measuring", files.recordings, measure, _refuse_features)
    rows = _write_frames(frames, target)
    code = judge(entries)
    written = target if frames else None
    if output.as_json:
        facts = {"path": written, "rows": rows, "features": count, "feature_set_version": FEATURE_SET_VERSION}
        output.document({"status": STATUS[code], **facts, "recordings": entries, **describe_unread(files)})
    else:
        print_errors(output, entries)
        output.line(f"{rows:,} segments, {count} features: {written}" if written else "Nothing written.")
        show_unread(output, files.unread)
    return code


def _refuse_features(recording: Recording, error: dict[str, str]) -> Entry:
    return {"path": recording.path, "segments": None, "error": error}


def _write_frames(frames: Sequence[pl.DataFrame], target: Path) -> int:
    if not frames:
        return 0
    import polars as pl

    table = pl.concat(frames)
    write_table(table, target)
    return table.height
