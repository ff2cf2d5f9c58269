"""A batch whose recordings are scored elsewhere: who scored what, and what happens where that fails."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import KEY, ApiServer, serve_api

import audio_batch
from audio_batch import AudioError

SAMPLES = Path(audio_batch.__file__).parent / "samples"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    with serve_api() as server:
        monkeypatch.setenv("SONOTHEIA_API_KEY", KEY)
        monkeypatch.setenv("SONOTHEIA_API_URL", server.url)
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "in"
    place.mkdir()
    shutil.copy(SAMPLES / "call-human.wav", place / "a.wav")
    shutil.copy(SAMPLES / "call-synthetic.wav", place / "b.wav")
    return place


def _run(folder: Path, **options: object) -> list[dict]:
    options = {"workers": 0, "with_features": False, "policy": "voice_only", "scorer": "remote", **options}
    return audio_batch.run(folder, **options).recordings.to_dicts()


def test_the_remote_scorer_scores(api: ApiServer, folder: Path) -> None:
    rows = _run(folder, workers=1)
    assert [(row["scorer"], row["scorer_fallback"], row["score"]) for row in rows] == [("remote", None, 0.12)] * 2
    assert [row["action"] for row in rows] == ["ALLOW", "ALLOW"] and rows[0]["scored_seconds"] > 5
    assert [row["scorer"] for row in _run(folder, scorer="local")] == ["local", "local"]
    assert len(api.seen) == 2


def test_each_file_falls_back_by_itself(api: ApiServer, folder: Path) -> None:
    api.script = [422]
    rows = _run(folder)
    fallen = [row for row in rows if row["scorer"] == "local"]
    assert len(fallen) == 1 and fallen[0]["scorer_fallback"].startswith("remote_refused: 422")
    assert fallen[0]["score"] != 0.12 and fallen[0]["status"] in ("scored", "abstained")


def test_without_a_fallback_the_row_says_why(api: ApiServer, folder: Path) -> None:
    api.script = [422]
    rows = _run(folder, scorer_fallback="none")
    failed = [row for row in rows if row["status"] == "failed"]
    assert len(failed) == 1 and failed[0]["error_code"] == "remote_refused" and failed[0]["error_stage"] == "score"
    assert failed[0]["action"] == "ESCALATE_TO_HUMAN" and failed[0]["scorer"] is None


def test_a_refused_key_is_never_covered_up(api: ApiServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONOTHEIA_API_KEY", "wrong")
    rows = _run(folder)
    assert [row["error_code"] for row in rows] == ["remote_key_refused"] * 2


@pytest.mark.parametrize("options", [{"scorer": "cloud"}, {"scorer_fallback": "maybe"}])
def test_choices_are_checked(api: ApiServer, folder: Path, options: dict) -> None:
    with pytest.raises(AudioError, match="allowed: "):
        _run(folder, **options)


def test_without_a_key_the_batch_does_not_begin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SONOTHEIA_API_KEY", raising=False)
    with pytest.raises(AudioError, match="API key is required"):
        _run(folder)


def test_a_checkpoint_belongs_to_the_scorer(api: ApiServer, folder: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert [row["scorer"] for row in _run(folder, checkpoint_dir=tmp_path / "kept")] == ["remote"] * 2
    assert len(api.seen) == 2
    assert [row["scorer"] for row in _run(folder, checkpoint_dir=tmp_path / "kept", scorer="local")] == ["local"] * 2
