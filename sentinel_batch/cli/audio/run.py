"""Command ``audio run``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_base.names import name_of
from sentinel_batch.cli.audio.options import (
    Fallback,
    KeyFile,
    Model,
    Profile,
    Roles,
    Scorer,
    Store,
    exported_key,
    find_voices,
    show_score,
    show_unread,
)
from sentinel_batch.cli.audio.tables import write_table
from sentinel_batch.cli.audio.working import tell_splices
from sentinel_batch.cli.offers import offer_policies
from sentinel_batch.cli.output import Activity, Column, Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from audio_batch.batch import Progress as BatchProgress
    from sentinel_batch.desk import Desk
    from sentinel_batch.recordings import RecordingsResult

_SHOWN = 10
_COLUMNS = (
    Column("Recording", fold=True),
    Column("Score", numeric=True),
    Column("Label"),
    Column("Action"),
    Column("Caller"),
)
_STATUSES = {"scored": "with a verdict", "abstained": "uncertain", "failed": "not read"}
_EXIT_CODES = {"success": ExitCode.DONE, "partial": ExitCode.PARTLY_DONE, "no_input": ExitCode.NO_INPUT}


@with_session
def run(
    session: Session,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of recordings, searched with its subfolders.")
    ],
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest", metavar="FILE", help="CSV or Parquet: what is known of the calls, by file or call id."
        ),
    ] = None,
    enrollments: Store = None,
    key_file: KeyFile = None,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy",
            metavar="NAME",
            help="Routing policy, or a TOML file [default none is applied].",
            autocompletion=offer_policies,
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Processes [default one per core].")
    ] = None,
    channel_role: Roles = None,
    model: Model = None,
    profile: Profile = "telephone",
    scorer: Scorer = None,
    fallback: Fallback = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Also write the tables of these recordings as Parquet.")
    ] = None,
) -> ExitCode:
    """Analyse a folder of recordings, and store what is new.

    Safe to repeat and to interrupt: finished recordings stay in the lake. Voices are verified where the manifest names
    an enrollment_id. Exit codes: 3 some recordings have no verdict, 4 there are no recordings.
    """
    from sentinel_batch.recordings import analyse_recordings

    desk = session.desk()
    output = session.output
    with output.progress("Analysing") as bar, exported_key(key_file):
        result = analyse_recordings(
            directory,
            lake=desk,
            manifest=manifest,
            enrollments=enrollments if enrollments is not None else find_voices(desk.config),
            policy=policy,
            workers=workers,
            channel_roles=channel_role,
            model=model,
            profile=profile,
            scorer=scorer,
            scorer_fallback=fallback,
            progress=_follow(bar),
        )
    written = _write_tables(desk, result, out) if out is not None else {}
    if output.as_json:
        output.document({**result.to_dict(), **({"tables": written} if written else {})})
    else:
        _print_result(output, result)
        for path in written.values():
            output.line(str(path))
    return _EXIT_CODES[result.status]


def _follow(bar: Activity | None) -> Callable[[BatchProgress], None] | None:
    if bar is None:
        return None

    def show(state: BatchProgress) -> None:
        bar.tell(f"{state.done} of {state.total} recordings", state.share)

    return show


def _write_tables(desk: Desk, result: RecordingsResult, folder: Path) -> dict[str, Path]:
    from sentinel_batch.recordings import read_features, read_segments

    ids = result.recordings["recording_id"].to_list()
    frames = {
        "recordings": result.recordings,
        "audio_segments": read_segments(desk, recording_ids=ids),
        "audio_features": read_features(desk, recording_ids=ids),
    }
    for name, frame in frames.items():
        write_table(frame, folder / f"{name}.parquet")
    return {name: folder / f"{name}.parquet" for name in frames}


def _print_result(out: Output, result: RecordingsResult) -> None:
    rows = result.recordings.head(_SHOWN).to_dicts()
    if rows:
        shown = f"Worst {_SHOWN} of {result.recordings.height:,}" if result.recordings.height > _SHOWN else ""
        out.table(_COLUMNS, [_row(row) for row in rows], title=shown)
        out.line()
    found = result.count("status")
    counts = ", ".join(f"{found[name]:,} {words}" for name, words in _STATUSES.items() if name in found)
    out.line(f"{result.recordings.height:,} received: {counts or 'no recordings'}; {result.stored:,} new in the lake")
    for reason, count in result.count("abstention").items():
        out.line(f"No label for {count:,}: {reason}")
    for row in rows:
        for place in tell_splices(json.loads(row["splices"] or "[]")):
            out.line(f"{name_of(row['path'])}: {place}")
    show_unread(out, result.unread)
    fallen = Counter(reason.partition(":")[0] for reason in result.recordings["scorer_fallback"].drop_nulls())
    for reason, count in fallen.most_common():
        out.line(f"Scored here, because the remote scorer did not ({reason}): {count:,}")
    for failure in result.failed:
        out.error(f"{name_of(failure['path'])}: {failure['error_message']}")


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    return name_of(row["path"]), show_score(row["score"]), row["label"], row["action"], row["caller_number"]
