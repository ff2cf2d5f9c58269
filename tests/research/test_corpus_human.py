"""The human half of the corpus: cutting, voicing, joining, reading, listing, and the committed manifest."""

from __future__ import annotations

import csv
import io
import re
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from audio_batch.errors import AudioUsageError
from research.corpus.cutting import cut_clips, find_islands, join_utterances, measure_voicing, trim_edges
from research.corpus.human import MANIFEST, Source, collect_source, load_sources
from research.corpus.manifest import PUBLIC_COLUMNS, Clip, read_clips, replace_source, write_manifest
from research.corpus.origins import BareRepository
from research.corpus.reading import read_drascula, unpack_queen

Signal = NDArray[np.float32]
RATE = 8000


def speak(seconds: float, *, seed: int = 0, rate: int = RATE) -> Signal:
    """Syllables of a pulse-train voice whose pitch moves, parted by short hisses."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    phase = np.cumsum(130 * 2 ** (0.4 * np.sin(2 * np.pi * 0.7 * time))) / rate
    tone = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 20))
    voiced = np.clip(np.sin(2 * np.pi * 2.0 * time) + 0.5, 0.0, None) ** 2
    hiss = 0.01 + 0.03 * np.clip(-np.sin(2 * np.pi * 2.0 * time) - 0.3, 0.0, None)
    return (0.1 * voiced * tone + hiss * rng.standard_normal(time.size)).astype(np.float32)


def pause(seconds: float) -> Signal:
    return (1e-4 * np.random.default_rng(9).standard_normal(round(seconds * RATE))).astype(np.float32)


def test_speech_passes_the_voicing_check() -> None:
    voicing = measure_voicing(speak(4.0), RATE)
    assert voicing.fault == ""
    assert 0.4 < voicing.voiced_ratio < 0.95


@pytest.mark.parametrize(
    ("sound", "fault"),
    [
        (np.zeros(4 * RATE, np.float32), "too little sound"),
        (speak(0.5), "too little sound"),
        (0.1 * np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32), "not voiced as speech is"),
        (
            np.repeat([1.0, 0.1] * 8, RATE // 4).astype(np.float32)
            * np.sin(2 * np.pi * 300 * np.arange(4 * RATE) / RATE).astype(np.float32),
            "not voiced as speech is",
        ),
    ],
)
def test_other_sound_does_not(sound: Signal, fault: str) -> None:
    assert measure_voicing(sound, RATE).fault == fault


def test_a_steady_chord_does_not_pass() -> None:
    time = np.arange(4 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * f * time) for f in (220.0, 277.2, 329.6)).astype(np.float32)
    assert measure_voicing(0.1 * chord, RATE).fault != ""


def test_islands_are_the_stretches_between_pauses() -> None:
    islands = find_islands(np.concatenate([pause(1.0), speak(2.0), pause(1.0), speak(1.0)]), RATE, pause_seconds=0.5)
    assert len(islands) == 2
    assert islands[0][0] == pytest.approx(1.0, abs=0.1)
    assert islands[1][0] == pytest.approx(4.0, abs=0.1)


def test_clips_are_cut_at_pauses_and_keep_the_time() -> None:
    recording = np.concatenate([speak(6.0), pause(0.6), speak(6.0), pause(0.6), speak(3.0), pause(2.0), speak(1.0)])
    clips = list(cut_clips(recording, RATE))
    assert [round(start) for start, _ in clips] == [0, 6]
    for start, clip in clips:
        assert 2.0 <= clip.size / RATE <= 10.0
        first = round(start * RATE)
        np.testing.assert_array_equal(clip, recording[first : first + clip.size])


def test_speech_without_pause_is_cut_too() -> None:
    clips = [clip.size / RATE for _, clip in cut_clips(speak(25.0), RATE)]
    assert len(clips) >= 3
    assert max(clips) <= 10.0


def test_nothing_comes_from_a_recording_shorter_than_a_frame() -> None:
    assert list(cut_clips(np.ones(10, np.float32), RATE)) == []


def test_joined_words_have_gaps_without_digital_silence() -> None:
    words = [speak(0.5, seed=seed) for seed in range(20)]
    joined = list(join_utterances(words, RATE, rng=np.random.default_rng(0)))
    assert next(index for index, _ in joined) == 0
    for _, clip in joined[:-1]:
        assert 3.5 <= clip.size / RATE <= 5.0
        zeros = np.flatnonzero(np.diff(np.flatnonzero(clip != 0.0)) > 20)
        assert zeros.size == 0
    again = list(join_utterances(words, RATE, rng=np.random.default_rng(0)))
    np.testing.assert_array_equal(joined[0][1], again[0][1])


def test_trimming_leaves_a_margin() -> None:
    trimmed = trim_edges(np.concatenate([pause(1.0), speak(1.0), pause(1.0)]), RATE)
    assert 0.8 <= trimmed.size / RATE <= 1.25


def test_game_layouts_are_read() -> None:
    signal, rate = read_drascula(bytes(32) + bytes([128, 255, 0]) + bytes(64))
    assert rate == 11025
    np.testing.assert_allclose(signal, [0.0, 127 / 128, -1.0])
    entries = [(b"ONE.SB", b"abc"), (b"TWO.CR", b"xyz")]
    table = b"QTBLCEM10\0\0\0\1" + struct.pack(">H", 2)
    offset = len(table) + 42
    for name, data in entries:
        table += struct.pack(">12sBII", name, 1, offset, len(data))
        offset += len(data)
    assert list(unpack_queen(table + b"abcxyz")) == [("ONE.SB", b"abc")]


class Shelf:
    """An origin in memory."""

    version = "1"

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def names(self) -> list[str]:
        return sorted(self.files)

    def read(self, name: str) -> bytes:
        return self.files[name]


def encode(signal: Signal, rate: int = RATE) -> bytes:
    memory = io.BytesIO()
    soundfile.write(memory, signal, rate, format="WAV", subtype="PCM_16")
    return memory.getvalue()


def test_a_source_is_collected_with_caps_reasons_and_hashes(tmp_path: Path) -> None:
    files = {f"a/{name}.wav": encode(speak(4.0, seed=seed)) for seed, name in enumerate("pqrs")}
    files["a/p2.wav"] = files["a/p.wav"]
    files["b/noise.wav"] = encode(0.1 * np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32))
    files["b/broken.wav"] = b"RIFF"
    files["a/skipme.wav"] = files["a/q.wav"]
    source = Source("s", r"(?P<speaker>\w)/.*\.wav", "v-{speaker}", "CC0-1.0", "en", package="p", cap=3, skip="skipme")
    tally = collect_source(source, Shelf(files), tmp_path)
    assert len(tally.kept) == 3
    assert {clip.speaker for clip in tally.kept} == {"v-a"}
    assert tally.dropped["not voiced as speech is"] == 1
    assert tally.dropped["unreadable (LibsndfileError)"] == 1
    assert tally.dropped["skipped by name"] == 1
    signal, rate = soundfile.read(tally.kept[0].path, dtype="int16")
    assert rate == tally.kept[0].sampling_rate == RATE
    assert signal.size / RATE == pytest.approx(tally.kept[0].duration_seconds, abs=0.001)
    again = collect_source(source, Shelf(files), tmp_path / "again")
    assert [clip.sha256 for clip in again.kept] == [clip.sha256 for clip in tally.kept]


def test_high_rates_come_down_to_24_khz(tmp_path: Path) -> None:
    source = Source("s", r".*", "v", "CC0-1.0", "en", package="p")
    tally = collect_source(source, Shelf({"x.wav": encode(speak(3.0, rate=48000), 48000)}), tmp_path)
    assert [clip.sampling_rate for clip in tally.kept] == [24000]


def test_a_bare_repository_is_read(tmp_path: Path) -> None:
    work, bare = tmp_path / "w", tmp_path / "o+n" / "repo"
    work.mkdir()
    (work / "é x.wav").write_bytes(b"12")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "m"],
        ["clone", "-q", "--bare", ".", str(bare)],
    ):
        subprocess.run(["git", *command], cwd=work, check=True)
    repository = BareRepository("o/n", tmp_path)
    assert repository.names() == ["é x.wav"]
    assert repository.read("é x.wav") == b"12"
    assert re.fullmatch(r"[0-9a-f]{40}", repository.version)
    with pytest.raises(AudioUsageError, match="o/missing: no snapshot in"):
        BareRepository("o/missing", tmp_path)


def make_clip(source: str, name: str) -> Clip:
    return Clip(
        f"{source}/{name}", f"/x/{name}.flac", "human", source, "p", "1", "0" * 64, "v", "", "", "MIT", 8000, 2.5, "en"
    )


def test_a_source_is_replaced_and_the_manifest_has_no_path(tmp_path: Path) -> None:
    listing = tmp_path / "human.csv"
    replace_source(listing, "a", [make_clip("a", "1"), make_clip("a", "2")])
    replace_source(listing, "b", [make_clip("b", "1")])
    replace_source(listing, "a", [make_clip("a", "3")])
    assert [clip.clip_id for clip in read_clips(listing)] == ["b/1", "a/3"]
    write_manifest(tmp_path / "m.csv", read_clips(listing))
    text = (tmp_path / "m.csv").read_text()
    assert "/x/" not in text
    assert text.splitlines()[0] == ",".join(PUBLIC_COLUMNS)
    (tmp_path / "bad.csv").write_text("a,b\n")
    with pytest.raises(AudioUsageError, match="not those of a corpus list"):
        read_clips(tmp_path / "bad.csv")


def test_sources_are_well_formed_and_name_voices_once(tmp_path: Path) -> None:
    sources = load_sources()
    assert len({source.name for source in sources}) == len(sources)
    assert {s.speaker for s in sources if s.name in {"asterisk-en", "asterisk-es"}} == {"asterisk-allison"}
    assert all("-NC" not in source.licence for source in sources)
    bad = tmp_path / "s.toml"
    bad.write_text('[[source]]\nname="x"\nfiles="."\nspeaker="v"\nlicence="MIT"\nlanguage="en"\nlayout="tape"\n')
    with pytest.raises(AudioUsageError, match="layout 'tape'"):
        load_sources(bad)


def test_the_committed_manifest_names_speakers_licences_and_no_machine() -> None:
    with MANIFEST.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == PUBLIC_COLUMNS
    assert len(rows) >= 3000
    assert len({row["clip_id"] for row in rows}) == len(rows)
    assert len({row["speaker"] for row in rows}) >= 60
    sources = {source.name: source for source in load_sources()}
    for row in rows:
        assert row["licence"] == sources[row["source"]].licence
        assert re.fullmatch(r"[0-9a-f]{64}", row["sha256"])
        assert 1.9 <= float(row["duration_seconds"]) <= 15.0
        assert 8000 <= int(row["sampling_rate"]) <= 24000


def test_no_sound_has_two_speakers() -> None:
    with MANIFEST.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    voices: dict[str, set[str]] = {}
    for row in rows:
        voices.setdefault(row["sha256"], set()).add(row["speaker"])
    assert [sha for sha, names in voices.items() if len(names) > 1] == []
