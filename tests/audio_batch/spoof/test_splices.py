"""Splices: what is unlike the rest of the call is named in its place; what has its like in the call is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_batch.errors import ModelError
from audio_batch.spoof.representation import list_names
from audio_batch.spoof.splices import (
    FEWEST_SEGMENTS,
    SpliceEvidence,
    SpliceModel,
    find_splices,
    list_stretches,
    load_splice_model,
    measure_line,
    measure_novelty,
)
from audio_batch.verdict import SegmentScore

RATE = 8000


def make_model(features: int = 5, novelty: float = np.inf) -> SpliceModel:
    """A model whose space is the features themselves, and whose synthetic side is the first of them."""
    side = np.eye(features, dtype=np.float32)[0]
    ones = np.ones(features, np.float32)
    space = np.eye(features, dtype=np.float32)
    most = np.array([novelty, np.inf, np.inf])
    return SpliceModel(list_names(RATE), 0 * ones, ones, space, side, np.array([1.0, 0.5, 0.5]), most, 1.0, (3.0, 0.5))


def make_call(count: int = 60, seed: int = 0) -> tuple[list[SegmentScore], NDArray[np.float32]]:
    """Segments of 4 s every 2 s of two parties who take turns of five segments; places vary a little."""
    rng = np.random.default_rng(seed)
    party = (np.arange(count) // 5 % 2)[:, None]
    places = 0.2 * rng.standard_normal((count, 6)) + party * np.array([0, 0, 3, 3, 0, 0])
    segments = [SegmentScore(0, None, 2.0 * i, 2.0 * i + 4, 4.0, 0.3) for i in range(count)]
    return segments, places.astype(np.float32)


def test_a_change_of_the_speaker_is_no_splice_and_a_voice_of_its_own_is_named_in_place() -> None:
    segments, places = make_call()
    assert find_splices(make_model(), segments, places) == ()
    places[30:32, 1:5] += 6.0
    found = find_splices(make_model(), segments, places)
    assert [(splice.channel, splice.start, splice.end) for splice in found] == [(0, 61.0, 65.0)]
    assert found[0].strength >= 1
    assert "unlike the rest of the call" in found[0].why


def test_novelty_that_is_bounded_is_not_enough_by_itself() -> None:
    """Hold music, a bystander: as unlike the rest as can be, and not more synthetic."""
    segments, places = make_call()
    places[30:32, 1:5] += 60.0
    assert find_splices(make_model(novelty=1.5), segments, places) == ()
    alike = [replace(one, score=0.999) if index in (30, 31) else one for index, one in enumerate(segments)]
    (found,) = find_splices(make_model(novelty=1.5), alike, places)
    assert (found.start, found.end) == (61.0, 65.0)


def test_scores_above_those_of_the_call_count_too() -> None:
    segments, places = make_call()
    calm = [replace(segment, score=0.7) for segment in segments]
    assert find_splices(make_model(), calm, places) == ()
    calm[20] = replace(calm[20], score=0.9999)
    calm[21] = replace(calm[21], score=0.9999)
    (found,) = find_splices(make_model(), calm, places)
    assert (found.start, found.end) == (41.0, 45.0)
    assert found.why == "more like synthetic speech than the rest"


def test_a_short_call_has_no_rest_to_compare_with_and_plugged_in_models_give_no_statistics() -> None:
    segments, _ = make_call(FEWEST_SEGMENTS - 1)
    evidence = SpliceEvidence.of(make_model(len(list_names(RATE)) + 121))
    signals = [np.random.default_rng(i).standard_normal(4 * RATE).astype(np.float32) for i in range(len(segments))]
    evidence.add(np.zeros((len(signals), 0), np.float32), signals, RATE)
    assert evidence.places == []
    evidence.add(np.zeros((len(signals), len(list_names(RATE))), np.float32), signals, RATE)
    assert evidence.find(segments, range(len(segments))) == ()


def test_stretches_do_not_touch_and_the_best_comes_first() -> None:
    evidence = np.array([-1, 2, 3, -1, 2, -1, -1, -1, 4, -1, 0.5])
    assert list_stretches(evidence) == [(1, 4, 6.0), (8, 8, 4.0)]
    assert list_stretches(np.full(5, -1.0)) == []


def test_novelty_ignores_segments_that_overlap() -> None:
    places = np.zeros((6, 2), np.float32)
    places[2:4] = 5.0
    spans = np.array([(2.0 * i, 2.0 * i + 4) for i in range(6)])
    novelty = measure_novelty(places, spans)
    assert novelty[2] == pytest.approx(np.hypot(5, 5))
    assert novelty[0] < 1e-3 or novelty[0] == pytest.approx(np.hypot(5, 5) / 3, rel=0.5)


def test_the_line_tells_its_band_and_its_floor_and_not_the_level() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(4 * RATE)
    loud, quiet = measure_line(noise), measure_line(0.1 * noise)
    assert loud.shape == (121,)
    assert np.allclose(loud[:-1], quiet[:-1], atol=0.05)
    assert loud[-1] - quiet[-1] == pytest.approx(np.log(100), abs=0.01)
    gated = noise * (np.arange(noise.size) // RATE % 2)
    assert measure_line(gated)[24] < loud[24] - 3


def test_the_shipped_model_fits_the_statistics_of_this_version() -> None:
    model = load_splice_model()
    assert model.names == list_names(RATE)
    assert model.space.shape[0] == model.side.size == model.centre.size == len(model.names) + 121
    assert (model.weights >= 0).all()
    assert model.limit[0] > 0
    assert np.isfinite(model.most[0])


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.npz").write_bytes(b"no arrays")
    with pytest.raises(ModelError, match="is no model of splices"):
        load_splice_model(tmp_path / "model.npz")
