"""The judgement of a call by all of its segments, and how far segments lie from training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio_batch.errors import ModelError
from audio_batch.spoof.domain import fit_domain, load_domain
from audio_batch.spoof.kernel import fit_kernel, load_kernel
from audio_batch.spoof.pooling import MOST, Pooling, fit_pooling


def make_calls(rng: np.random.Generator, label: int, count: int) -> list[np.ndarray]:
    """Segments that waver by 2 around a call's own mean, which wavers by 0.7 around ±1."""
    return [
        rng.normal((2 * label - 1) + rng.normal() * 0.7, 2.0, size=rng.integers(1, 12)) for _ in range(count)
    ]  # fmt: skip


def test_the_plain_pooling_is_the_mean() -> None:
    assert Pooling().pool([1.0, 2.0, 6.0]) == pytest.approx(3.0)
    assert Pooling().pool([-50.0]) == pytest.approx(-6.0), "one saturated segment does not outweigh the others"


def test_more_segments_make_a_call_surer() -> None:
    rng = np.random.default_rng(0)
    calls = make_calls(rng, 0, 400) + make_calls(rng, 1, 400)
    pooling = fit_pooling(calls, np.repeat([0, 1], 400))
    assert pooling.growth > 0
    assert pooling.pool([1.0] * 8) > pooling.pool([1.0]) > 0 > pooling.pool([-1.0]) > pooling.pool([-1.0] * 8)
    assert pooling.pool([1.0] * MOST) == pytest.approx(pooling.pool([1.0] * 500)), "after that, no more"


def test_what_is_learned_tells_calls_apart_and_is_calibrated() -> None:
    rng = np.random.default_rng(1)
    calls = make_calls(rng, 0, 2000) + make_calls(rng, 1, 2000)
    labels = np.repeat([0, 1], 2000)
    pooling = fit_pooling(calls[::2], labels[::2])
    found = np.array([pooling.pool(call) for call in calls[1::2]])
    sure = found > 1.5
    assert np.mean(labels[1::2][sure]) == pytest.approx(np.mean(1 / (1 + np.exp(-found[sure]))), abs=0.05)
    assert np.mean((found > 0) == labels[1::2]) > 0.75


def test_poolings_are_stored_and_damaged_ones_refused() -> None:
    pooling = Pooling((0.5, 0.1, 0.2, 0.3), 0.2, -0.1)
    assert Pooling.from_dict(pooling.to_dict()) == pooling
    for change in ({"weights": [1.0]}, {"weights": None}, {"growth": "x"}):
        with pytest.raises(ModelError, match=r"pooling .* is damaged"):
            Pooling.from_dict(pooling.to_dict() | change)


def test_what_is_unlike_every_source_is_far_and_what_is_like_one_is_near(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    centres = rng.standard_normal((8, 40)).astype(np.float32) * 2
    groups = np.repeat([f"s{i}" for i in range(8)], 50)
    rows = (centres.repeat(50, axis=0) + rng.standard_normal((400, 40))).astype(np.float32)
    domain = fit_domain(rows, groups, directions=20)
    assert domain.places.shape == (8, 20)
    near = domain.measure(centres + rng.standard_normal((8, 40)).astype(np.float32))
    far = domain.measure((rng.standard_normal((8, 40)) * 8).astype(np.float32))
    assert near.max() < domain.limit < far.min()
    domain.save(tmp_path / "d.npz")
    assert load_domain(tmp_path / "d.npz").measure(rows) == pytest.approx(domain.measure(rows))


def test_a_damaged_domain_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No domain at"):
        load_domain(tmp_path / "none.npz")
    np.savez(tmp_path / "a.npz", places=np.ones((4, 5)), limit=0.0)
    with pytest.raises(ModelError, match="the limit 0"):
        load_domain(tmp_path / "a.npz")


def draw_ring(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One class around the other, in two of ten dimensions: no straight line tells them apart."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    angle, radius = rng.uniform(0, 2 * np.pi, count), np.where(labels == 1, 3.0, 0.5)
    values = rng.standard_normal((count, 10)) * 0.3
    values[:, 0] += radius * np.cos(angle)
    values[:, 1] += radius * np.sin(angle)
    return values.astype(np.float32), labels


def test_a_kernel_machine_tells_apart_what_no_line_does_and_is_read_as_it_was_written(tmp_path: Path) -> None:
    values, labels = draw_ring(400, 0)
    kernel = fit_kernel(values, labels, np.ones(400))
    tested, truth = draw_ring(400, 1)
    assert np.mean((kernel.score(tested) > 0) == truth) > 0.95
    kernel.save(tmp_path / "k.npz")
    assert load_kernel(tmp_path / "k.npz").score(tested) == pytest.approx(kernel.score(tested), abs=1e-5)


def test_rows_that_weigh_more_count_more() -> None:
    values, labels = draw_ring(200, 0)
    wrong = np.concatenate([labels, 1 - labels])
    doubled = np.concatenate([values, values])
    weights = np.repeat([9.0, 1.0], 200)
    assert np.mean((fit_kernel(doubled, wrong, weights).score(values) > 0) == labels) > 0.95


def test_rows_that_are_drawn_keep_their_weights() -> None:
    values, labels = draw_ring(200, 0)
    wrong, doubled = np.concatenate([labels, 1 - labels]), np.concatenate([values, values])
    kernel = fit_kernel(doubled, wrong, np.repeat([9.0, 1.0], 200), most=300)
    assert len(kernel.places) == 300 and np.mean((kernel.score(values) > 0) == labels) > 0.75, "by halves without"


def test_missing_values_count_as_the_mean_and_of_many_rows_some_are_drawn() -> None:
    values, labels = draw_ring(300, 0)
    kernel = fit_kernel(values, labels, np.ones(300), most=100)
    assert len(kernel.places) == 100
    assert kernel.score(np.full((1, 10), np.nan, np.float32)) == pytest.approx(kernel.score(kernel.centre[None]))


def test_a_damaged_kernel_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No kernel machine"):
        load_kernel(tmp_path / "none.npz")
    (tmp_path / "a.npz").write_bytes(b"PK no")
    with pytest.raises(ModelError, match="is no kernel machine"):
        load_kernel(tmp_path / "a.npz")
    arrays = {"centre": np.zeros(2), "scale": np.ones(3), "turn": np.ones((2, 2)), "places": np.ones((4, 2))}
    np.savez(tmp_path / "b.npz", **arrays, pulls=np.ones(4))
    with pytest.raises(ModelError, match="is no kernel machine"):
        load_kernel(tmp_path / "b.npz")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["centre", "turn", "places", "pulls"])
def test_a_kernel_machine_with_what_is_no_number_is_refused(tmp_path: Path, name: str, bad: float) -> None:
    values, labels = draw_ring(40, 0)
    fit_kernel(values, labels, np.ones(40)).save(tmp_path / "k.npz")
    with np.load(tmp_path / "k.npz") as stored:
        arrays = {known: stored[known].copy() for known in stored.files}
    arrays[name].flat[3] = bad
    np.savez(tmp_path / "k.npz", **arrays)
    with pytest.raises(ModelError, match=rf"'{name}' holds 1 values that are no finite numbers"):
        load_kernel(tmp_path / "k.npz")
