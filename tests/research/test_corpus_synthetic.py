"""The synthetic half of the spoof corpus: vocoders, texts, the table of clips, and the published manifest."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from audio_batch.errors import AudioUsageError
from research.corpus import catalogue, synthetic, texts, vocoders
from research.corpus.catalogue import Catalogue, Clip, Origin
from research.corpus.engines import kokoro, pairs

RATE = 8000
MANIFEST = Path(synthetic.__file__).with_name("synthetic.csv")
ORIGIN = Origin("engine", "package", "1.0", "MIT", "attack", "family")
OPEN_LICENCE = re.compile(
    r"MIT|Apache-2\.0|BSD|CMU|CC0|CC-BY-(SA-)?\d|L?GPL-[23]|ISC"
    r"|LicenseRef-(Public-Domain|Flight-of-the-Amazon-Queen|Drascula)$"  # both games: in Debian main
)


def make_speech_like(seconds: float = 1.0, pitch: float = 120.0) -> np.ndarray:
    times = np.arange(int(seconds * RATE)) / RATE
    drift = pitch * (times + 0.001 * np.sin(2 * np.pi * 3 * times))
    tone = sum(np.sin(2 * np.pi * n * drift) / n for n in range(1, 25))
    noise = np.random.default_rng(1).standard_normal(len(times))
    return (0.08 * tone * (times % 0.5 < 0.35) + 0.01 * noise).astype(np.float32)


def correlate(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def spectrum_distance(one: np.ndarray, other: np.ndarray) -> float:
    def envelope(signal: np.ndarray) -> np.ndarray:
        power = np.abs(np.fft.rfft(signal)) ** 2
        return np.log10([band.mean() + 1e-9 for band in np.array_split(power, 20)])

    return float(np.abs(envelope(one) - envelope(other)).mean())


def measure_pitch(signal: np.ndarray) -> float:
    lags = np.correlate(signal, signal, mode="full")[len(signal) - 1 :]
    low = RATE // 400
    return RATE / (low + int(np.argmax(lags[low : RATE // 60])))


@pytest.mark.parametrize("vocode", [vocoders.copy_griffin_lim, vocoders.copy_mel_griffin_lim])
def test_griffin_lim_keeps_the_spectrum_and_loses_the_phase(vocode):
    pytest.importorskip("librosa")
    signal = make_speech_like()
    copy = vocode(signal, RATE)
    assert copy.shape == signal.shape and copy.dtype == np.float32
    assert spectrum_distance(signal, copy) < 0.3
    assert abs(correlate(signal, copy)) < 0.98


def test_lpc_copy_keeps_length_level_and_pitch_but_not_the_wave_form():
    pytest.importorskip("scipy")
    signal = make_speech_like()
    copy = vocoders.copy_lpc(signal, RATE)
    assert copy.shape == signal.shape
    assert np.isfinite(copy).all()
    assert np.std(copy) == pytest.approx(np.std(signal), rel=0.1)
    assert measure_pitch(copy) == pytest.approx(120, rel=0.06)
    assert abs(correlate(signal, copy)) < 0.9


def test_lpc_copy_of_silence_is_silence():
    pytest.importorskip("scipy")
    assert not vocoders.copy_lpc(np.zeros(RATE, np.float32), RATE).any()


def test_world_copy_is_close_but_not_the_same():
    pytest.importorskip("pyworld")
    signal = make_speech_like()
    copy = vocoders.copy_world(signal, RATE)
    assert copy.shape == signal.shape
    assert not np.allclose(copy, signal, atol=1e-3)
    assert spectrum_distance(signal, copy) < 0.5


def test_world_shifts_the_pitch_by_the_semitones_asked_for():
    pytest.importorskip("pyworld")
    shifted = vocoders.copy_world(make_speech_like(), RATE, semitones=12.0)
    assert measure_pitch(shifted[: int(0.35 * RATE)]) == pytest.approx(240, rel=0.06)


def test_world_conversion_raises_a_low_voice_and_lowers_a_high_one():
    pytest.importorskip("pyworld")
    part = slice(0, int(0.35 * RATE))
    assert measure_pitch(vocoders.convert_world(make_speech_like(pitch=110), RATE)[part]) > 150
    assert measure_pitch(vocoders.convert_world(make_speech_like(pitch=230), RATE)[part]) < 170


def test_phase_vocoder_changes_the_pitch_and_keeps_the_length():
    pytest.importorskip("librosa")
    signal = make_speech_like()
    shifted = vocoders.shift_phase_vocoder(signal, RATE, semitones=3.0)
    assert shifted.shape == signal.shape
    assert measure_pitch(shifted[: int(0.3 * RATE)]) == pytest.approx(120 * 2 ** (3 / 12), rel=0.06)


def test_texts_cover_the_five_languages_with_about_three_hundred_sentences():
    counts = {language: len(texts.get_sentences(language)) for language in texts.list_languages()}
    assert min(counts[language] for language in ("en", "es", "fr", "it", "de")) >= 40
    assert sum(counts.values()) >= 300


def test_no_sentence_is_written_twice():
    for language in texts.list_languages():
        sentences = texts.get_sentences(language)
        assert len(set(sentences)) == len(sentences)


def test_a_region_is_ignored_and_the_list_starts_again_after_its_end():
    english = texts.get_sentences("en")
    assert texts.get_sentences("en-us") == english
    assert texts.take_sentences("en", 2, offset=len(english) - 1) == [(len(english) - 1, english[-1]), (0, english[0])]


def test_unknown_language_is_refused_with_the_known_ones():
    with pytest.raises(AudioUsageError, match=r"language 'tlh'; there are: en, es"):
        texts.get_sentences("tlh")


def test_unknown_engine_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(AudioUsageError, match=r"no engine 'ouija'; there are: espeak"):
        synthetic.collect_synthetic(tmp_path, only=["ouija"])
    assert not any(tmp_path.iterdir())


def test_engine_without_its_program_is_reported_and_skipped(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert synthetic.collect_synthetic(tmp_path, only=["flite"]) == {}
    assert "flite: skipped: the program 'flite' is not installed" in capsys.readouterr().err


def test_missing_table_is_named(tmp_path):
    with pytest.raises(AudioUsageError, match=r"there is no table of clips at .*human\.csv"):
        pairs.choose_humans(tmp_path)


def test_catalogue_stores_cuts_and_replaces(tmp_path):
    pytest.importorskip("soundfile")
    long = Clip("long", np.tile(make_speech_like(), 20), RATE, "speaker", "en", ORIGIN)
    silent = Clip("silent", np.zeros(2 * RATE, np.float32), RATE, "speaker", "en", ORIGIN)
    copy = Clip("copy", np.tile(make_speech_like(), 9), RATE, "speaker", "en", ORIGIN, pair_id="human_1")
    for _ in range(2):
        Catalogue(tmp_path).add([long, silent, copy])
    rows = catalogue.read_rows(tmp_path / "synthetic.csv")
    assert [row["clip_id"] for row in rows] == [
        *("syn_engine_long_0", "syn_engine_long_1", "syn_engine_long_2", "syn_engine_copy"),
    ]
    assert sum(float(row["duration_seconds"]) for row in rows) == pytest.approx(29.0)
    assert [row["pair_id"] for row in rows] == ["", "", "", "human_1"]
    assert {row["label"] for row in rows} == {"synthetic"}


def test_manifest_is_sorted_and_names_no_path(tmp_path):
    pytest.importorskip("soundfile")
    clips = [Clip(name, make_speech_like(), RATE, "speaker", "en", ORIGIN) for name in ("b", "a")]
    Catalogue(tmp_path).add(clips)
    assert catalogue.write_manifest(tmp_path, tmp_path / "manifest.csv") == 2
    text = (tmp_path / "manifest.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == ",".join(catalogue.MANIFEST_COLUMNS)
    assert text.index("syn_engine_a") < text.index("syn_engine_b")
    assert str(tmp_path) not in text


def test_names_from_outside_stay_inside_the_clips_folder(tmp_path):
    pytest.importorskip("soundfile")
    Catalogue(tmp_path).add([Clip("../../etc/pass wd", make_speech_like(), RATE, "s", "en", ORIGIN)])
    (row,) = catalogue.read_rows(tmp_path / "synthetic.csv")
    assert Path(row["path"]).parent == (tmp_path / "clips" / "engine").resolve()


def test_cutting_keeps_every_sample_and_bounds_the_pieces():
    signal = np.tile(make_speech_like(), 21)
    pieces = catalogue.cut_long_clip(signal, RATE)
    assert np.array_equal(np.concatenate(pieces), signal)
    assert len(pieces) == 3 and max(map(len, pieces)) <= 8.8 * RATE


def test_high_rates_and_overload_are_brought_down():
    pytest.importorskip("soxr")
    signal, rate = catalogue.prepare_signal(2.0 * np.sin(np.arange(48_000) / 10), 48_000)
    assert rate == catalogue.MAX_RATE and len(signal) == 24_000
    assert np.abs(signal).max() == pytest.approx(0.99, abs=0.01)


def test_humans_are_chosen_evenly_over_speakers(tmp_path):
    lines = [
        {"clip_id": f"{speaker}_{number}", "speaker": speaker, "duration_seconds": seconds}
        for speaker, count in (("rare", 3), ("common", 50))
        for number, seconds in enumerate([4.0] * count)
    ]
    lines.append({"clip_id": "short", "speaker": "rare", "duration_seconds": 0.4})
    catalogue.write_rows(tmp_path / "human.csv", lines, ("clip_id", "speaker", "duration_seconds"))
    chosen = [row["clip_id"] for row in pairs.choose_humans(tmp_path, 6)]
    assert sum(name.startswith("rare") for name in chosen) == 3
    assert chosen == [row["clip_id"] for row in pairs.choose_humans(tmp_path, 6)]
    assert "short" not in [row["clip_id"] for row in pairs.choose_humans(tmp_path, 99)]


def test_copies_carry_speaker_licence_and_pair_of_the_human_clip(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "human.wav"
    soundfile.write(path, make_speech_like(), RATE)
    row = {"clip_id": "h1", "path": str(path), "speaker": "anna", "language": "fr", "licence": "CC-BY-SA-4.0"}
    (copy,) = pairs.copy_humans([row], lambda signal, rate: -signal, "vocoders", "p", "1", "flip", "none")
    assert (copy.pair_id, copy.speaker, copy.language, copy.origin.licence) == ("h1", "anna", "fr", "CC-BY-SA-4.0")


def test_kokoro_alphabet_has_one_letter_per_diphthong(monkeypatch):
    monkeypatch.setattr(kokoro, "phonemize", lambda text, language, tie: "ʤˈe^ɪ ɡˈo^ʊ bˈɜːd")
    assert kokoro.to_kokoro_phonemes("", "en-us") == "ʤˈA ɡˈO bˈɜɹd"


def read_manifest() -> list[dict[str, str]]:
    with MANIFEST.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_published_manifest_has_the_columns_and_no_clip_twice():
    rows = read_manifest()
    assert tuple(rows[0]) == catalogue.MANIFEST_COLUMNS
    assert len({row["clip_id"] for row in rows}) == len(rows)
    assert all(re.fullmatch(r"[0-9a-f]{64}", row["sha256"]) for row in rows)
    assert not [row for row in rows if "/tmp" in str(row) or "/work" in str(row)]


def test_published_manifest_allows_every_licence_and_gives_every_attack_one_family():
    rows = read_manifest()
    assert not {row["licence"] for row in rows if not OPEN_LICENCE.search(row["licence"])}
    assert not {row["licence"] for row in rows if re.search(r"-(NC|ND)\b|non-?commercial", row["licence"], re.I)}
    families = defaultdict(set)
    for row in rows:
        families[row["attack"]].add(row["attack_family"])
    assert "" not in families
    assert {attack for attack, found in families.items() if len(found) != 1 or "" in found} == set()


def test_published_manifest_is_as_varied_as_promised():
    rows = read_manifest()
    assert len({row["attack"] for row in rows}) >= 35
    assert len({row["attack_family"] for row in rows}) >= 12
    assert len({row["pair_id"] for row in rows if row["pair_id"]}) >= 500


def test_the_command_makes_the_half_that_is_named(tmp_path, monkeypatch, capsys):
    from research.corpus import __main__ as command

    asked = []
    for half in ("human", "synthetic", "demonstrations"):
        record = lambda work, half=half, **rest: asked.append((half, work, rest["only"]))  # noqa: E731
        monkeypatch.setattr(command, f"collect_{half}", record)
    Catalogue(tmp_path).add([Clip("one", np.tile(make_speech_like(), 3), RATE, "speaker", "en", ORIGIN)])
    for part, only in (("human", ["asterisk-en"]), ("synthetic", ["flite", "pico"])):
        monkeypatch.setattr("sys.argv", ["corpus", part, "--work", str(tmp_path), "--only", *only])
        command.main()
    assert asked == [("human", tmp_path, ["asterisk-en"]), ("synthetic", tmp_path, ["flite", "pico"])]
    assert capsys.readouterr().out == "family\tattack\tpackage\t1.0\tMIT\t1\n"
