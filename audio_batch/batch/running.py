"""The batch from a folder to its tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_batch.batch.analysis import analyse
from audio_batch.batch.checkpoint import prepare_folder, remove_unused, through_json
from audio_batch.batch.discovery import Recording, scan_folder
from audio_batch.batch.pool import WorkerPool
from audio_batch.batch.progress import Progress, ProgressMeter
from audio_batch.batch.settings import Settings, make_settings, separate
from audio_batch.batch.tables import BatchResult, build_tables
from audio_batch.batch.tasks import Task
from audio_batch.contexts import match_contexts, read_contexts
from audio_batch.errors import AudioUsageError
from audio_batch.scorers import ScorerLike
from batch_base.progress import watched

if TYPE_CHECKING:
    from audio_batch.spoof.model import ModelLike


def run(
    directory: str | PathLike[str],
    *,
    manifest: str | PathLike[str] | None = None,
    store: str | PathLike[str] | None = None,
    policy: str | PathLike[str] | None = None,
    workers: int | None = None,
    checkpoint_dir: str | PathLike[str] | None = None,
    channel_roles: Mapping[int, str] | str | None = None,
    model: ModelLike = None,
    profile: str = "telephone",
    with_features: bool = True,
    seconds_per_minute: float = 30.0,
    scorer: ScorerLike = "local",
    scorer_fallback: str = "local",
    progress: Callable[[Progress], None] | None = None,
) -> BatchResult:
    """Validate, score, verify and route every recording of a folder.

    Whatever a file holds, the batch goes on: what went wrong stands in the row of the file. The tables do not depend
    on the number of workers, nor on interruptions (but for `VOLATILE_COLUMNS`).

    Parameters
    ----------
    directory
        Searched with its subfolders for files with an audio suffix; all others are counted in the result. Links are not
        followed out of it.
    manifest
        CSV or Parquet with what is known of the calls (`read_contexts`), joined by ``file`` or ``call_id``. A column
        ``enrollment_id`` names the voiceprint to compare with.
    store
        Folder of voiceprints; without it nothing is verified.
    policy
        Name or file of a routing policy; without it nothing is routed.
    workers
        Processes; by default one for each core that this process may use. 0 works in this process, for
        debugging: a crash of a decoder then ends the batch, and the last digits depend on how many threads the
        numerical libraries use here.
    checkpoint_dir
        Where finished recordings are kept, so that a later run need not repeat them: by content, name, context, model,
        feature set, code and parameters. Recordings with an error are tried again. A batch that comes to its end
        removes what it kept of recordings that are gone, have changed, or would now be analysed otherwise.
    channel_roles
        ``left=agent,right=customer``, or roles by channel index.
    model
        Name or folder of the local scorer's model; by default the shipped one.
    profile
        Limits of validation.
    with_features
        Whether the worst segments of each recording are measured with all feature families.
    seconds_per_minute
        Seconds of wall time that a recording may take per minute of audio, after the first two minutes that each has;
        the default is some fifty times what the chain needs. A recording that takes longer fails with ``timed_out``,
        and its worker is replaced. Not watched with ``workers=0``.
    scorer
        ``local``; a network in ONNX form, as a table ``{"kind": "onnx", "path": …, "sample_rate": …, "window": …,
        "output": …}`` (``docs/voice-models.md``); or ``remote``, or ``{"kind": "remote", "url": …}``: the API whose key
        and address are in ``SONOTHEIA_API_KEY`` and ``SONOTHEIA_API_URL`` (`audio_batch.remote`). Voices are verified
        here in either case. The columns ``scorer`` and ``scorer_fallback`` say for each file who scored it, and why.
    scorer_fallback
        What happens to a file that the remote scorer does not score: ``local`` scores it here, ``none`` leaves it
        without a verdict. A key that is refused never falls back.
    progress
        Called in this thread after every recording.

    Returns
    -------
    BatchResult
        Frames `recordings`, `segments`, `features`, ordered by the bytes of the files' relative paths; and what else
        the folder holds.

    Raises
    ------
    AudioUsageError
        If the folder, manifest, policy, profile, model or an option is not usable; never because of a recording.
    AudioError
        If no worker process can be started.
    """
    settings = make_settings(
        store=store,
        policy=policy,
        checkpoint_dir=None if checkpoint_dir is None else prepare_folder(checkpoint_dir),
        channel_roles=channel_roles,
        model=model,
        profile=profile,
        with_features=with_features,
        seconds_per_minute=seconds_per_minute,
        scorer=scorer,
        scorer_fallback=scorer_fallback,
    )
    count = _count_workers(workers)
    contents = scan_folder(directory, known=[path for path in (manifest, store, checkpoint_dir) if path is not None])
    recordings = contents.recordings
    settings = separate(settings, directory)
    contexts = _read_contexts(recordings, manifest, directory)
    tasks = [
        Task(recording.path, recording.name, recording.size, through_json(context), recording.problem)
        for recording, context in zip(recordings, contexts, strict=True)
    ]
    results = _analyse_all(tasks, settings, min(count, len(tasks)), progress)
    if settings.checkpoint_dir is not None:
        remove_unused(settings.checkpoint_dir, {result["key"] for result in results.values() if "key" in result})
    return build_tables([results[task.name] for task in tasks], unread=contents.unread)


def _count_workers(workers: int | None) -> int:
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if workers < 0:
        raise AudioUsageError(
            f"workers is {workers}; allowed: 0 (in this process) or more.",
            hint="Leave it out for one worker per core.",
            workers=workers,
        )
    return workers


def _read_contexts(
    recordings: Sequence[Recording], manifest: str | PathLike[str] | None, directory: str | PathLike[str]
) -> list[dict[str, Any]]:
    if manifest is None:
        return [{} for _ in recordings]
    paths = [recording.path for recording in recordings]
    return match_contexts(paths, read_contexts(Path(manifest)), root=Path(directory))


def _analyse_all(
    tasks: Sequence[Task], settings: Settings, workers: int, progress: Callable[[Progress], None] | None
) -> dict[str, dict[str, Any]]:
    """Return the results by name. The longest files go first, so that no worker is left alone with one at the end."""
    meter = ProgressMeter(len(tasks), sum(task.size for task in tasks))
    results = {}
    say = progress or (lambda state: None)
    ordered = sorted(tasks, key=lambda task: (-task.size, task.name))
    for task, result in _compute(ordered, settings, workers, lambda task, share: say(meter.hear(task, share))):
        results[task.name] = result
        row = result["recording"]
        say(meter.count(task, failed=row["status"] == "failed", resumed=row["resumed"]))
    return results


def _pass_on(listen: Callable[[Task, float], None], task: Task, label: str, share: float) -> None:
    listen(task, share)


def _compute(
    tasks: Sequence[Task], settings: Settings, workers: int, listen: Callable[[Task, float], None]
) -> Iterator[tuple[Task, dict[str, Any]]]:
    if workers == 0:
        for task in tasks:
            with watched(partial(_pass_on, listen, task)):
                result = through_json(analyse(task, settings))
            yield task, result
        return
    with WorkerPool(workers, settings, listen) as pool:
        yield from pool.map_unordered(tasks)
