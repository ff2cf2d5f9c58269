"""Error measures, splits and calibration against known truth."""

from __future__ import annotations

import numpy as np
import pytest

from audio_batch.errors import AudioUsageError, ModelError
from audio_batch.spoof import metrics
from audio_batch.spoof.calibration import Calibration, Thresholds, fit_calibration
from audio_batch.spoof.splits import cross_splits, fold_speakers


def test_eer_of_separated_and_of_equal_classes():
    assert metrics.eer([0, 1, 2], [3, 4, 5]) == 0
    assert metrics.eer([3, 4, 5], [0, 1, 2]) == 1
    assert metrics.eer([1.0] * 50, [1.0] * 70) == 0.5


def test_eer_of_normal_scores_is_the_known_one():
    rng = np.random.default_rng(1)
    human, synthetic = rng.normal(-1, 1, 40000), rng.normal(1, 1, 40000)
    assert metrics.eer(human, synthetic) == pytest.approx(0.1587, abs=0.004)


def test_error_rates_count_the_threshold_as_synthetic():
    assert metrics.error_rates([0.1, 0.5], [0.5, 0.4], 0.5) == (0.5, 0.5)


def test_cllr_of_perfect_and_of_ignorant_scores():
    assert metrics.cllr([-40], [40]) == pytest.approx(0, abs=1e-9)
    assert metrics.cllr([0, 0], [0]) == pytest.approx(1)
    assert metrics.cllr([5], [-5]) > 5


def test_detection_costs():
    assert metrics.min_dcf([0, 1], [2, 3]) == 0
    assert metrics.min_dcf([0, 1], [0, 1]) == pytest.approx(1, abs=0.5)
    assert metrics.act_dcf([-9], [9]) == 0
    assert metrics.act_dcf([-9], [-9]) == pytest.approx(1)
    assert metrics.act_dcf([9], [9]) == pytest.approx(0.95 / 0.5)
    rng = np.random.default_rng(2)
    human, synthetic = rng.normal(-1, 2, 500), rng.normal(1, 2, 500)
    assert metrics.min_dcf(human, synthetic) <= metrics.act_dcf(human, synthetic)


def test_interval_holds_the_truth_and_is_wider_over_speakers_than_over_clips():
    rng = np.random.default_rng(3)
    voices = rng.normal(0, 1.5, 20)
    human = (voices[:, None] + rng.normal(0, 0.2, (20, 30))).ravel()
    synthetic = rng.normal(2.5, 1, 600)
    speakers, clips = np.repeat(np.arange(20), 30).astype(str), np.arange(600).astype(str)
    by_speaker = metrics.interval(metrics.eer, human, synthetic, speakers=speakers, families=clips, rounds=200)
    by_clip = metrics.interval(metrics.eer, human, synthetic, speakers=clips, families=clips, rounds=200)
    assert by_speaker[0] <= metrics.eer(human, synthetic) <= by_speaker[1]
    assert by_speaker[1] - by_speaker[0] > 2 * (by_clip[1] - by_clip[0])


@pytest.mark.parametrize(("cases", "most"), [(4, 0.602), (7, 0.410), (100, 0.036)])
def test_no_error_among_a_few_cases_is_no_proof_of_none(cases, most):
    assert metrics.widen(0.0, 0.0, 0.0, cases) == (0.0, pytest.approx(most, abs=5e-4))
    low, high = metrics.widen(1.0, 1.0, 1.0, cases)
    assert (low, high) == (pytest.approx(1 - most, abs=5e-4), 1.0)
    assert metrics.widen(0.5, 0.01, 0.99, cases) == (0.01, 0.99)


def test_metrics_refuse_what_they_cannot_measure():
    with pytest.raises(AudioUsageError, match="No synthetic scores"):
        metrics.eer([1.0], [])
    with pytest.raises(AudioUsageError, match="1 human scores are not finite"):
        metrics.eer([float("nan")], [1.0])
    with pytest.raises(AudioUsageError, match="1 speakers for 2 scores"):
        metrics.interval(metrics.eer, [1, 2], [1, 2], speakers=["a"], families=["x", "y"])


SPEAKERS = [f"h{i % 6}" for i in range(60)] + [f"h{i % 6}" for i in range(30)] + ["tts1"] * 10 + ["tts2"] * 10
LABELS = [0] * 60 + [1] * 50
FAMILIES = [""] * 60 + ["copy"] * 30 + ["engine1"] * 10 + ["engine2"] * 10


def test_speaker_folds_keep_speakers_whole_and_even():
    folds = fold_speakers(SPEAKERS[:60], folds=3)
    assert sorted(np.bincount(folds)) == [20, 20, 20]
    assert all(len(set(folds[np.array(SPEAKERS[:60]) == s])) == 1 for s in set(SPEAKERS[:60]))
    with pytest.raises(AudioUsageError, match="6 speakers cannot be split into 7 folds"):
        fold_speakers(SPEAKERS[:60], folds=7)


def test_held_out_families_and_their_speakers_are_unseen():
    names, families, labels = np.array(SPEAKERS), np.array(FAMILIES), np.array(LABELS)
    splits = list(cross_splits(SPEAKERS, LABELS, FAMILIES))
    tested = set()
    for split in splits:
        held_out = set(families[split.test]) - {""}
        tested |= held_out
        assert not held_out & set(families[split.train])
        assert not set(names[split.train]) & set(names[split.test][labels[split.test] == 0])
    assert tested == {"copy", "engine1", "engine2"}


def test_calibration_finds_the_line_that_made_the_labels():
    rng = np.random.default_rng(4)
    labels = np.repeat([0, 1], [30000, 10000])
    llr = rng.normal(np.where(labels, 1.0, -1.0), np.sqrt(2.0))
    fitted = fit_calibration((llr - 3) * 4, labels, shrinkage=0)
    assert fitted.slopes[0] * 4 == pytest.approx(1, abs=0.05)
    assert fitted.apply([[-12.0]])[0] == pytest.approx(0, abs=0.1)


def test_shrinkage_pulls_to_one_half():
    outputs, labels = np.array([-3.0, -2, -1, 1, 2, 3]), [0, 0, 0, 1, 1, 1]
    free, shrunk = (fit_calibration(outputs, labels, shrinkage=s) for s in (1e-4, 1.0))
    assert 0 < shrunk.slopes[0] < free.slopes[0]


def test_calibration_survives_writing_and_says_what_is_wrong():
    made = Calibration((0.5, 0.25), -0.1)
    assert Calibration.from_dict(made.to_dict()) == made
    with pytest.raises(ModelError, match="damaged"):
        Calibration.from_dict({"slopes": ["x"], "offset": 0})
    with pytest.raises(AudioUsageError, match="only one class"):
        fit_calibration([1.0, 2.0], [1, 1])


def test_labels_follow_the_stated_costs():
    thresholds = Thresholds()
    assert thresholds.synthetic == pytest.approx(0.655, abs=0.001)
    assert thresholds.real == pytest.approx(0.322, abs=0.001)
    assert [thresholds.label(s) for s in (0.1, 0.5, 0.9)] == ["likely_real", "uncertain", "likely_synthetic"]
