"""How far a batch is while a long recording is under way."""

from __future__ import annotations

import io
import json

import pytest

from audio_batch.batch import worker
from audio_batch.batch.progress import ProgressMeter
from audio_batch.batch.tasks import Task

LONG, SHORT = (Task(name, name, size, {}, None) for name, size in (("long.wav", 900), ("short.wav", 100)))


def test_a_recording_under_way_counts_in_part() -> None:
    meter = ProgressMeter(2, 1000)
    half = meter.hear(LONG, 0.5)
    assert (half.done, half.total, half.share, half.name) == (0, 2, pytest.approx(0.45), "long.wav")
    assert half.eta_seconds is not None and half.eta_seconds > 0
    assert meter.count(SHORT, failed=False, resumed=False).share == pytest.approx(0.55)
    end = meter.count(LONG, failed=True, resumed=False)
    assert (end.done, end.failed, end.share, end.eta_seconds) == (2, 1, 1.0, 0.0)


def test_what_an_earlier_run_finished_says_nothing_of_the_pace() -> None:
    meter = ProgressMeter(2, 1000)
    resumed = meter.count(LONG, failed=False, resumed=True)
    assert (resumed.share, resumed.eta_seconds, resumed.resumed) == (0.9, None, 1)


def test_a_worker_tells_its_share_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = io.BytesIO()
    tell = worker.Teller(answers)
    tell("a.wav", 0.1)
    assert answers.getvalue() == b"", "not at once"
    monkeypatch.setattr(worker, "SECONDS_BETWEEN", 0.0)
    tell("a.wav", 0.25)
    assert json.loads(answers.getvalue()) == {"share": 0.25}
