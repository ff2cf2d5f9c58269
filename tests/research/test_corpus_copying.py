"""Copies of human training clips: which clips are copied, by what, and what the table says of them."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from audio_batch.errors import AudioUsageError
from research.corpus import copying
from research.corpus.copying import (
    COPIED,
    KINDS,
    check_weights,
    draw_vocoders,
    make_copies,
    may_be_copied,
    take_loudest,
)
from research.corpus.demonstration_clips import COLUMNS
from research.corpus.evaluation_only import read_evaluation_only
from research.corpus.sides import draw_fold
from research.scorer.describing import read_entries

MANIFEST = Path(copying.__file__).with_name("copies.csv")
ROW = {"class": "human", "source": "maum-ai/univnet", "split": "train", "speaker": "libri-2004", "sha256": "ab" * 32}


def test_only_the_training_side_is_copied() -> None:
    kept = read_evaluation_only()
    assert may_be_copied(ROW, Path("clips.csv"))
    assert not may_be_copied({**ROW, "split": "evaluation"}, Path("clips.csv"))
    assert not may_be_copied({**ROW, "source": min(kept.sources)}, Path("clips.csv"))
    assert not may_be_copied({**ROW, "speaker": min(kept.speakers).upper()}, Path("clips.csv"))


def test_a_source_that_others_keep_is_refused() -> None:
    with pytest.raises(AudioUsageError, match="kept for evaluation"):
        may_be_copied({**ROW, "source": "deb:asterisk-core-sounds-ru-wav"}, Path("clips.csv"))


def test_each_clip_gets_one_vocoder_of_every_kind_and_all_vocoders_are_drawn() -> None:
    drawn = [draw_vocoders(f"{number:064x}") for number in range(200)]
    assert all(set(names) == set(KINDS) for names in drawn) and draw_vocoders("0" * 64) == drawn[0]
    counts = Counter(name for names in drawn for name in names.values())
    assert set(counts) == {name for names in KINDS.values() for name in names} and min(counts.values()) > 25


def test_the_loudest_stretch_is_taken() -> None:
    signal = np.full(9 * 8000, 0.1, np.float32)
    signal[5 * 8000] = 9.0
    assert take_loudest(signal, 8000).max() == 9.0 and len(take_loudest(signal, 8000)) == 32_000
    assert len(take_loudest(signal[:8000], 8000)) == 8000


def test_another_network_is_refused() -> None:
    with pytest.raises(AudioUsageError, match="hifigan_light: the network has SHA-256"):
        check_weights("hifigan_light", b"another")


def test_copies_lie_beside_their_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import soundfile

    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "a.wav", rng.standard_normal(40_000) * 0.1, 8000)
    monkeypatch.setattr(copying, "KINDS", {"signal": ("lpc",)})
    with (tmp_path / "clips.csv").open("w", newline="") as lines:
        table = csv.DictWriter(lines, COLUMNS, restval="")
        table.writeheader()
        table.writerow({**ROW, "clip": "a.wav", "licence": "MIT"})
        table.writerow({**ROW, "clip": "none.wav", "split": "evaluation"})
    make_copies(tmp_path / "clips.csv", tmp_path / "work", tmp_path, manifest=tmp_path / "copies.csv")
    entry = read_entries(tmp_path / "work" / "copies.csv")[0]
    copy, rate = soundfile.read(entry.clip)
    assert entry.synthetic and entry.original == ROW["sha256"] and entry.engine == f"{COPIED}lpc"
    assert rate == 8000 and len(copy) == 32_000 and "work" not in (tmp_path / "copies.csv").read_text("utf-8")


def test_every_copy_of_the_manifest_has_its_original_on_the_training_side() -> None:
    with MANIFEST.open(encoding="utf-8", newline="") as lines:
        copies = list(csv.DictReader(lines))
    assert len(copies) > 2000 and {row["split"] for row in copies} == {"train"}
    assert all(may_be_copied({**row, "class": "human"}, MANIFEST) for row in copies)
    assert all(row["fold"] == str(draw_fold(row["source"])) for row in copies)
    assert len({(row["pair"], row["engine"]) for row in copies}) == len(copies)
