"""Training of the shipped scorer: tables of a corpus, batches; the network itself where torch is installed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from audio_batch.errors import AudioUsageError
from audio_batch.spoof.network import FRAMES, load_network
from research.scorer import __main__ as command
from research.scorer.network import BATCH, CROP_FRAMES, crop_picture, draw_batches, fit_network


def write_corpus(folder: Path, *tables: str) -> Path:
    for table in tables:
        (folder / f"{table}.wav").write_bytes(b"")
        label = "synthetic" if table == "synthetic" else "human"
        (folder / f"{table}.csv").write_text(f"path,label\n{table}.wav,{label}\n")
    return folder


def test_a_corpus_is_all_its_tables_and_two_of_them_are_needed(tmp_path: Path) -> None:
    clips = command.read_corpus(write_corpus(tmp_path, "human", "synthetic"))
    assert [(Path(clip.path).name, clip.label) for clip in clips] == [("human.wav", 0), ("synthetic.wav", 1)]
    assert len(command.read_corpus(write_corpus(tmp_path, "human_extra"))) == 3
    (tmp_path / "synthetic.csv").unlink()
    with pytest.raises(AudioUsageError, match=r"No manifest at .*synthetic\.csv"):
        command.read_corpus(tmp_path)


@pytest.mark.parametrize(("option", "steps"), [([], None), (["--network-steps", "7"], 7)])
def test_the_command_hands_its_options_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: list[str], steps: int | None
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(command, "train_model", lambda clips, out, **rest: asked.update(rest, clips=clips, out=out))
    corpus = write_corpus(tmp_path, "human", "synthetic")
    command.main(["--corpus", str(corpus), "--out", str(tmp_path / "m"), "--draws", "3", *option])
    trainer = asked["network_trainer"]
    assert (asked["draws"], len(asked["clips"]), asked["out"]) == (3, 2, tmp_path / "m")
    assert (trainer and (trainer.func, trainer.keywords)) == (steps and (fit_network, {"steps": steps}))


def make_rows(rows: int = 40) -> tuple[np.ndarray, SimpleNamespace]:
    """Human rows are even; row 2k + 1 is a copy of row 2k. The first value of each picture is its row."""
    pictures = np.zeros((rows, 3, 30, FRAMES), dtype=np.int8)
    pictures[:, 2, 0] = np.arange(rows)[:, None]
    pairs = np.array([f"clip{row // 2}" for row in range(rows)])
    return pictures, SimpleNamespace(labels=np.arange(rows) % 2, pairs=pairs)


def test_batches_are_half_and_half_bring_pairs_and_leave_held_out_rows_alone(monkeypatch):
    monkeypatch.setattr("research.scorer.network.crop_picture", lambda picture, rng: picture)
    pictures, rows = make_rows()
    weights = np.where(np.arange(40) < 30, 1.0, 0.0)
    drawn = list(draw_batches(pictures, rows, weights, 20, np.random.default_rng(0)))
    numbers = np.array([batch[:, 2, 0, 0] for batch, _ in drawn])
    labels = np.array([labels for _, labels in drawn])
    assert numbers.shape == (20, BATCH)
    assert np.array_equal(numbers % 2, labels)
    assert numbers.max() < 30
    paired = np.mean(numbers[:, : BATCH // 2] - 1 == numbers[:, BATCH // 2 :])
    assert 0.4 < paired < 0.7


def test_crops_change_nothing_but_what_they_mask():
    picture = np.random.default_rng(0).integers(-90, 90, size=(3, 110, FRAMES)).astype(np.int8)
    before = picture.copy()
    crops = [crop_picture(picture, np.random.default_rng(seed)) for seed in range(30)]
    assert all(crop.shape == (3, 110, CROP_FRAMES) for crop in crops)
    assert np.array_equal(picture, before)
    assert len({crop.tobytes() for crop in crops}) == 30


def test_training_learns_scores_alike_and_travels_as_a_file(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    pictures, rows = make_rows(20)
    pictures[rows.labels == 1, 0, ::2] = 60
    network = fit_network(pictures, rows, np.ones(20), steps=12, seed=1)
    scores = network.score(pictures)
    assert scores[rows.labels == 1].min() > scores[rows.labels == 0].max()
    network.save(tmp_path / "n.onnx")
    assert np.array_equal(load_network(tmp_path / "n.onnx").score(pictures), scores)
    assert network.score(pictures[3:4])[0] == scores[3]
