"""The statistics of boxes: what unrelated callers show, what a planted box shows, and that order changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from box_samples import BOX, DAYS, Network
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sentinel_batch.boxes.belongings import SharedUse
from sentinel_batch.boxes.callees import CommonCallees
from sentinel_batch.boxes.candidates import Candidates
from sentinel_batch.boxes.contacts import MutualCalls
from sentinel_batch.boxes.habits import SameHours
from sentinel_batch.boxes.likelihood import FALSE_GROUPS, bound_leaf, bound_tree, hedge
from sentinel_batch.boxes.linking import Comparison, Links, find_groups
from sentinel_batch.boxes.lives import Lives
from sentinel_batch.boxes.manner import SameManner
from sentinel_batch.boxes.pairs import Pairs, look_up
from sentinel_batch.boxes.ranges import NumberRange

SIZE = 80


def every_pair(size: int) -> Pairs:
    return Pairs(*(side.astype(np.int64) for side in np.triu_indices(size, k=1)))


def groups_of(candidates: Candidates) -> list[set[str]]:
    numbers = candidates.numbers
    return [{numbers[m] for m in g.members} for g in find_groups(candidates, Comparison(candidates))]


def shuffle(candidates: Candidates, seed: int) -> Candidates:
    """Deal what candidates called and used anew: columns keep their crowds, rows their sizes, and nobody is related."""
    rng = np.random.default_rng(seed)
    size = len(candidates)

    def deal(matrix: sparse.csr_array) -> sparse.csr_array:
        return matrix[rng.permutation(size)]

    entries = candidates.callees.tocoo()
    dealt = sparse.csr_array((entries.data, (entries.row, rng.permutation(entries.col))), shape=entries.shape)
    dealt.data[:] = 1.0
    cells, models, turn = deal(candidates.cells), rng.permutation(size), rng.permutation(size)
    return replace(
        candidates,
        callees=dealt,
        cells=cells,
        handsets=candidates.handsets[models],
        models=candidates.models[models],
        mutual=candidates.mutual[rng.permutation(size)][:, rng.permutation(size)],
        digits=rng.permutation(candidates.digits),
        hours=candidates.hours[rng.permutation(size)],
        sums=candidates.sums[rng.permutation(size)],
        first=candidates.first[turn],
        last=candidates.last[turn],
    )


@pytest.fixture(scope="module")
def network() -> Candidates:
    planted = Network()
    planted.add_box(BOX)
    return planted.candidates()


def test_a_planted_box_is_found_whole_and_alone(network: Candidates) -> None:
    assert groups_of(network) == [set(BOX)]


@pytest.mark.parametrize("missing", ["imei", "cells", "both"])
def test_a_box_is_found_without_handsets_or_cells(network: Candidates, missing: str) -> None:
    empty = sparse.csr_array((len(network), 1))
    known = network
    if missing != "cells":
        known = replace(known, handsets=empty, models=empty)
    if missing != "imei":
        known = replace(known, cells=empty)
    assert groups_of(known) == [set(BOX)]


def test_callers_who_have_nothing_to_do_with_each_other_make_no_box(network: Candidates) -> None:
    # The bound allows one false group in 20 such lakes; e-values are careful, so that none is what is seen.
    assert [seed for seed in range(12) if groups_of(shuffle(network, seed))] == []


@given(callers=st.integers(0, 60), seed=st.integers(0, 2**16))
@settings(max_examples=8, deadline=None)
def test_more_unrelated_callers_do_not_take_a_box_away(callers: int, seed: int) -> None:
    network = Network(seed=seed, callers=90 + callers)
    network.add_box(BOX)
    assert set(BOX) in groups_of(network.candidates())


@given(seed=st.integers(0, 2**16))
@settings(max_examples=8, deadline=None)
def test_the_order_of_the_candidates_changes_nothing(seed: int) -> None:
    network = Network(callers=90)
    network.add_box(BOX)
    known = network.candidates()
    order = np.random.default_rng(seed).permutation(len(known))
    turned = known.merge([[place] for place in order])
    turned = replace(turned, figures=known.figures[order.tolist()])
    assert sorted(map(sorted, groups_of(turned))) == sorted(map(sorted, groups_of(known)))


def test_two_boxes_of_one_trade_stay_apart() -> None:
    """Both call the same thousands of families; each has customers and a place of its own."""
    network = Network()
    families = [f"+23491{n:08}" for n in range(4_000)]
    other = [f"+2347073{n:06}" for n in range(181_901, 181_933, 4)]
    for cell, numbers in (("KAN007", BOX), ("ABV003", other)):
        own = [families[n] for n in network.rng.permutation(4_000)[:300]]
        for n, number in enumerate(numbers):
            network.add(number, calls=15, cell=cell, imei=f"86814960{cell[-1]}{n:05}", callees=own, seconds=240)
    assert sorted(map(sorted, groups_of(network.candidates()))) == sorted([sorted(BOX), sorted(other)])


# -- e-values: 1 on average among strangers ---------------------------------------------------------------------------


def evidence_of(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return the e-values of all pairs of unrelated candidates, in nats."""
    pairs = every_pair(SIZE)
    crowds = rng.zipf(1.6, size=(SIZE, 4)) % 40
    used = sparse.csr_array(
        (rng.integers(1, 9, size=4 * SIZE).astype(float), (np.repeat(np.arange(SIZE), 4), crowds.ravel())),
        shape=(SIZE, 40),
    )
    if kind == "callees":
        called = sparse.csr_array((rng.random((SIZE, 400)) < rng.random(400) ** 3).astype(float))
        return CommonCallees(called, np.zeros(SIZE, dtype=np.int64)).weigh(pairs)
    if kind == "use":
        return hedge(SharedUse(used).compare(pairs))
    if kind == "range":
        return NumberRange(rng.integers(10**5, size=SIZE) + 234_000_000_000).weigh(pairs)
    if kind == "mutual":
        return MutualCalls(sparse.csr_array((rng.random((SIZE, SIZE)) < 0.02).astype(float))).weigh(pairs)
    if kind == "lives":
        first = rng.integers(len(DAYS), size=SIZE) * (rng.random(SIZE) < 0.3)
        return Lives(first, np.maximum(first, rng.integers(len(DAYS), size=SIZE)), len(DAYS)).weigh(pairs)
    if kind == "hours":
        return SameHours(rng.poisson(rng.gamma(1.0, 3.0, size=(SIZE, 24))).astype(float)).weigh(pairs)
    return SameManner(rng.random((SIZE, 6))).weigh(pairs)


@pytest.mark.parametrize("kind", ["callees", "use", "range", "mutual", "lives", "hours", "manner"])
def test_evidence_between_strangers_is_one_on_average_at_most(kind: str) -> None:
    means = [float(np.exp(evidence_of(kind, np.random.default_rng(seed))).mean()) for seed in range(40)]
    assert float(np.mean(means)) <= 1.05


def test_rare_callees_tell_more_than_hotlines() -> None:
    called = np.zeros((40, 60))
    called[:2, :5] = 1  # Five callees whom only these two call.
    called[2:, 5:10] = 1
    called[:, 10] = 1
    called[np.arange(40), 12 + np.arange(40)] = 1
    common = CommonCallees(sparse.csr_array(called), np.zeros(40, dtype=np.int64))
    rare, crowded = common.weigh(Pairs(np.array([0, 2]), np.array([1, 3])))
    assert rare > 3 > 1 > crowded
    assert common.expect(Pairs(np.array([0]), np.array([1])))[0] < common.expect(Pairs(np.array([2]), np.array([3])))[0]


def test_a_crowded_place_tells_less() -> None:
    cells = np.zeros((50, 2))
    cells[:30, 0] = cells[30:33, 1] = 10
    crowded, lonely = SharedUse(sparse.csr_array(cells)).compare(Pairs(np.array([0, 30]), np.array([1, 31])))
    assert lonely > 8 * crowded


def test_nothing_is_said_of_what_is_not_known() -> None:
    cells = np.zeros((10, 2))
    cells[:3, 0] = 5
    assert SharedUse(sparse.csr_array(cells)).compare(Pairs(np.array([0]), np.array([9]))).tolist() == [1.0]


def test_callees_of_a_trade_tie_nobody() -> None:
    """Two trades of 120 callers each, with callees of their own, of whom each calls a few at random."""
    rng = np.random.default_rng(3)
    size = 120
    called = np.zeros((2 * size, 1_200))
    for caller in range(2 * size):
        called[caller, (caller // size) * 600 + rng.choice(600, 40, replace=False)] = 1
    trades = np.repeat([0, 1], size)
    pairs = every_pair(size)
    known = CommonCallees(sparse.csr_array(called), trades)
    ignored = CommonCallees(sparse.csr_array(called), np.zeros(2 * size, dtype=np.int64))
    assert known.affinity == pytest.approx(np.array([[2.0, 1.0], [1.0, 2.0]]), rel=0.05)
    assert float(np.exp(known.weigh(pairs)).mean()) < 1.05 < float(np.exp(ignored.weigh(pairs)).mean())


def test_likeness_supports_a_tie_and_makes_none() -> None:
    kinds = ("common_callees", "same_site", "same_manner")
    evidence = np.array([[0.0, 5.0, 5.0], [-0.7, 3.0, 3.0], [6.0, 20.0, 20.0]])
    pairs = Pairs(np.arange(3), np.arange(3) + 3)
    # A caller and a group of whom only the manner agrees; two callers; a caller and a group that share callees, too.
    assert Links(pairs, kinds, evidence, np.array([1, 0, 1])).total == pytest.approx([-0.7, 16.0, 9.0])


# -- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("candidates", [50, 2_000, 100_000])
def test_the_bounds_of_all_trees_add_up_to_the_chance_of_a_false_group(candidates: int) -> None:
    from math import comb, exp, log

    ways = [log(comb(candidates, m)) + (m - 2) * log(m) for m in range(3, 40)]
    total = sum(exp(way - bound_tree(m, candidates)) for m, way in zip(range(3, 40), ways, strict=True))
    assert 0.8 * FALSE_GROUPS < total <= FALSE_GROUPS


def test_a_leaf_costs_what_it_adds_to_the_bound() -> None:
    grown = [bound_tree(m + 1, 5_000) - bound_tree(m, 5_000) for m in range(3, 60)]
    assert max(abs(step - bound_leaf(5_000)) for step in grown) < 1.0


def test_entries_of_sparse_matrices_are_looked_up_by_place() -> None:
    dense = np.array([[0.0, 2.0, 0.0], [3.0, 0.0, 4.0]])
    rows, columns = np.array([0, 0, 1, 1]), np.array([1, 2, 0, 2])
    assert look_up(sparse.csr_array(dense), rows, columns).tolist() == [2.0, 0.0, 3.0, 4.0]
    assert look_up(sparse.csr_array((2, 3)), rows, columns).tolist() == [0.0] * 4
