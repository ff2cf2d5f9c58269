"""Attempts at a model: what is held out is held out, and what decides is fitted on what was not seen."""

from __future__ import annotations

import csv
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from audio_batch.speaker.verification import weigh_together
from audio_batch.spoof import ear, metrics
from audio_batch.spoof.ear import read_hearing
from research.scorer.attempts import cross_fit, fit_by_trees, measure
from research.scorer.describing import choose_stretches, describe_clip, read_entries
from research.scorer.shipping import FALSE_ALARMS, fit_decision, keep_promise
from research.scorer.table import COPIES, Table, fold_sources, fuse_unseen, gather_calls, read_table, weigh, weigh_rows
from research.scorer.verifying import Trial, name_people, print_errors

SHIPPED = Path(ear.__file__).parent / "models" / "telephone-5"
COLUMNS = ("clip", "class", "source", "engine", "family", "corpus", "speaker", "sha256", "seconds", "split")


def write_clips(path: Path, rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", newline="") as lines:
        csv.writer(lines).writerows([COLUMNS, *rows])
    return path


def make_row(number: int, kind: str, source: str, *, speaker: str = "", corpus: str = "c") -> tuple[str, ...]:
    return (
        f"{number}.wav",
        kind,
        source,
        "e" * (kind == "synthetic"),
        "f",
        corpus,
        speaker,
        f"{number:064x}",
        "3",
        "train",
    )


def make_table(sources: int = 12, each: int = 20) -> Table:
    """Segments whose first statistic tells the classes apart in every source, and whose second names the source."""
    rng = np.random.default_rng(0)
    place = np.repeat(np.arange(sources), 2 * each)
    labels = np.tile(np.repeat([0, 1], each), sources).astype(np.int8)
    own = rng.standard_normal((len(labels), 6)).astype(np.float32)
    own[:, 0] += labels * 1.5
    own[:, 1] += place * 5
    names = np.array([f"s{number}" for number in place])
    return Table(
        own=own,
        ear=np.zeros((len(labels), 8), np.float16),
        states=np.zeros((len(labels), 5, 2, 4), np.float16),
        mels=np.zeros((len(labels), 1, 1), np.uint8),
        labels=labels,
        sources=names,
        voices=np.char.add(names, labels.astype(str)),
        clips=np.arange(len(labels), dtype=np.int32),
        plain=np.arange(len(labels)) % 5 > 0,
        hashes=np.arange(len(labels)).astype(str),
        originals=np.full(len(labels), ""),
    )


def add_copies(table: Table) -> Table:
    """Each human segment of the first two sources once more, as a copy of itself that sounds synthetic."""
    rows = np.flatnonzero((table.labels == 0) & np.isin(table.sources, ["s0", "s1"]))
    copies = table.take(rows)
    made = replace(copies, labels=copies.labels + 1, originals=copies.hashes, hashes=np.char.add("c", copies.hashes))
    return Table(*(np.concatenate(pair) for pair in zip(astuple(table), astuple(made), strict=True)))


def make_calls(table: Table) -> Table:
    """Calls of three segments, of the same rows."""
    calls = gather_calls(table)
    numbers = np.repeat(np.arange(len(calls), dtype=np.int32), [len(rows) for rows in calls])
    return replace(table.take(np.concatenate(calls)), clips=numbers)


def test_of_each_source_and_class_the_same_clips_are_taken_in_whatever_order_they_come(tmp_path: Path) -> None:
    rows = [make_row(n, kind, "a") for n, kind in enumerate(["human", "synthetic"] * 6)]
    first = read_entries(write_clips(tmp_path / "a.csv", rows), most=2)
    again = read_entries(write_clips(tmp_path / "b.csv", rows[::-1]), most=2)
    assert [entry.sha256 for entry in first] == [entry.sha256 for entry in again]
    assert sum(entry.synthetic for entry in first) == 2 and len(first) == 4


def test_segments_do_not_overlap_and_the_loudest_comes_first() -> None:
    signal = np.full(8000 * 9, 0.1, np.float32)
    signal[32000:64000] = 0.5
    assert choose_stretches(signal) == [32000, 0]
    assert choose_stretches(signal[:100]) == [0]


def test_a_described_clip_is_read_as_rows(tmp_path: Path) -> None:
    entry = read_entries(write_clips(tmp_path / "a.csv", [make_row(1, "human", "a", speaker="x")]))[0]
    signal = (np.random.default_rng(0).standard_normal(8000 * 9) * 0.1).astype(np.float32)
    arrays = describe_clip(signal, 8000, 7, read_hearing(SHIPPED, "narrowband").ear, {})
    arrays["base"] = np.zeros((3, 5, 2, 4), np.float16)
    np.savez(tmp_path / f"{entry.sha256}.npz", **arrays)
    table = read_table([entry, replace(entry, sha256="none")], tmp_path)
    assert list(table.plain) == [True, True, False]
    assert table.own.shape[0] == 3 and set(table.voices) == {"a: x"} and not table.labels.any()


def test_no_source_is_on_both_sides_of_a_fold_and_classes_weigh_the_same() -> None:
    table = make_table()
    folds = fold_sources(table)
    assert all(len(set(folds[table.sources == source])) == 1 for source in np.unique(table.sources))
    seen: list[set[str]] = []

    def spy(values: np.ndarray, part: Table):  # type: ignore[no-untyped-def]
        seen.append(set(part.sources))
        return lambda rows: rows[:, 0].astype(np.float64)

    cross_fit(table, table.own, spy)
    assert all(len(names) < 12 for names in seen) and len(seen) == 10
    weights = weigh(table.labels, table.sources)
    assert weights[table.labels == 0].sum() == pytest.approx(weights[table.labels == 1].sum())


def test_copies_weigh_as_their_originals_and_a_share_of_their_class() -> None:
    plain = make_table()
    table = add_copies(plain)
    before, weights = weigh(plain.labels, plain.sources), weigh_rows(table)
    assert weights.sum() == pytest.approx(before.sum())
    assert weights[table.copied].sum() == pytest.approx(COPIES * weights[table.labels == 1].sum())
    assert weights[: len(before)][plain.labels == 0] == pytest.approx(before[plain.labels == 0])
    assert weigh_rows(plain) == pytest.approx(before)


def test_copies_are_trained_on_outside_their_fold_and_never_scored() -> None:
    table = add_copies(make_table())
    seen = []

    def spy(values: np.ndarray, part: Table):  # type: ignore[no-untyped-def]
        seen.append(set(part.sources[part.copied]))
        return lambda rows: np.ones(len(rows))

    scores = cross_fit(table, table.own, spy)
    assert len(scores) == (~table.copied).sum() and scores.all()
    assert set.union(*seen) == {"s0", "s1"} and set() not in (seen[0] | seen[1], set.union(*seen))
    assert sum("s0" not in sources for sources in seen) == 1
    assert not np.concatenate(gather_calls(table)).max() >= len(scores)


def test_an_attempt_is_measured_on_segments_inside_sources_and_on_calls() -> None:
    table = make_table()
    scores = cross_fit(table, table.own, partial(fit_by_trees, rounds=20))
    plain, inside, drawn, calls, cost = measure(table, scores)
    assert plain == pytest.approx(23, abs=8) and inside == pytest.approx(plain, abs=8) and drawn < 35
    assert calls < plain - 5, "three segments tell more than one"
    assert 0.4 < cost < 0.95


def test_calls_are_of_one_voice_and_no_segment_is_in_two() -> None:
    table = make_table()
    calls = gather_calls(table, segments=3)
    rows = np.concatenate(calls)
    assert len(set(rows)) == len(rows) and table.plain[rows].all()
    assert all(len(set(table.voices[call])) == 1 for call in calls)


def test_thresholds_keep_their_promise_on_what_was_not_seen(capsys: pytest.CaptureFixture[str]) -> None:
    table = make_table(each=30)
    outputs = table.own[:, :1].astype(np.float64) * 2
    calls = make_calls(table)
    rows = np.concatenate(gather_calls(table))
    decision = fit_decision(table, outputs, calls, outputs[rows])
    odds = fuse_unseen(table, outputs)
    limit = metrics.log_odds(decision.thresholds.synthetic)
    singles = np.array([decision.pooling.pool([value]) for value in odds[table.labels == 0]])
    assert np.mean(singles >= limit) <= FALSE_ALARMS
    of_calls = fuse_unseen(table, outputs, calls, outputs[rows])
    assert of_calls == pytest.approx(odds[rows]), "a call is calibrated without its source as well"
    human = [of_calls[calls.clips == number] for number in np.unique(calls.clips[calls.labels == 0])]
    assert np.mean([decision.pooling.pool(values) >= limit for values in human]) <= FALSE_ALARMS
    assert decision.thresholds.real <= decision.thresholds.synthetic
    assert "calls: " in capsys.readouterr().out


def test_a_promise_holds_for_other_sources_and_is_wary_where_sources_differ() -> None:
    rng = np.random.default_rng(0)
    sources = np.repeat(np.arange(30), 40).astype(str)
    alike = rng.standard_normal(1200)
    limit = keep_promise(alike, sources)
    assert 0.02 < np.mean(alike >= limit) <= FALSE_ALARMS
    apart = alike + np.repeat(rng.standard_normal(30), 40)
    wary = keep_promise(apart, sources)
    assert np.mean(apart >= wary) < np.mean(alike >= limit)
    others = rng.standard_normal(4000) + np.repeat(rng.standard_normal(100), 40)
    assert np.mean(others >= wary) <= FALSE_ALARMS


def test_a_synthetic_voice_is_that_of_the_only_speaker_of_its_corpus(tmp_path: Path) -> None:
    rows = [
        make_row(0, "human", "a", speaker="lj", corpus="ljspeech"),
        make_row(1, "synthetic", "b", corpus="ljspeech"),
        make_row(2, "human", "a", speaker="p1", corpus="vctk"),
        make_row(3, "human", "a", speaker="p2", corpus="vctk"),
        make_row(4, "synthetic", "b", corpus="vctk"),
        make_row(5, "synthetic", "b", speaker="p2", corpus="vctk"),
    ]
    people = name_people(read_entries(write_clips(tmp_path / "a.csv", rows)))
    assert [people.get(f"{number:064x}") for number in range(6)] == [
        "ljspeech: lj", "ljspeech: lj", "vctk: p1", "vctk: p2", None, "vctk: p2",
    ]  # fmt: skip


def test_errors_of_verification_count_people_and_not_probes(capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = (6.0, -4.0), (6.0, 4.0)
    trials = [Trial("honest", "a", "s", *good)] * 9 + [Trial("honest", "b", "s", *bad)]
    trials += [Trial("clone", "a", "s", *bad), Trial("impostor", "a", "s", -6.0, -4.0)]
    print_errors(trials, 1.0)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| 0.00"))
    assert line == "| 0.00 | 50.0 | 0.0 | 0.0 |"
    assert weigh_together(*good) > 0 > weigh_together(*bad)
