"""Scorers side by side: the differences, their intervals over sources, and what is said beside them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from audio_batch.errors import AudioUsageError
from audio_batch.spoof import metrics
from audio_batch.spoof.comparison import Comparison, ScorerRun, compare_runs, describe_difference
from audio_batch.spoof.figures import ScoredClip
from audio_batch.spoof.manifest import Clip
from audio_batch.verdict import Verdict


def make_verdict(odds: float, abstention: str | None = None) -> Verdict:
    score = 1 / (1 + np.exp(-odds))
    label = "uncertain" if abstention else "likely_synthetic" if score >= 0.5 else "likely_real"
    return Verdict("", "", score, label, 1.0, 1.0, "s", "m", 4.0, 4.0, "narrowband", abstention)  # type: ignore[arg-type]


def make_run(name: str, shift: float, *, sources: int = 20, per_source: int = 10, noise: float = 1.0, **facts: object):
    """Return a run over the same recordings: each source has an offset of its own, the same for every scorer."""
    shared, own = np.random.default_rng(3), np.random.default_rng(sum(map(ord, name)))
    scored = []
    for number in range(sources):
        label, offset = number % 2, shared.normal()
        for clip in range(per_source):
            odds = float((2 * label - 1) * shift + offset + noise * own.normal())
            about = Clip(f"{number}-{clip}.wav", label, f"v{number}", f"e{number}" * label, f"source{number}")
            scored.append(ScoredClip(about, make_verdict(odds), odds))
    return ScorerRun(name, scored, threshold=0.5, **facts)  # type: ignore[arg-type]


def compare(*runs: ScorerRun, **options: int) -> Comparison:
    return compare_runs(runs, rounds=200, **options)


def test_a_better_scorer_is_seen_as_better() -> None:
    found = compare(make_run("base", 0.8), make_run("better", 3.0))
    assert [one.name for one in found.scorers] == ["base", "better"]
    (difference,) = found.differences
    assert (difference.name, difference.baseline) == ("better", "base")
    base, better = (one.figures.eer for one in found.scorers)
    assert difference.eer == pytest.approx(better - base) and difference.eer < -0.1
    assert difference.low is not None and difference.high is not None
    assert difference.low < difference.eer < difference.high < 0
    assert difference.cllr is not None and difference.cllr < 0
    assert (found.recordings, found.sources, found.left_out) == (200, 20, 0)


def test_figures_are_those_of_the_metrics() -> None:
    run = make_run("one", 1.0)
    (scorer,) = compare(run).scorers
    human, synthetic = ([s.log_odds for s in run.scored if s.clip.label == label] for label in (0, 1))
    assert scorer.figures.eer == pytest.approx(metrics.eer(human, synthetic))
    assert scorer.figures.cllr == pytest.approx(metrics.cllr(human, synthetic))
    assert (scorer.figures.fpr, scorer.figures.fnr) == metrics.error_rates(human, synthetic, 0.0)


def test_intervals_are_over_sources_not_over_recordings() -> None:
    """Ten times the recordings of the same sources say hardly more; ten times the sources do."""
    few, same, many = (
        compare(make_run("base", 1.0, sources=n, per_source=k), make_run("other", 1.3, sources=n, per_source=k))
        for n, k in ((16, 6), (16, 60), (160, 6))
    )
    widths = [one.scorers[0].figures.eer_high - one.scorers[0].figures.eer_low for one in (few, same, many)]
    assert widths[1] > 0.6 * widths[0] and widths[2] < 0.6 * widths[0]


def test_pairs_make_a_difference_surer_than_two_intervals_apart() -> None:
    found = compare(make_run("base", 1.0, noise=0.3), make_run("other", 1.2, noise=0.3))
    (difference,) = found.differences
    base = found.scorers[0].figures
    assert difference.high - difference.low < base.eer_high - base.eer_low  # type: ignore[operator]


def test_a_scorer_against_itself_differs_by_nothing() -> None:
    run = make_run("base", 1.0)
    (difference,) = compare(run, replace(run, name="twin")).differences
    assert (difference.eer, difference.low, difference.high, difference.cllr) == (0, 0, 0, 0)


def test_the_same_seed_gives_the_same_intervals() -> None:
    runs = make_run("base", 1.0), make_run("other", 1.5)
    assert compare(*runs, seed=7) == compare(*runs, seed=7)
    assert compare(*runs, seed=7).differences != compare(*runs, seed=8).differences


def test_recordings_that_one_did_not_score_are_left_out_of_all_and_counted() -> None:
    whole, other = make_run("base", 1.0), make_run("part", 1.0)
    part = replace(other, scored=other.scored[3:], failed=(("0-0.wav", "no sound"),))
    found = compare(whole, part)
    assert (found.recordings, found.left_out) == (197, 3)
    assert {one.figures.humans + one.figures.synthetics for one in found.scorers} == {197}
    assert found.scorers[1].failed == (("0-0.wav", "no sound"),)
    assert any("3 recordings" in notice for notice in found.notices)


def test_withheld_labels_are_told_by_reason_and_uncalibrated_scorers_have_no_rates() -> None:
    run = make_run("raw", 1.0)
    scored = [replace(one, calibrated=False, verdict=make_verdict(0, "uncalibrated_model")) for one in run.scored]
    scored[0] = replace(scored[0], verdict=make_verdict(0, "low_snr"))
    found = compare(make_run("base", 1.0), replace(run, scored=scored))
    raw = found.scorers[1]
    assert raw.abstentions == {"low_snr": 1, "uncalibrated_model": 199} and not raw.calibrated
    assert (raw.figures.cllr, raw.figures.fpr, found.differences[0].cllr) == (None, None, None)
    assert any("Not calibrated" in notice and "raw" in notice for notice in found.notices)


def test_one_source_has_no_interval_and_few_are_said() -> None:
    run = make_run("base", 1.0)
    scored = [replace(one, clip=replace(one.clip, source="only")) for one in run.scored]
    found = compare(replace(run, scored=scored), replace(run, name="twin", scored=scored))
    (difference,) = found.differences
    assert (difference.low, difference.high) == (None, None)
    assert describe_difference(difference.eer, difference.low, difference.high, ".1f") == (
        "+0.0 (one source: no interval)"
    )
    assert any("1 source:" in notice for notice in found.notices)


def test_a_comparison_is_plain_types() -> None:
    document = compare(make_run("a", 1.0), make_run("b", 1.0)).to_dict()
    assert json.loads(json.dumps(document))["differences"][0]["baseline"] == "a"
    assert describe_difference(-1.25, -0.02, 0.005, ".1f", 100) == "-1.2 (-2.0 to +0.5)"


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(AudioUsageError, match="no scorers to compare"):
        compare_runs([])
    run = make_run("base", 1.0)
    humans = replace(run, scored=[one for one in run.scored if one.clip.label == 0])
    with pytest.raises(AudioUsageError, match="100 recordings have a score of every scorer; both classes are needed"):
        compare(run, humans)
