"""Command ``audio score``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batch_base.names import name_of
from sentinel_batch.cli.audio.options import (
    Model,
    Paths,
    Profile,
    Raw,
    Roles,
    SessionId,
    list_files,
    parse_raw,
    parse_roles,
    settle_model,
    show_score,
    show_unread,
)
from sentinel_batch.cli.audio.working import (
    STATUS,
    Entry,
    describe_unread,
    judge,
    print_errors,
    tell_splices,
    work_through,
)
from sentinel_batch.cli.output import Column
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from audio_batch.batch import Recording

_COLUMNS = (
    Column("Recording", fold=True),
    Column("Score", numeric=True),
    Column("Label"),
    Column("Conf.", numeric=True),
    Column("Remark", fold=True),
)


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

    A recording that is damaged, or holds too little speech, keeps its score but is labelled uncertain; one that cannot
    be decoded has an error instead. Exit codes: 1 no file could be scored, 3 some could not, 4 nothing to read.
    """
    from audio_batch.assessment import assess
    from audio_batch.spoof import load_model
    from audio_batch.validation import load_profile

    roles, form = parse_roles(channel_role), parse_raw(raw)
    load_profile(profile)
    scored_by = settle_model(session, model)
    load_model(scored_by)
    files = list_files(paths)
    recordings = files.recordings
    if session_id is not None and len(recordings) > 1:
        raise UsageError(f"--session-id names one recording, not {len(recordings)}.", hint="Leave it out, or name one.")

    def rate(recording: Recording) -> Entry:
        options: dict[str, Any] = {"model": scored_by, "session_id": session_id, "profile": profile}
        return assess(recording.path, channel_roles=roles, raw=form, **options).to_dict()

    out = session.output
    entries = work_through(out, "Scoring", recordings, rate, _refuse_score)
    code = judge(entries)
    if out.as_json:
        out.document({"status": STATUS[code], "recordings": entries, **describe_unread(files)})
    else:
        out.table(_COLUMNS, [_score_row(entry) for entry in entries])
        print_errors(out, entries)
        show_unread(out, files.unread)
    return code


def _refuse_score(recording: Recording, error: dict[str, str]) -> Entry:
    from audio_batch.assessment import Assessment

    return Assessment(recording.path, None, None, error).to_dict()


def _score_row(entry: Entry) -> tuple[Any, ...]:
    remark = ", ".join(
        [*tell_splices(entry["splices"]), *([entry["abstention"]] if entry["abstention"] else entry["issues"])]
    )
    name = name_of(entry["path"])
    if entry["error"] is not None:
        return name, None, None, None, entry["error"]["code"]
    return name, show_score(entry["score"]), entry["label"], entry["confidence"], remark
