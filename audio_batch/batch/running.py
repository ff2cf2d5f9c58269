"""The batch from a folder to its tables."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import audio_batch
import batch_base
from audio_batch.batch.analysis import analyse
from audio_batch.batch.checkpoint import prepare_folder, remove_unused, through_json
from audio_batch.batch.discovery import Recording, find_recordings
from audio_batch.batch.pool import WorkerPool
from audio_batch.batch.progress import Progress, ProgressMeter
from audio_batch.batch.tasks import Settings, Task
from audio_batch.errors import AudioUsageError
from audio_batch.segmentation.roles import parse_channel_roles
from batch_base.hashing import hash_value

if TYPE_CHECKING:
    from audio_batch.batch.tables import BatchResult

_CODE_SUFFIXES = {".py", ".toml", ".json", ".npz", ".onnx"}


def run(
    directory: str | PathLike[str],
    *,
    manifest: str | PathLike[str] | None = None,
    store: str | PathLike[str] | None = None,
    policy: str | PathLike[str] | None = None,
    workers: int | None = None,
    checkpoint_dir: str | PathLike[str] | None = None,
    channel_roles: Mapping[int, str] | str | None = None,
    model: str | PathLike[str] | None = None,
    profile: str = "telephone",
    with_features: bool = True,
    seconds_per_minute: float = 30.0,
    progress: Callable[[Progress], None] | None = None,
) -> BatchResult:
    """Validate, score, verify and route every recording of a folder.

    Whatever a file holds, the batch goes on: what went wrong stands in the row of the file. The tables do not depend
    on the number of workers, nor on interruptions (but for `VOLATILE_COLUMNS`).

    Parameters
    ----------
    directory
        Searched with its subfolders for files with an audio suffix. Links are not followed out of it.
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
        Model file of the scorer; by default the shipped one.
    profile
        Limits of validation.
    with_features
        Whether the worst segments of each recording are measured with all feature families.
    seconds_per_minute
        Seconds of wall time that a recording may take per minute of audio, after the first two minutes that each has;
        the default is some fifty times what the chain needs. A recording that takes longer fails with ``timed_out``,
        and its worker is replaced. Not watched with ``workers=0``.
    progress
        Called in this thread after every recording.

    Returns
    -------
    BatchResult
        Frames `recordings`, `segments`, `features`, ordered by the bytes of the files' relative paths.

    Raises
    ------
    AudioUsageError
        If the folder, manifest, policy, profile, model or an option is not usable; never because of a recording.
    AudioError
        If no worker process can be started.
    """
    from audio_batch.batch.tables import build_tables

    settings = make_settings(
        store=store,
        policy=policy,
        checkpoint_dir=None if checkpoint_dir is None else prepare_folder(checkpoint_dir),
        channel_roles=channel_roles,
        model=model,
        profile=profile,
        with_features=with_features,
        seconds_per_minute=seconds_per_minute,
    )
    count = _count_workers(workers)
    recordings = find_recordings(directory)
    settings = _separate(settings, directory)
    contexts = _read_contexts(recordings, manifest, directory)
    tasks = [
        Task(recording.path, recording.name, recording.size, through_json(context), recording.problem)
        for recording, context in zip(recordings, contexts, strict=True)
    ]
    results = _analyse_all(tasks, settings, min(count, len(tasks)), progress)
    if settings.checkpoint_dir is not None:
        remove_unused(settings.checkpoint_dir, {result["key"] for result in results.values() if "key" in result})
    return build_tables([results[task.name] for task in tasks])


def make_settings(
    *,
    store: str | PathLike[str] | None,
    policy: str | PathLike[str] | None,
    checkpoint_dir: str | None,
    channel_roles: Mapping[int, str] | str | None,
    model: str | PathLike[str] | None,
    profile: str,
    with_features: bool,
    seconds_per_minute: float = 30.0,
) -> Settings:
    """Check the options of a batch, and hash what its results depend on."""
    from audio_batch.routing import load_policy
    from audio_batch.validation import load_profile

    if not 0 < seconds_per_minute < math.inf:
        raise AudioUsageError(
            f"seconds_per_minute is {seconds_per_minute}; allowed: a positive number of seconds.",
            hint="The default is 30.",
            seconds_per_minute=seconds_per_minute,
        )
    roles = parse_channel_roles(channel_roles) if isinstance(channel_roles, str) else dict(channel_roles or {})
    return Settings(
        model=_text(model),
        profile=profile,
        policy=_text(policy),
        policy_sha256=load_policy(Path(policy) if isinstance(policy, PathLike) else policy).sha256 if policy else None,
        store=_text(store),
        roles=tuple(sorted(roles.items())),
        with_features=with_features,
        checkpoint_dir=checkpoint_dir,
        fingerprint=hash_value({"code": _hash_code(), "model": _hash_model(model), "profile": load_profile(profile)}),
        seconds_per_minute=seconds_per_minute,
    )


def _separate(settings: Settings, directory: str | PathLike[str]) -> Settings:
    """Give the batch a subfolder of its own; another model file, policy or code supersedes, it does not add."""
    if settings.checkpoint_dir is None:
        return settings
    asked = asdict(replace(settings, fingerprint="", policy_sha256=None, seconds_per_minute=0))
    batch = hash_value(asked | {"directory": str(Path(directory).resolve())})
    return replace(settings, checkpoint_dir=str(Path(settings.checkpoint_dir) / batch[:16]))


def _text(path: str | PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)


def _hash_code() -> str:
    """Hash the packages, with the shipped model and profiles: results of other code are not taken over."""
    digest = hashlib.sha256()
    for package in (Path(audio_batch.__file__).parent, Path(batch_base.__file__).parent):
        for path in sorted(package.rglob("*")):
            if path.suffix in _CODE_SUFFIXES and path.is_file():
                digest.update(path.relative_to(package.parent).as_posix().encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _hash_model(model: str | PathLike[str] | None) -> str | None:
    if model is None:
        return None
    try:
        inside = sorted(path for path in Path(model).rglob("*") if path.is_file())
        files = inside if Path(model).is_dir() else [Path(model)]
        return hash_value({str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    except OSError as error:
        raise AudioUsageError(
            f"The model {os.fspath(model)!r} cannot be read: {error.strerror}.",
            hint="Name a model that `train` wrote, or none for the shipped one.",
            model=os.fspath(model),
        ) from error


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
    from audio_batch.contexts import match_contexts, read_contexts

    paths = [recording.path for recording in recordings]
    return match_contexts(paths, read_contexts(Path(manifest)), root=Path(directory))


def _analyse_all(
    tasks: Sequence[Task], settings: Settings, workers: int, progress: Callable[[Progress], None] | None
) -> dict[str, dict[str, Any]]:
    """Return the results by name. The longest files go first, so that no worker is left alone with one at the end."""
    meter = ProgressMeter(len(tasks), sum(task.size for task in tasks))
    results = {}
    for task, result in _compute(sorted(tasks, key=lambda task: (-task.size, task.name)), settings, workers):
        results[task.name] = result
        row = result["recording"]
        state = meter.count(task.name, task.size, failed=row["status"] == "failed", resumed=row["resumed"])
        if progress is not None:
            progress(state)
    return results


def _compute(tasks: Sequence[Task], settings: Settings, workers: int) -> Iterator[tuple[Task, dict[str, Any]]]:
    if workers == 0:
        yield from ((task, through_json(analyse(task, settings))) for task in tasks)
        return
    with WorkerPool(workers, settings) as pool:
        yield from pool.map_unordered(tasks)
