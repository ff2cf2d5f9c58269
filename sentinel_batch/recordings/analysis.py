"""A folder of recordings through the voice engine and into the lake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

import audio_batch
from audio_batch import AudioError
from audio_batch.batch import CHECKPOINT_FOLDER
from audio_batch.errors import AudioUsageError
from audio_batch.scorers import Choice, ScorerLike
from batch_base.extras import MissingExtraError
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import NoInputError, SentinelError, UsageError
from sentinel_batch.lake import Lake
from sentinel_batch.recordings.commit import commit_recordings, find_new
from sentinel_batch.recordings.pictures import draw_pictures
from sentinel_batch.recordings.result import RecordingsResult
from sentinel_batch.recordings.scoring import settle_scorer
from sentinel_batch.recordings.shaping import shape_features, shape_recordings, shape_segments
from sentinel_batch.runs import Run, recorded_run
from sentinel_batch.window import now

if TYPE_CHECKING:
    from audio_batch import BatchResult
    from audio_batch.batch import Progress


def analyse_recordings(
    directory: str | Path,
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    manifest: str | Path | None = None,
    enrollments: str | Path | None = None,
    policy: str | Path | None = None,
    workers: int | None = None,
    channel_roles: Mapping[int, str] | str | None = None,
    model: str | Path | Mapping[str, Any] | None = None,
    profile: str = "telephone",
    scorer: ScorerLike | None = None,
    scorer_fallback: str | None = None,
    run_id: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RecordingsResult:
    """Validate, score, verify and route every recording of a folder, and store what is new.

    The lake is made if there is none. Safe to repeat, and to interrupt at any moment: finished recordings are kept in
    the lake's folder ``audio_checkpoints`` and are not analysed again, and no recording is stored twice. A recording
    is told by its content, its path below the folder, the model, the options and its row of the manifest.

    Parameters
    ----------
    directory
        Searched with its subfolders for files with an audio suffix; all others are counted in the result.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    manifest
        CSV or Parquet with what is known of the calls, joined by ``file`` or ``call_id``. Its columns ``caller_number``
        and ``callee_number`` are normalised as call records are.
    enrollments
        Folder of voiceprints; without it nothing is verified.
    policy
        Name or file of a routing policy; without it nothing is routed.
    workers
        Processes; by default one for each core.
    channel_roles
        ``left=agent,right=customer``, or roles by channel index.
    model
        Of the local scorer: the name of an added or a shipped model, a folder, or a specification of a network; by
        default that of the settings.
    profile
        Limits of validation.
    scorer, scorer_fallback
        Who scores, and who does where that fails: `audio_batch.run`. None takes the settings ``audio_scorer`` and
        ``audio_fallback``.
    run_id
        Id of the row of ``runs``; by default a fresh one.
    progress
        Called after every recording.

    Returns
    -------
    RecordingsResult
        Every recording of the folder, worst first.

    Raises
    ------
    NoInputError
        If there is no such folder; an empty one is fine.
    UsageError
        If the manifest, policy, profile, model or an option is not usable; never because of a recording.
    """
    folder = _existing(directory)
    desk = open_desk(lake, config)
    opened = desk.create_lake()
    with _audio_errors_translated():
        choice = settle_scorer(desk.config, scorer=scorer, fallback=scorer_fallback, model=model)
    options = {"profile": profile, "channel_roles": _text(channel_roles)}
    # Not of the local scorer: ids of recordings that are in the lake already must not change.
    options |= {"scorer": choice.scorer} if choice.scorer != "local" else {}
    named = {
        "directory": str(folder), "manifest": _text(manifest), "enrollments": _text(enrollments),
        "policy": _text(policy), "model": _name_model(choice),
    }  # fmt: skip
    with recorded_run(opened, "audio", options | named, run_id=run_id) as run:
        with _audio_errors_translated():
            batch = _run_engine(
                folder, opened, manifest=manifest, store=enrollments, policy=policy, workers=workers,
                channel_roles=channel_roles, profile=profile, progress=progress, model=choice.model,
                scorer=choice.scorer if choice.url is None else {"kind": choice.scorer, "url": choice.url},
                scorer_fallback=choice.fallback,
            )  # fmt: skip
        facts: dict[str, Any] = {"run_id": run.run_id, "analysed_at": now(), "region": desk.config.region}
        rows = shape_recordings(batch, parameters=options, **facts)
        result = RecordingsResult(run.run_id, rows, _store(desk, folder, batch, rows, run), batch.unread)
        run.counts = {name: fact for name, fact in result.to_dict().items() if name != "recordings"}
    return result


def _run_engine(folder: Path, lake: Lake, **options: Any) -> BatchResult:
    return audio_batch.run(folder, checkpoint_dir=lake.path / CHECKPOINT_FOLDER, **options)


def _store(desk: Desk, folder: Path, batch: BatchResult, rows: pl.DataFrame, run: Run) -> int:
    pictures = draw_pictures(folder, find_new(desk.tables, rows))
    drawn = rows.with_columns(
        pl.col("recording_id").replace_strict(pictures, default=None, return_dtype=pl.String).alias("picture")
    )
    return commit_recordings(
        desk,
        drawn,
        lambda new: (shape_segments(batch, new), shape_features(batch, new)),
        batch_id=f"audio-{run.run_id}",
    )


@contextmanager
def _audio_errors_translated() -> Iterator[None]:
    """The voice engine knows nothing of exit codes."""
    try:
        yield
    except (AudioError, MissingExtraError) as error:
        kind = UsageError if isinstance(error, AudioUsageError | MissingExtraError) else SentinelError
        raise kind(error.message, hint=error.hint, **error.details) from error


def _existing(directory: str | Path) -> Path:
    folder = Path(directory)
    if not folder.is_dir():
        raise NoInputError(
            f"There is no folder of recordings {str(folder)!r}.",
            hint="Is its disk mounted? Name the folder that holds the recordings.",
            path=str(folder),
        )
    return folder


def _name_model(choice: Choice) -> str | None:
    model = choice.model
    return str(model.get("path") or model.get("card")) if isinstance(model, Mapping) else _text(model)  # type: ignore[arg-type]


def _text(value: str | Path | Mapping[int, str] | None) -> str | None:
    if isinstance(value, Mapping):
        return ",".join(f"{channel}={role}" for channel, role in sorted(value.items()))
    return None if value is None else str(value)
