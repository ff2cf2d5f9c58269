"""Enrolment, verification and duplicates, on vowels of synthetic throats: who is let in, who is not, and why."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter
from voice_samples import embed_once

from audio_batch import speaker
from audio_batch.decoding import hash_file, resample
from audio_batch.errors import AudioUsageError, EnrollmentError, ModelError, UnreadableAudioError
from audio_batch.speaker import enrollment, normalisation
from audio_batch.speaker.encoder import load_encoder
from audio_batch.speaker.normalisation import Backend, Calibration, load_backend, write_backend
from audio_batch.speaker.store import Voiceprint, read_voiceprint, read_voiceprints
from audio_batch.speaker.verification import weigh_together
from audio_batch.speaker.voice import CHANNEL_CLASSES, classify_channel, embed_classes, read_voice
from audio_batch.verdict import Verdict

VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
THROATS = {"anna": (210.0, 1.17), "bert": (110.0, 1.0)}


def speak(name: str, seconds: float, rate: int, seed: int) -> np.ndarray:
    """Return vowels of a throat with a name, as recorded at a rate."""
    return resample(sound_vowels(*THROATS[name], seconds, 16_000, seed), 16_000, rate)


def sound_vowels(pitch: float, scale: float, seconds: float, rate: int, seed: int) -> np.ndarray:
    """Return vowels: pulses at a pitch in Hz through three scaled resonators (Klatt 1980), and soft hiss."""
    rng, parts = np.random.default_rng(seed), []
    while sum(map(len, parts)) < seconds * rate:
        length = int(rng.uniform(0.15, 0.35) * rate)
        turns = np.cumsum(pitch * (1 + 0.1 * rng.standard_normal()) * np.linspace(1.05, 0.95, length) / rate)
        sound = np.diff(np.floor(turns), prepend=0) + 0.01 * rng.standard_normal(length)
        for formant, width in zip(VOWELS[rng.integers(len(VOWELS))], (80, 100, 140), strict=True):
            radius = np.exp(-np.pi * width / rate)
            sound = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * formant * scale / rate), radius**2], sound)
        sound += 0.02 * np.abs(sound).max() * rng.standard_normal(length)
        parts += [0.3 * sound / np.abs(sound).max() * np.hanning(length) ** 0.3, np.zeros(int(0.08 * rate))]
    return np.concatenate(parts)[: int(seconds * rate)].astype(np.float32)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a recording of a throat, made once."""
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str, seed: int, seconds: float = 4.0, rate: int = 8000) -> Path:
        path = folder / f"{name}-{seed}-{seconds}-{rate}.wav"
        if not path.exists():
            soundfile.write(path, speak(name, seconds, rate, seed), rate, subtype="PCM_16" if rate > 8000 else "ULAW")
        return path

    return make


@pytest.fixture(scope="module", autouse=True)
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Normalise against other throats of the same make: among people, they would all sound alike."""
    rng, encoder = np.random.default_rng(5), load_encoder()
    throats = [(rng.uniform(90, 260), rng.uniform(0.85, 1.3)) for _ in range(16)]
    sounds = [sound_vowels(pitch, scale, 2.5, 16_000, seed) for seed, (pitch, scale) in enumerate(throats)]
    embedded = [embed_classes(sound, 16_000, "wideband", encoder) for sound in sounds]
    voices = {name: np.stack([one[name] for one in embedded]) for name in CHANNEL_CLASSES}
    lines = dict.fromkeys(("narrowband", "wideband", "crossed"), Calibration(2.0, -3.0))
    path = tmp_path_factory.mktemp("backend") / "throats.npz"
    write_backend(Backend(encoder.version, 8, lines, 1.0, 1.0, voices), path, about={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalisation, "SHIPPED_BACKEND", path)
        # Throats are no people, and the scorer says so.
        patch.setattr(enrollment, "ask_scorer", lambda path, raw: judge(Path(path)))
        embed_once(patch)
        yield


@pytest.fixture(scope="module")
def enrolled(clips: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store in which anna has two accounts and bert one."""
    store = tmp_path_factory.mktemp("enrolled") / "voices"
    speaker.enroll("anna", [clips("anna", 1), clips("anna", 2), clips("anna", 3)], store=store)
    speaker.enroll("anna-again", [clips("anna", 4), clips("anna", 5), clips("anna", 6)], store=store)
    speaker.enroll("bert", [clips("bert", 1), clips("bert", 2), clips("bert", 3)], store=store)
    return store


def judge(path: Path, score: float | None = 0.1, label: str = "likely_real") -> Verdict:
    """Return a scorer's verdict on a recording."""
    digest = hash_file(path)[0]
    return Verdict(str(path), digest, score, label, 0.9, 1.0, "call-1", "m", 4.0, 4.0, "narrowband")  # type: ignore[arg-type]


def test_enrolment_says_what_was_enrolled(clips: Callable[..., Path], tmp_path: Path) -> None:
    paths = [clips("anna", 1), clips("anna", 2), clips("anna", 3)]
    found = speaker.enroll("anna", paths, store=tmp_path / "voices")
    assert (found.enrollment_id, found.channel_class, found.clips, found.encrypted) == ("anna", "narrowband", 3, False)
    assert 8 <= found.speech_seconds <= 12
    assert found.consistency > 0
    assert speaker.list_enrollments(tmp_path / "voices") == (found,)
    assert json.loads(json.dumps(found.to_dict()))["encoder"] == load_encoder().version


def test_the_right_voice_is_verified(clips: Callable[..., Path], enrolled: Path) -> None:
    path = clips("anna", 7)
    found = speaker.verify(path, "anna", store=enrolled, verdict=judge(path))
    assert found.verified
    assert found.channel_match
    assert found.log_likelihood_ratio > load_backend(load_encoder()).accept_llr
    assert found.confidence == pytest.approx(1 / (1 + np.exp(-found.log_likelihood_ratio)))
    assert (found.session_id, found.spoof_score) == ("call-1", 0.1)
    assert found.reasons == ("voice_match: the voice matches and the spoof check is not against it",)


def test_samples_that_are_no_numbers_count_as_zero(clips: Callable[..., Path], tmp_path: Path) -> None:
    paths = []
    for seed in (1, 2, 3, 4):
        samples, rate = soundfile.read(clips("anna", seed), dtype="float32")
        samples[1000 * seed], samples[9000] = np.nan, np.inf
        paths.append(tmp_path / f"{seed}.wav")
        soundfile.write(paths[-1], samples, rate, subtype="FLOAT")
    store = tmp_path / "voices"
    assert np.isfinite(speaker.enroll("anna", paths[:3], store=store).consistency)
    found = speaker.verify(paths[3], "anna", store=store, verdict=judge(paths[3]))
    assert found.verified and np.isfinite(found.log_likelihood_ratio)


def test_another_voice_is_not(clips: Callable[..., Path], enrolled: Path) -> None:
    path = clips("bert", 7)
    found = speaker.verify(path, "anna", store=enrolled, verdict=judge(path), session_id="mine")
    assert not found.verified
    assert found.log_likelihood_ratio < 0
    assert found.session_id == "mine"
    assert found.reasons[0].startswith("voice_mismatch: log-likelihood ratio -")


@pytest.mark.parametrize(
    ("score", "label", "reason"),
    [
        (0.9, "likely_synthetic", "spoof_check_against: score 0.90, label likely_synthetic"),
        (0.2, "likely_synthetic", "spoof_check_against: score 0.20"),
        (
            0.8,
            "uncertain",
            "spoof_check_against: score 0.80, label uncertain; with the voice the log-likelihood ratio is -",
        ),
        (None, "uncertain", "spoof_check_missing"),
    ],
)
def test_the_right_voice_is_not_verified_against_the_spoof_check(
    clips: Callable[..., Path], enrolled: Path, score: float | None, label: str, reason: str
) -> None:
    path = clips("anna", 7)
    found = speaker.verify(path, "anna", store=enrolled, verdict=judge(path, score, label))
    assert not found.verified
    assert found.log_likelihood_ratio > 0
    assert found.reasons[0].startswith(reason)


def test_the_two_checks_are_weighed_together() -> None:
    assert weigh_together(50.0, 0.0) == pytest.approx(np.log(2)), "a voice that fits says nothing against a clone"
    assert weigh_together(0.0, -50.0) == pytest.approx(np.log(2)), "a living voice says nothing of whose it is"
    assert weigh_together(8.0, -8.0) == pytest.approx(8.0)
    ratios = np.linspace(-5, 5, 21)
    assert all(np.diff([weigh_together(ratio, 0.5) for ratio in ratios]) > 0)
    assert all(np.diff([weigh_together(0.5, ratio) for ratio in ratios]) < 0)


def test_where_the_spoof_check_abstains_nothing_is_verified(clips: Callable[..., Path], enrolled: Path) -> None:
    path = clips("anna", 7)
    heard = judge(path, 0.1, "likely_real")
    assert speaker.verify(path, "anna", store=enrolled, verdict=heard).verified
    abstained = replace(heard, label="uncertain", abstention="invalid_recording")
    found = speaker.verify(path, "anna", store=enrolled, verdict=abstained)
    assert not found.verified
    assert found.reasons == ("spoof_check_abstained: invalid_recording, so nothing is verified",)


def test_without_a_spoof_check_nothing_is_verified(clips: Callable[..., Path], enrolled: Path) -> None:
    found = speaker.verify(clips("anna", 7), "anna", store=enrolled, check_spoof=False)
    assert not found.verified
    assert found.spoof_score is None
    assert found.reasons == ("spoof_check_missing: no spoof score, so nothing is verified",)
    assert found.session_id == read_voice(clips("anna", 7)).sha256[:16]


def test_the_scorer_is_asked(clips: Callable[..., Path], enrolled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clips("anna", 7)
    monkeypatch.setattr("audio_batch.spoof.score", lambda path, raw: judge(path, 0.25))
    found = speaker.verify(path, "anna", store=enrolled)
    assert (found.verified, found.spoof_score) == (True, 0.25)

    def fail(path: Path, raw: None) -> Verdict:
        raise ModelError("no model")

    monkeypatch.setattr("audio_batch.spoof.score", fail)
    assert speaker.verify(path, "anna", store=enrolled).reasons[0].startswith("spoof_check_missing")


def test_a_recording_that_enrolled_is_a_replay(clips: Callable[..., Path], enrolled: Path) -> None:
    path = clips("anna", 1)
    found = speaker.verify(path, "anna", store=enrolled, verdict=judge(path))
    assert not found.verified
    assert found.reasons[0].startswith("replay: the recording is one of those")


def test_a_verdict_on_another_recording_is_refused(clips: Callable[..., Path], enrolled: Path) -> None:
    with pytest.raises(AudioUsageError, match="the hashes of the recordings differ"):
        speaker.verify(clips("anna", 7), "anna", store=enrolled, verdict=judge(clips("bert", 7)))


def test_silence_is_never_verified(enrolled: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(24_000), 8000)
    path = tmp_path / "silence.wav"
    found = speaker.verify(path, "anna", store=enrolled, verdict=judge(path))
    assert not found.verified
    assert found.confidence == 0.5
    assert found.reasons == ("too_little_speech: 0.0 s of speech, at least 1 s are needed",)


def test_an_unknown_id_is_named(clips: Callable[..., Path], enrolled: Path) -> None:
    with pytest.raises(EnrollmentError, match=r"Nobody is enrolled as 'carla'\nHint: List the ids"):
        speaker.verify(clips("anna", 7), "carla", store=enrolled)


def test_a_wideband_enrolment_is_heard_over_the_telephone(clips: Callable[..., Path], tmp_path: Path) -> None:
    paths = [clips("anna", seed, rate=16_000) for seed in (1, 2, 3)]
    assert speaker.enroll("anna", paths, store=tmp_path / "voices").channel_class == "wideband"
    assert set(read_voiceprint(tmp_path / "voices", "anna", key=None).embeddings) == {"narrowband", "wideband"}
    call = clips("anna", 7)
    found = speaker.verify(call, "anna", store=tmp_path / "voices", verdict=judge(call))
    assert not found.channel_match
    assert found.log_likelihood_ratio > 0
    assert found.reasons[-1] == "channel_mismatch: enrolled over wideband, heard over narrowband"


def test_too_little_speech_is_not_enrolled(clips: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(
        EnrollmentError, match=r"'anna' is not enrolled: there are 6\.\d+ s of speech together; .*rest on at least 8"
    ):
        speaker.enroll("anna", [clips("anna", seed, 2.2) for seed in (1, 2, 3)], store=tmp_path / "voices")
    with pytest.raises(
        EnrollmentError, match=r"1 of 2 clips has less than 1 s of speech: '.*anna-2-0\.8-8000\.wav' 0\.\d s"
    ):
        speaker.enroll("anna", [clips("anna", 1), clips("anna", 2, 0.8)], store=tmp_path / "voices")
    assert not (tmp_path / "voices").exists()


def test_fewer_clips_than_the_error_rates_rest_on_need_force(clips: Callable[..., Path], tmp_path: Path) -> None:
    paths = [clips("anna", 1, 6.0), clips("anna", 2, 6.0)]
    with pytest.raises(EnrollmentError, match=r"there are 2 clips; the documented error rates rest") as no:
        speaker.enroll("anna", paths, store=tmp_path / "voices")
    with pytest.raises(EnrollmentError, match="there is 1 clip; the documented"):
        speaker.enroll("anna", paths[:1], store=tmp_path / "voices")
    assert "--force" in no.value.hint and not (tmp_path / "voices").exists()
    assert speaker.enroll("anna", paths, store=tmp_path / "voices", force=True).clips == 2


def test_what_the_spoof_check_speaks_against_needs_force(
    clips: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [clips("anna", seed) for seed in (1, 2, 3)]
    made = {str(paths[1]): ("likely_synthetic", 0.9), str(paths[2]): ("uncertain", 0.5)}

    def ask(path: str, raw: object) -> Verdict:
        label, score = made.get(path, ("likely_real", 0.1))
        return judge(Path(path), score, label)

    monkeypatch.setattr(enrollment, "ask_scorer", ask)
    with pytest.raises(EnrollmentError, match=r"speaks against '.*anna-2.*': score 0.90, label likely_synthetic"):
        speaker.enroll("anna", paths, store=tmp_path / "voices")
    assert not (tmp_path / "voices").exists()
    made.pop(str(paths[1]))
    assert speaker.enroll("anna", paths, store=tmp_path / "voices").clips == 3
    monkeypatch.setattr(enrollment, "ask_scorer", lambda path, raw: None)
    with pytest.raises(EnrollmentError, match="no spoof score"):
        speaker.enroll("bert", paths, store=tmp_path / "voices")
    assert speaker.enroll("bert", paths, store=tmp_path / "voices", force=True).clips == 3


def test_clips_of_two_voices_are_not_enrolled(clips: Callable[..., Path], tmp_path: Path) -> None:
    paths = [clips("anna", 1), clips("anna", 2), clips("bert", 3)]
    with pytest.raises(EnrollmentError, match=r"'.*bert-3-4\.0-8000\.wav' sounds like another person"):
        speaker.enroll("anna", paths, store=tmp_path / "voices")


def test_classes_of_channel_are_kept_apart(clips: Callable[..., Path], tmp_path: Path) -> None:
    paths = [clips("anna", 1), clips("anna", 2), clips("anna", 3, rate=16_000)]
    with pytest.raises(EnrollmentError, match=r"different classes of channel: .* is narrowband, .* is wideband"):
        speaker.enroll("anna", paths, store=tmp_path / "voices")
    found = speaker.enroll("anna", paths, store=tmp_path / "voices", channel_class="narrowband")
    assert found.channel_class == "narrowband"


def test_a_recording_counts_once(clips: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(EnrollmentError, match="the same recording is given twice"):
        speaker.enroll("anna", [clips("anna", 1), clips("anna", 2), clips("anna", 1)], store=tmp_path / "voices")


@pytest.mark.parametrize("paths", [[], "clip.wav", Path("clip.wav")])
def test_enrolment_takes_a_list(paths: list[Path], tmp_path: Path) -> None:
    with pytest.raises(AudioUsageError, match="takes a list of one or more recordings"):
        speaker.enroll("anna", paths, store=tmp_path)


def test_wrong_arguments_are_named(clips: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(AudioUsageError, match="'superwide' does not exist; allowed: narrowband, wideband"):
        speaker.enroll("anna", [clips("anna", 1)], store=tmp_path, channel_class="superwide")  # type: ignore[arg-type]
    with pytest.raises(AudioUsageError, match="has no channel 1; allowed: 0 to 0"):
        speaker.enroll("anna", [clips("anna", 1)], store=tmp_path, channel=1)
    with pytest.raises(UnreadableAudioError, match="does not exist"):
        speaker.enroll("anna", [tmp_path / "none.wav"], store=tmp_path)


def test_two_parties_are_never_mixed(enrolled: Path, tmp_path: Path) -> None:
    both = np.stack([speak("bert", 4, 8000, 8), speak("anna", 4, 8000, 8)], axis=1)
    soundfile.write(tmp_path / "call.wav", both, 8000)
    with pytest.raises(AudioUsageError, match="carries speech on 2 channels; name one of 0 to 1"):
        read_voice(tmp_path / "call.wav")
    path = tmp_path / "call.wav"
    ratios = [
        speaker.verify(path, "anna", store=enrolled, channel=side, check_spoof=False).log_likelihood_ratio
        for side in (0, 1)
    ]
    assert ratios[0] < 0 < ratios[1]


def test_a_silent_second_channel_needs_no_name(tmp_path: Path) -> None:
    signal = speak("anna", 4, 8000, 8)
    soundfile.write(tmp_path / "call.wav", np.stack([0 * signal, signal], axis=1), 8000)
    assert read_voice(tmp_path / "call.wav").speech_seconds > 2


def test_upsampled_telephone_speech_stays_narrowband() -> None:
    signal = speak("anna", 4, 8000, 9)
    assert classify_channel(resample(signal, 8000, 16_000), 16_000) == "narrowband"
    assert classify_channel(speak("anna", 4, 16_000, 9), 16_000) == "wideband"


def test_an_embedding_needs_speech() -> None:
    assert speaker.embed(speak("anna", 4, 8000, 9), 8000).shape == (256,)
    with pytest.raises(AudioUsageError, match=r"0\.00 s of speech make no embedding"):
        speaker.embed(np.zeros(8000, np.float32), 8000)
    with pytest.raises(AudioUsageError, match="'telephone' does not exist"):
        speaker.embed(np.zeros(8000, np.float32), 8000, channel_class="telephone")  # type: ignore[arg-type]


def test_the_same_voice_across_accounts_is_found(enrolled: Path) -> None:
    (found,) = speaker.find_duplicates(enrolled)
    assert found.enrollment_ids == ("anna", "anna-again")
    assert found.lowest_llr == found.mean_llr > load_backend(load_encoder()).duplicate_llr
    assert found.channel_match
    assert found.to_dict()["enrollment_ids"] == ("anna", "anna-again")
    assert speaker.find_duplicates(enrolled, min_llr=1e6) == ()


def test_duplicates_do_not_depend_on_blocks_or_order(enrolled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from audio_batch.speaker import duplicates

    prints = list(read_voiceprints(enrolled, key=None))
    many = [replace(one, enrollment_id=f"{one.enrollment_id}-{n}") for n in range(5) for one in prints]
    expected = speaker.find_duplicates(many)
    assert sorted(len(found.enrollment_ids) for found in expected) == [5, 10]
    monkeypatch.setattr(duplicates, "BLOCK", 4)
    assert speaker.find_duplicates(many[::-1]) == expected


def test_a_voice_between_two_others_does_not_chain_them(enrolled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from audio_batch.speaker import duplicates

    ratios = np.array([[0, -10, 5], [-10, 0, 4], [5, 4, 0]], dtype=np.float32)
    anna = next(read_voiceprints(enrolled, key=None))
    prints = [replace(anna, enrollment_id=str(number)) for number in range(3)]

    def look_up(left: list[Voiceprint], right: list[Voiceprint], backend: Backend) -> np.ndarray:
        return ratios[np.ix_([int(one.enrollment_id) for one in left], [int(one.enrollment_id) for one in right])]

    monkeypatch.setattr(duplicates, "_weigh", look_up)
    assert [found.enrollment_ids for found in speaker.find_duplicates(prints, min_llr=3.0)] == [("0", "2")]
    (found,) = speaker.find_duplicates(prints, min_llr=-4.0)
    assert (found.enrollment_ids, found.lowest_llr) == (("0", "1", "2"), -10)


def test_an_empty_or_single_store_has_no_duplicates(enrolled: Path) -> None:
    assert speaker.find_duplicates([]) == ()
    assert speaker.find_duplicates(list(read_voiceprints(enrolled, key=None))[:1]) == ()
    with pytest.raises(AudioUsageError, match="min_llr must be a finite number, got nan"):
        speaker.find_duplicates([], min_llr=float("nan"))


def test_another_encoder_is_not_compared(clips: Callable[..., Path], enrolled: Path) -> None:
    prints = [replace(one, encoder="other-1") for one in read_voiceprints(enrolled, key=None)]
    with pytest.raises(
        EnrollmentError, match=r"'anna' was enrolled with the encoder 'other-1'; the one in use is 'res"
    ):
        speaker.find_duplicates(prints)


def test_forgetting_removes_the_voice(clips: Callable[..., Path], tmp_path: Path) -> None:
    store, key = tmp_path / "voices", speaker.create_key(tmp_path / "key")
    found = speaker.enroll("anna", [clips("anna", 1), clips("anna", 2), clips("anna", 3)], store=store, key=key)
    assert found.encrypted
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    speaker.forget("anna", store=store)
    assert list(store.iterdir()) == []


def test_nothing_of_a_voice_is_logged(
    clips: Callable[..., Path], enrolled: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    found = speaker.verify(clips("anna", 7), "anna", store=enrolled, check_spoof=False)
    assert "embedding" not in repr(found) + repr(speaker.list_enrollments(enrolled)) + repr(
        read_voice(clips("anna", 7))
    )
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")
