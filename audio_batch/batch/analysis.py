"""One recording through the whole chain, once: what an earlier run finished is taken from its checkpoint.

Every stage that fails becomes columns of the row; nothing is raised. What comes back is plain JSON types, so that a
result is the same whether it was computed here, in a worker, or read from a checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from audio_batch import segmentation
from audio_batch.batch.checkpoint import read_result, write_result
from audio_batch.batch.composition import compose, describe_task
from audio_batch.batch.settings import Settings
from audio_batch.batch.stages import Failure, Findings, decide, identify, run_stages
from audio_batch.batch.tasks import Task
from audio_batch.decoding import MAX_SECONDS, keep_samples, open_reader

LEAST_BYTES_PER_SECOND = 500
"""Of a recording of unknown length: AMR at 4.75 kbit/s, the leanest telephone codec, with some silence."""


def analyse(
    task: Task, settings: Settings, begin: Callable[[dict[str, Any]], None] = lambda facts: None
) -> dict[str, Any]:
    """Return ``{"recording": {…}, "segments": […], "features": […], "key": …}`` for one recording.

    Only a result without error is kept as a checkpoint: what failed may succeed on the next run. ``begin`` is called
    before the hard work with ``row``, what is known of the recording, and ``seconds``, how long it says that it is.
    """
    started = time.monotonic()
    identity = identify(task, settings)
    key, folder = identity.value.key if identity.value else None, settings.checkpoint_dir
    kept = read_result(folder, key) if folder and key else None
    if kept is not None:
        kept["recording"] |= {"resumed": True}
        return kept | {"key": key}
    known = describe_task(task, identity.value)
    if identity.value is None:
        findings = Findings(decision=decide(task, settings))
    else:
        begin({"row": known, "seconds": estimate_seconds(task)})
        with keep_samples(task.path), segmentation.keep_decisions():
            findings = run_stages(task, settings, identity.value.sha256)
    result = compose(known, findings, identity.failure)
    result["recording"] |= {"processing_seconds": time.monotonic() - started, "resumed": False}
    if folder and key and "error_code" not in result["recording"]:
        write_result(folder, key, result)
    return result | {"key": key}


def estimate_seconds(task: Task) -> float:
    """Return the length that the header declares, or the longest that the file's size allows."""
    seconds = task.size / LEAST_BYTES_PER_SECOND
    with suppress(Exception):
        reader = open_reader(task.path)
        reader.close()
        seconds = seconds if reader.frames is None else reader.frames / reader.sampling_rate
    return min(seconds, MAX_SECONDS)


def report_loss(
    task: Task, settings: Settings, code: str, message: str, known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the result of a recording whose worker did not survive it, with what is known of the recording."""
    row = {**describe_task(task), **(known or {})}
    result = compose(row, Findings(decision=decide(task, settings)), Failure("worker", code, message))
    result["recording"] |= {"processing_seconds": None, "resumed": False}
    return result
