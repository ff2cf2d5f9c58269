"""Demonstration pages: what is read from a clone, which side a source is on, and that nothing is on both."""

from __future__ import annotations

import csv
import hashlib
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio_batch.errors import AudioUsageError
from research.corpus import demonstration_clips, demonstrations, evaluation_only, kept_sources, sources_page
from research.corpus.catalogue import Catalogue, Clip, Origin
from research.corpus.demonstration_clips import SourceClips, collect_demonstrations
from research.corpus.demonstrations import Demonstration, Rule, read_demonstrations
from research.corpus.duplicates import Fingerprint, find_originals, fingerprint, keep_apart
from research.corpus.evaluation_only import name_evaluation_only, read_evaluation_only, write_evaluation_only
from research.corpus.human import load_sources
from research.corpus.kept_sources import read_kept_hashes, refuse_kept
from research.corpus.origins import BareRepository
from research.corpus.sides import FOLDS, draw_fold, draw_side

from .test_corpus_human import speak

MANIFEST = demonstrations.LIST.with_suffix(".csv")
ALLOWED = {"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-4.0", "CC0-1.0"}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with MANIFEST.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def commit(mirror: Path, repository: str, files: dict[str, Any], *, branch: str = "main") -> None:
    """Make a clone with sound files: path to (signal, rate)."""
    folder = mirror / repository.replace("/", "+") / "repo"
    folder.mkdir(parents=True, exist_ok=True)
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    if not (folder / ".git").exists():
        subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "empty"], check=True)
    if branch != "main":
        subprocess.run([*git, "checkout", "-q", "--orphan", branch], check=True)
    for path, (signal, rate) in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / path, signal, rate)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "sound"], check=True)
    subprocess.run([*git, "checkout", "-q", "main"], check=True)


def collect_source(entry: Demonstration, mirror: Path, work: Path) -> SourceClips:
    source = SourceClips(entry, work)
    source.collect(BareRepository(entry.repository, mirror, branch=entry.branch))
    return source


def page(**changes: Any) -> Demonstration:
    rules = (
        Rule("human", r"gt/(?P<who>p\d)_.*\.wav", corpus="vctk", speaker="vctk-{who}"),
        Rule("synthetic", r"(?P<engine>good|bad)/.*\.wav", engine="{engine}-engine", family="HiFiGAN"),
    )
    return Demonstration(**{"repository": "a/page", "licence": "MIT", "rules": rules, "kind": "tts", **changes})


def test_a_page_is_read_from_its_branch_with_class_engine_and_speaker(tmp_path: Path) -> None:
    files = {
        "gt/p1_001.wav": (speak(3.0), 8000),
        "good/1.wav": (speak(3.0, seed=1, rate=22_050), 22_050),
        "x/other.wav": (speak(2), 8000),
    }
    commit(tmp_path, "a/page", files, branch="gh-pages")
    tally = collect_source(page(branch="gh-pages"), tmp_path, tmp_path / "work")
    human, made = sorted(tally.kept, key=lambda row: row["class"])
    assert (human["speaker"], human["corpus"], human["sampling_rate"], human["kind"]) == ("vctk-p1", "vctk", 8000, "")
    assert (made["engine"], made["family"], made["sampling_rate"], made["kind"]) == (
        "good-engine",
        "hifigan",
        16_000,
        "tts",
    )
    for row in tally.kept:
        pcm, rate = soundfile.read(tmp_path / "work" / row["clip"], dtype="int16")
        assert rate == row["sampling_rate"] and hashlib.sha256(pcm.astype("<i2").tobytes()).hexdigest() == row["sha256"]


def test_a_branch_that_the_clone_lacks_is_named(tmp_path: Path) -> None:
    commit(tmp_path, "a/page", {"gt/p1_001.wav": (speak(2.0), 8000)})
    with pytest.raises(AudioUsageError, match="a/page: the clone has no branch 'gh-pages'"):
        collect_source(page(branch="gh-pages"), tmp_path, tmp_path / "work")


def test_short_broken_and_repeated_files_are_counted_and_long_ones_cut(tmp_path: Path) -> None:
    files = {
        "good/short.wav": (speak(0.9), 8000),
        "good/a.wav": (speak(3.0), 8000),
        "good/again.wav": (speak(3.0), 8000),
        "good/long.wav": (speak(70.0, seed=3), 8000),
        "good/silent.wav": (np.zeros(24_000), 8000),
    }
    commit(tmp_path, "a/page", files)
    broken = tmp_path / "a+page" / "repo" / "good" / "broken.wav"
    broken.write_bytes(b"RIFF and no more")
    commit(tmp_path, "a/page", {})
    tally = collect_source(page(), tmp_path, tmp_path / "work")
    assert tally.dropped == {"shorter than 1 s": 1, "same sound again": 1, "too little sound": 1, "unreadable": 1}
    paths = {row["path"].replace("again", "a") for row in tally.kept}
    assert paths == {"good/a.wav", "good/long.wav", *(f"good/long.wav#{second}" for second in (18, 37, 55))}
    assert max(float(row["seconds"]) for row in tally.kept) == 15.0


def test_engines_share_a_capped_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demonstration_clips, "MAX_CLIPS", 4)
    files = {
        f"{engine}/{n}.wav": (speak(1.5, seed=n + 10 * len(engine)), 8000)
        for n in range(5)
        for engine in ("good", "bad")
    }
    commit(tmp_path, "a/page", files)
    kept = collect_source(page(), tmp_path, tmp_path / "work").kept
    assert sorted(row["engine"] for row in kept) == ["bad-engine"] * 2 + ["good-engine"] * 2


def test_a_copy_is_paired_with_its_original(tmp_path: Path) -> None:
    voice = speak(4.0, rate=16_000)
    copy = voice + 0.002 * np.random.default_rng(0).standard_normal(voice.size).astype(np.float32)
    commit(
        tmp_path,
        "a/page",
        {
            "gt/p1_1.wav": (voice, 16_000),
            "good/1.wav": (0.4 * copy, 16_000),
            "bad/1.wav": (speak(4.0, seed=8, rate=16_000)[::-1], 16_000),
        },
    )
    kept = {row["engine"]: row for row in collect_source(page(), tmp_path, tmp_path / "work").kept}
    assert kept["good-engine"]["pair"] == kept[""]["sha256"]
    assert kept["bad-engine"]["pair"] == kept[""]["pair"] == ""


def clip(split: str, label: str, sound: np.ndarray, *, speaker: str = "", rate: int = 16_000) -> dict[str, Any]:
    pcm = np.round(sound * 20_000).astype("<i2")
    digest = hashlib.sha256(pcm.tobytes()).hexdigest()
    mark = fingerprint(pcm, rate).to_text()
    return {"split": split, "class": label, "speaker": speaker, "sha256": digest, "print": mark, "source": split}


def test_the_evaluation_side_wins() -> None:
    voice, other, third = (speak(4.0 + n / 2, seed=n, rate=16_000)[: 60_000 + 8000 * n] for n in range(3))
    quiet = 0.2 * voice + 0.0002 * np.random.default_rng(1).standard_normal(voice.size)
    given = [
        clip("train", "human", quiet, speaker="somebody"),
        clip("train", "human", other[::-1], speaker="vctk-p1"),
        clip("train", "synthetic", third[::-1], speaker="vctk-p1"),
        clip("evaluation", "human", voice, speaker="vctk-p1"),
        clip("evaluation", "human", voice, speaker="vctk-p1"),
    ]
    kept, reasons = keep_apart(given)
    assert [(row["split"], row["class"]) for row in kept] == [("train", "synthetic"), ("evaluation", "human")]
    assert reasons == {
        "utterance is on the evaluation side": 1,
        "speaker is on the evaluation side": 1,
        "same samples": 1,
    }


def test_the_reader_on_every_page_may_be_on_both_sides() -> None:
    given = [
        clip("train", "human", speak(3.0, rate=16_000), speaker="ljspeech"),
        clip("evaluation", "human", speak(5.0, seed=4, rate=16_000)[::-1], speaker="ljspeech"),
    ]
    assert len(keep_apart(given)[0]) == 2 and name_evaluation_only(given).speakers == frozenset()


def test_a_fingerprint_survives_its_text() -> None:
    mark = fingerprint(np.round(speak(3.0) * 20_000).astype("<i2"), 8000)
    again = Fingerprint.from_text(mark.to_text())
    assert float(mark.shape @ again.shape) > 0.999 and mark.is_as_long_as(again)
    assert find_originals([{"class": "human", "sha256": "a", "print": mark.to_text()}]) == [""]


def test_sides_and_folds_follow_from_the_name_alone() -> None:
    names = [f"owner/page{number}" for number in range(2000)]
    assert 0.42 < sum(draw_side(name) == "evaluation" for name in names) / len(names) < 0.48
    assert {draw_side(name, trained_before=True) for name in names} == {"train"}
    assert {draw_fold(name) for name in names} == set(range(FOLDS))
    assert [draw_side("Owner/Page7"), draw_fold("Owner/Page7")] == [draw_side("owner/page7"), draw_fold("owner/page7")]


def test_kept_sources_are_refused_by_repository_and_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    digests = {hashlib.sha256(name.encode()).hexdigest() for name in ("github:some/page", "deb:voices")}
    monkeypatch.setattr(kept_sources, "read_kept_hashes", lambda: digests)
    table = tmp_path / "demonstrations.toml"
    table.write_text('[[demonstration]]\nrepository = "Some/Page"\nlicence = "MIT"\nclips = []\n', encoding="utf-8")
    with pytest.raises(AudioUsageError, match=r"demonstrations.toml: Some/Page is kept for evaluation"):
        read_demonstrations(table)
    table.write_text(
        '[[source]]\nname="v"\nfiles=""\nspeaker=""\nlicence=""\nlanguage=""\npackage="voices"\n', encoding="utf-8"
    )
    with pytest.raises(AudioUsageError, match="voices is kept for evaluation"):
        load_sources(table)
    refuse_kept(table, repository="some/other", package="")


def test_the_list_of_kept_sources_is_whole() -> None:
    assert len(read_kept_hashes()) >= 36 and all(re.fullmatch("[0-9a-f]{64}", line) for line in read_kept_hashes())
    shared = Path(__file__).parents[3] / "shared" / "voice-evaluation-only.sha256"
    if shared.exists():  # where the steering folder lies beside the repository, the copy must hold all of it
        assert {
            line for line in shared.read_text("ascii").split("\n") if line[:1] not in ("", "#")
        } <= read_kept_hashes()


@pytest.mark.parametrize("table", ["human.csv", "synthetic.csv"])
def test_no_clip_of_a_kept_source_is_in_a_table_of_training(table: str) -> None:
    with MANIFEST.with_name(table).open(encoding="utf-8", newline="") as file:
        packages = {row["package"] for row in csv.DictReader(file)}
    kept = [name for name in packages if kept_sources.is_kept(package=name) or kept_sources.is_kept(repository=name)]
    assert len(packages) > 10 and kept == []


def test_entries_are_well_formed() -> None:
    entries = read_demonstrations()
    assert len(entries) == len({entry.repository.lower() for entry in entries})
    for entry in entries:
        labels = {rule.label for rule in entry.rules}
        assert entry.licence in ALLOWED and labels <= {"human", "synthetic"} and labels
        assert bool(entry.kind) == ("synthetic" in labels)
        for rule in entry.rules:
            groups = dict.fromkeys(re.compile(rule.paths).groupindex, "x")
            described = [getattr(rule, key).format(**groups) for key in ("engine", "family", "corpus", "speaker")]
            assert all(described[:2]) if rule.label == "synthetic" else described[2]


def test_the_manifest_keeps_both_sides_apart(rows: list[dict[str, str]]) -> None:
    by_source = {entry.repository: entry for entry in read_demonstrations()}
    assert {row["split"] for row in rows} == {"train", "evaluation"}
    for row in rows:
        entry = by_source[row["source"]]
        assert row["split"] == entry.side and row["licence"] == entry.licence
        assert row["fold"] == (str(draw_fold(entry.repository)) if entry.side == "train" else "")
    train = [row for row in rows if row["split"] == "train"]
    evaluation = [row for row in rows if row["split"] == "evaluation"]
    assert not {row["sha256"] for row in train} & {row["sha256"] for row in evaluation}
    assert not {row["source"] for row in train} & {row["source"] for row in evaluation}
    people = {row["speaker"] for row in train if row["class"] == "human"}
    assert not people & {row["speaker"] for row in evaluation if row["class"] == "human"} - {"ljspeech"}


def test_the_manifest_is_as_varied_as_promised(rows: list[dict[str, str]]) -> None:
    def count(label: str, split: str = "") -> int:
        return len({row["source"] for row in rows if row["class"] == label and split in row["split"]})

    assert count("synthetic") >= 145 and count("human") >= 130
    assert count("synthetic", "evaluation") >= 50 and count("human", "evaluation") >= 45
    assert {row["fold"] for row in rows if row["split"] == "train"} == {str(fold) for fold in range(FOLDS)}
    assert {row["kind"] for row in rows} == {"", "tts", "cloning", "conversion", "dialogue", "vocoder", "codec"}
    assert max(float(row["seconds"]) for row in rows) <= 15.0 and min(float(row["seconds"]) for row in rows) >= 1.0


def test_what_is_kept_for_evaluation_is_written_down(rows: list[dict[str, str]], tmp_path: Path) -> None:
    assert name_evaluation_only(rows) == read_evaluation_only()
    write_evaluation_only(read_evaluation_only(), tmp_path / "copy.toml")
    assert (tmp_path / "copy.toml").read_text("utf-8") == evaluation_only.LIST.read_text("utf-8")


def test_no_other_part_of_the_corpus_has_people_or_sources_kept_for_evaluation() -> None:
    kept = read_evaluation_only()
    with MANIFEST.with_name("human.csv").open(encoding="utf-8", newline="") as file:
        others = [
            row
            for row in csv.DictReader(file)
            if row["package"] in kept.sources or row["speaker"].lower() in kept.speakers
        ]
    assert len(kept.sources) >= 25 and others == []


def test_a_source_made_again_replaces_its_clips_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = [page(trained_before=True), page(repository="b/page", trained_before=True)]
    monkeypatch.setattr(demonstration_clips, "read_demonstrations", lambda: two)
    commit(tmp_path, "a/page", {"good/1.wav": (speak(2.0), 8000)})
    commit(tmp_path, "b/page", {"good/2.wav": (speak(3.0, seed=5), 8000)})
    work, manifest = tmp_path / "work", tmp_path / "demonstrations.csv"
    collect_demonstrations(work, mirror=tmp_path)
    commit(tmp_path, "b/page", {"good/3.wav": (speak(4.0, seed=6)[::-1], 8000)})
    collect_demonstrations(work, mirror=tmp_path, only=["b/page"], manifest=manifest)
    written = list(csv.DictReader(manifest.open(encoding="utf-8")))
    assert [(row["source"], row["path"]) for row in written] == [
        ("a/page", "good/1.wav"),
        ("b/page", "good/2.wav"),
        ("b/page", "good/3.wav"),
    ]
    assert "clip" not in written[0] and str(tmp_path) not in manifest.read_text("utf-8")
    assert read_evaluation_only(tmp_path / "evaluation_only.toml").sources == frozenset()


def test_the_page_lists_every_source_of_the_manifest(rows: list[dict[str, str]]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "voice-data.md").read_text("utf-8")
    assert page.endswith(f"{sources_page.MARK}\n\n{sources_page.list_sources(rows)}\n")
    told = [
        f"{len([row for row in rows if row['split'] == side and row['class'] == label]):,}"
        for side in ("train", "evaluation")
        for label in ("synthetic", "human")
    ]
    assert [count for count in told if f"| {count}, " not in page] == []


def test_a_package_kept_for_evaluation_cannot_enter_by_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = {hashlib.sha256(name.encode()).hexdigest() for name in ("deb:voices", "github:some/engine")}
    monkeypatch.setattr(kept_sources, "read_kept_hashes", lambda: digests)
    for package in ("voices", "Some/Engine"):
        origin = Origin("engine", package, "1", "MIT", "attack", "family")
        with pytest.raises(AudioUsageError, match=f"{package} is kept for evaluation"):
            Catalogue(tmp_path).add([Clip("one", speak(2.0), 8000, "voice", "en", origin)])
