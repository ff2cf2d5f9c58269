"""How well voiceprints tell voices apart: ``python -m benchmarks.audio_voiceprints --corpus FOLDER [--fit OUT.npz]``.

The folder holds ``human.csv`` and ``synthetic.csv`` with the columns of the corpus manifest and the clips that they
name. Speakers are split by source and by the hash of their name: LibriSpeech train-clean speakers give the cohort (two
of three) and the calibration (one of three); the speakers with at least six clips give the test. No speaker is in two
of the three. ``--fit`` makes cohort and calibration anew, for the shipped encoder or for ``--encoder FILE.onnx``.
Prints the tables as Markdown; ``--out`` writes all figures as JSON.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import decode, resample
from audio_batch.speaker.encoder import Encoder, load_encoder, unit
from audio_batch.speaker.normalisation import (
    Backend,
    Calibration,
    fit_calibration,
    load_backend,
    name_comparison,
    write_backend,
)
from audio_batch.speaker.voice import (
    ChannelClass,
    classify_channel,
    embed_classes,
    keep_speech,
)

Vectors = NDArray[np.float32]
Row = dict[str, str]
COHORT_SOURCE = "resemblyzer-libri-clean"
TEST_CLIPS = 6
MAX_CLIPS = 9
CROWDS = ("-cast", "-crowd")
"""Endings of speakers that stand for many people, who are no use here."""
UNSURE_SOURCES = {"ktuberling"}
"""Sources whose speakers are named by language and may differ from another source's speaker of the same name."""
ENROLMENT_CLIPS = 3
MIN_SECONDS = 1.0
NEAREST = 40
ACCEPT_FALSE_RATE = 0.01
DUPLICATE_FALSE_RATE = 0.0005


@dataclass(frozen=True)
class Clip:
    """One human clip: whose it is, and its embeddings by channel and class."""

    name: str
    path: str
    speaker: str
    source: str
    wide: bool
    embeddings: dict[str, Vectors]


@dataclass(frozen=True)
class Trials:
    """Scores of enrolled voices with probes, with the speakers of both sides."""

    scores: Vectors
    enrolled: NDArray[np.str_]
    probes: NDArray[np.str_]

    @property
    def same(self) -> NDArray[np.bool_]:
        """Whether both sides are one speaker, shape (enrolled, probes)."""
        found: NDArray[np.bool_] = self.enrolled[:, None] == self.probes[None, :]
        return found


def code(signal: Vectors, subtype: str) -> Vectors:
    """Send an 8 kHz signal through one of libsndfile's codecs and back."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, signal, 8000, format="WAV", subtype=subtype)
    file.seek(0)
    return np.asarray(soundfile.read(file, dtype="float32")[0], dtype=np.float32)


def band_limit(signal: Vectors) -> Vectors:
    """Keep 300 to 3400 Hz of an 8 kHz signal, as an analogue line does (ITU-T G.712)."""
    from scipy.signal import butter, sosfilt

    filtered = sosfilt(butter(4, [300, 3400], "bandpass", fs=8000, output="sos"), signal)
    return np.asarray(filtered, dtype=np.float32)


CHANNELS: dict[str, Callable[[Vectors], Vectors]] = {
    "g711": lambda narrow: code(narrow, "ULAW"),
    "line": lambda narrow: code(band_limit(narrow), "ALAW"),
    "gsm": lambda narrow: code(narrow, "GSM610"),
}


def read_speech(path: str) -> tuple[Vectors, int] | None:
    """Return the speech of a clip and its sampling rate; None where there is too little."""
    signal, rate = decode(path)
    speech = keep_speech(np.ascontiguousarray(signal[:, 0]), rate)
    return (speech, rate) if len(speech) >= MIN_SECONDS * rate else None


def embed_clip(path: str, encoder: Encoder) -> tuple[bool, dict[str, Vectors]] | None:
    """Embed one clip as it is and over every telephone channel; None where there is too little speech."""
    read = read_speech(path)
    if read is None:
        return None
    speech, rate = read
    own = classify_channel(speech, rate)
    found: dict[str, Vectors] = {}
    if own == "wideband":
        classes = embed_classes(speech, rate, own, encoder)
        found |= {"wide": classes["wideband"], "copy": classes["narrowband"]}
    narrow = resample(speech, rate, 8000)
    for name, carry in CHANNELS.items():
        found[name] = embed_classes(carry(narrow), 8000, "narrowband", encoder)["narrowband"]
    return own == "wideband", found


def read_rows(manifest: Path) -> list[Row]:
    """Read a manifest; a missing one has no rows."""
    if not manifest.exists():
        return []
    with manifest.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def choose_rows(rows: list[Row]) -> list[Row]:
    """Keep clips of two seconds and more, at most `MAX_CLIPS` a speaker, in the order of their hashes."""
    kept: dict[str, list[Row]] = {}
    known = [row for row in rows if not row["speaker"].endswith(CROWDS) and row["source"] not in UNSURE_SOURCES]
    for row in sorted(known, key=lambda row: row["sha256"]):
        if float(row["duration_seconds"]) >= 2 and len(kept.setdefault(row["speaker"], [])) < MAX_CLIPS:
            kept[row["speaker"]].append(row)
    return [row for speaker in sorted(kept) for row in kept[speaker]]


def embed_clips(rows: list[Row], encoder: Encoder, cache: Path) -> list[Clip]:
    """Embed all clips, remembering what was embedded before."""
    known: dict[str, Any] = {}
    if cache.exists():
        with np.load(cache) as stored:
            known = {name: stored[name] for name in stored.files}
    clips = []
    for number, row in enumerate(rows, start=1):
        prefix = f"{row['sha256']}/"
        if f"{prefix}done" not in known:
            result = embed_clip(row["path"], encoder)
            known[f"{prefix}done"] = np.array(result is not None and result[0])
            known |= {prefix + name: vector for name, vector in (result[1] if result else {}).items()}
            if not number % 100:
                np.savez(cache, **known)
        found = {name: known[prefix + name] for name in ("wide", "copy", *CHANNELS) if prefix + name in known}
        if found:
            wide = bool(known[f"{prefix}done"])
            clips.append(Clip(row["clip_id"], row["path"], row["speaker"], row["source"], wide, found))
    np.savez(cache, **known)
    return clips


def split_speakers(clips: list[Clip]) -> dict[str, list[Clip]]:
    """Split clips into cohort, calibration and test, no speaker in two of them."""
    counts: dict[str, int] = {}
    for clip in clips:
        counts[clip.speaker] = counts.get(clip.speaker, 0) + 1
    parts: dict[str, list[Clip]] = {"cohort": [], "calibration": [], "test": []}
    for clip in clips:
        if clip.source == COHORT_SOURCE:
            third = hashlib.sha256(clip.speaker.encode()).digest()[0] % 3
            parts["calibration" if third == 0 else "cohort"].append(clip)
        elif counts[clip.speaker] >= TEST_CLIPS:
            parts["test"].append(clip)
    return parts


def by_speaker(clips: list[Clip], channel: str) -> dict[str, list[Clip]]:
    """Group the clips that have an embedding over a channel."""
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        if channel in clip.embeddings:
            groups.setdefault(clip.speaker, []).append(clip)
    return groups


def pick_triples(clips: list[Clip], size: int) -> Iterator[tuple[list[Clip], list[Clip]]]:
    """Yield disjoint sets of enrolment clips, each with the clips that are left for probes."""
    edges = range(0, len(clips) - len(clips) % size + 1, size)
    for start, end in pairwise(edges):
        if len(clips) > size:
            yield clips[start:end], [*clips[:start], *clips[end:]]


def make_trials(
    clips: list[Clip],
    enrol: str,
    probe: str,
    score: Callable[[Vectors, Vectors], Vectors],
    size: int = ENROLMENT_CLIPS,
) -> Trials:
    """Score every enrolment over one channel with every probe over another; own enrolment clips are left out (NaN)."""
    both = [clip for clip in clips if enrol in clip.embeddings and probe in clip.embeddings]
    models = [
        (speaker, chosen) for speaker, own in by_speaker(both, enrol).items() for chosen, _ in pick_triples(own, size)
    ]
    enrolled = unit(np.stack([np.mean([clip.embeddings[enrol] for clip in chosen], axis=0) for _, chosen in models]))
    scores = score(enrolled, np.stack([clip.embeddings[probe] for clip in both])).astype(np.float32)
    for row, (_, chosen) in enumerate(models):
        used = {clip.name for clip in chosen}
        scores[row, [column for column, clip in enumerate(both) if clip.name in used]] = np.nan
    return Trials(scores, np.array([speaker for speaker, _ in models]), np.array([clip.speaker for clip in both]))


def equal_error_rate(targets: Vectors, impostors: Vectors, weights: tuple[Vectors, Vectors] | None = None) -> float:
    """Return the rate at which misses and false acceptances are equal, on the convex line between thresholds."""
    scores = np.concatenate([targets, impostors])
    ones = weights or (np.ones_like(targets), np.ones_like(impostors))
    weight = np.stack([np.concatenate([ones[0], 0 * impostors]), np.concatenate([0 * targets, ones[1]])])
    weight = weight[:, np.argsort(scores, kind="stable")]
    missed = np.cumsum(weight[0]) / weight[0].sum()
    accepted = 1 - np.cumsum(weight[1]) / weight[1].sum()
    crossing = int(np.argmin(np.abs(missed - accepted)))
    return float((missed[crossing] + accepted[crossing]) / 2)


def measure_eer(trials: Trials, rounds: int = 300) -> dict[str, float]:
    """Return the EER with a 95 % interval from drawing speakers with replacement, on both sides at once."""
    valid = np.isfinite(trials.scores)
    same, flat = trials.same[valid], trials.scores[valid]
    rows, columns = np.nonzero(valid)
    speakers, codes = np.unique(np.concatenate([trials.enrolled, trials.probes]), return_inverse=True)
    left, right = codes[: len(trials.enrolled)][rows], codes[len(trials.enrolled) :][columns]
    rng, draws = np.random.default_rng(0), []
    for _ in range(rounds):
        times = np.bincount(rng.integers(0, len(speakers), len(speakers)), minlength=len(speakers)).astype(np.float32)
        weight = np.where(same, times[left], times[left] * times[right])
        draws.append(equal_error_rate(flat[same], flat[~same], (weight[same], weight[~same])))
    low, high = np.quantile(draws, [0.025, 0.975])
    figures = {"eer": equal_error_rate(flat[same], flat[~same]), "low": float(low), "high": float(high)}
    return figures | {
        "speakers": len(set(trials.enrolled)),
        "targets": int(same.sum()),
        "impostors": int((~same).sum()),
    }


def fit_backend(parts: dict[str, list[Clip]], encoder: Encoder) -> Backend:
    """Make cohort, calibrations and limits from the speakers that are not in the test."""
    names: dict[ChannelClass, list[str]] = {"narrowband": ["g711", "line", "gsm"], "wideband": ["wide"]}
    cohort: dict[ChannelClass, Vectors] = {}
    for name, channels in names.items():
        voices = [
            unit(np.mean([clip.embeddings[channel] for clip in clips], axis=0))
            for channel in channels
            for clips in by_speaker(parts["cohort"], channel).values()
        ]
        cohort[name] = np.stack(voices)
    nothing = dict.fromkeys(["narrowband", "wideband", "crossed"], Calibration(1.0, 0.0))
    backend = Backend(encoder.version, NEAREST, nothing, 0.0, 0.0, cohort)
    return calibrate(parts["calibration"], backend)


def calibrate(clips: list[Clip], backend: Backend) -> Backend:
    """Fit the three lines and both limits on speakers of their own; one clip enrols, as most have two."""
    comparisons: dict[str, list[tuple[str, str]]] = {
        "narrowband": [("g711", "g711"), ("line", "line"), ("gsm", "gsm"), ("g711", "line"), ("g711", "gsm")],
        "wideband": [("wide", "wide")],
        "crossed": [("copy", "g711"), ("copy", "line"), ("copy", "gsm")],
    }
    lines: dict[str, Calibration] = {}
    impostors = []
    for name, channels in comparisons.items():
        wanted: ChannelClass = "wideband" if name == "wideband" else "narrowband"
        found = [pooled(make_trials(clips, *pair, score_with(backend, wanted), size=1)) for pair in channels]
        scores, same = (np.concatenate(part) for part in zip(*found, strict=True))
        lines[name] = fit_calibration(scores, same)
        impostors.append((lines[name].slope * scores + lines[name].offset)[~same])
    worst = np.concatenate(impostors)
    accept, duplicate = (float(np.quantile(worst, 1 - rate)) for rate in (ACCEPT_FALSE_RATE, DUPLICATE_FALSE_RATE))
    parts = {
        **vars(backend),
        "calibrations": lines,
        "accept_llr": round(accept, 2),
        "duplicate_llr": round(duplicate, 2),
    }
    return Backend(**parts)


def pooled(trials: Trials) -> tuple[Vectors, NDArray[np.bool_]]:
    """Return all scores and whether each is of one speaker."""
    valid = np.isfinite(trials.scores)
    return trials.scores[valid], trials.same[valid]


def score_with(backend: Backend, name: ChannelClass) -> Callable[[Vectors, Vectors], Vectors]:
    """Return the function that scores by AS-norm."""
    return lambda enrolled, probes: backend.compare(enrolled, probes, name)


def score_cosines(enrolled: Vectors, probes: Vectors) -> Vectors:
    """Score by the plain cosine."""
    return enrolled @ probes.T


CONDITIONS: list[tuple[str, str, str, ChannelClass]] = [
    ("16 kHz, matched", "wide", "wide", "wideband"),
    ("G.711 8 kHz, matched", "g711", "g711", "narrowband"),
    ("G.711, 300-3400 Hz, matched", "line", "line", "narrowband"),
    ("GSM 6.10, matched", "gsm", "gsm", "narrowband"),
    ("enrolled G.711, heard GSM", "g711", "gsm", "narrowband"),
    ("enrolled 16 kHz, heard G.711, as it is", "wide", "g711", "wideband"),
    ("enrolled 16 kHz, heard G.711, with the narrowband copy", "copy", "g711", "narrowband"),
    ("enrolled 16 kHz, heard GSM, with the narrowband copy", "copy", "gsm", "narrowband"),
]


def keep_same_source(trials: Trials, clips: list[Clip]) -> Trials:
    """Keep the trials between speakers of one source, which differ in neither language nor studio."""
    source = {clip.speaker: clip.source for clip in clips}
    members = [source[speaker] for speaker in sorted(source)]
    left, right = (np.array([source[name] for name in side]) for side in (trials.enrolled, trials.probes))
    alone = np.array([members.count(name) < 2 for name in left])
    scores = np.where((left[:, None] == right[None, :]) & ~alone[:, None], trials.scores, np.nan)
    return Trials(scores, trials.enrolled, trials.probes)


def measure_conditions(clips: list[Clip], backend: Backend) -> list[dict[str, Any]]:
    """Measure the EER of every condition with plain cosines and with AS-norm, and the errors at the shipped limit."""
    rows = []
    for title, enrol, probe, name in CONDITIONS:
        cosine = measure_eer(make_trials(clips, enrol, probe, score_cosines))
        trials = make_trials(clips, enrol, probe, score_with(backend, name))
        comparison = "crossed" if enrol == "copy" else name_comparison(name, name)
        scores, same = pooled(trials)
        ratios = backend.weigh(scores, comparison)
        rows.append(
            {
                "condition": title,
                "cosine": cosine,
                "as_norm": measure_eer(trials),
                "same_source": measure_eer(keep_same_source(trials, clips)),
                "false_accept": float(np.mean(ratios[~same] >= backend.accept_llr)),
                "false_reject": float(np.mean(ratios[same] < backend.accept_llr)),
                "cllr": cost_of_ratios(ratios[same], ratios[~same]),
            }
        )
    return rows


def cost_of_ratios(targets: Vectors, impostors: Vectors) -> float:
    """Return Cllr in bits (Brümmer and du Preez 2006): 0 is perfect, 1 knows nothing."""
    misses, alarms = np.logaddexp(0, -targets).mean(), np.logaddexp(0, impostors).mean()
    return float((misses + alarms) / 2 / math.log(2))


def measure_copies(
    clips: list[Clip],
    human: list[Row],
    copies: list[Row],
    backend: Backend,
    limit: int,
    scores: dict[str, float] | None,
) -> list[dict[str, Any]]:
    """Measure how often a vocoded copy of the right speaker is accepted over G.711, without and with spoof check."""
    speakers = {clip.speaker for clip in clips}
    originals = {row["clip_id"]: row for row in human if row["speaker"] in speakers}
    groups: dict[str, list[tuple[Row, Row]]] = {"human (the originals)": []}
    for row in sorted(copies, key=lambda row: row["sha256"]):
        if row["pair_id"] in originals:
            groups.setdefault(row["attack_family"], []).append((row, originals[row["pair_id"]]))
    paired = {original["clip_id"]: original for group in groups.values() for _, original in group}
    ordered = sorted(paired.values(), key=lambda row: row["sha256"])
    groups["human (the originals)"] = [(row, row) for row in ordered]
    return [
        measure_group(name, group[:limit], clips, backend, scores) for name, group in groups.items() if group[:limit]
    ]


def measure_group(
    name: str, probes: list[tuple[Row, Row]], clips: list[Clip], backend: Backend, scores: dict[str, float] | None
) -> dict[str, Any]:
    """Count the acceptances of one kind of probe."""
    matches, against = [], []
    for row, original in probes:
        own = [clip for clip in clips if clip.speaker == original["speaker"] and clip.name != original["clip_id"]]
        match = is_match(row["path"], own, backend) if len(own) >= ENROLMENT_CLIPS else None
        if match is not None:
            matches.append(match)
            against.append(is_against(row, scores))
    scored = [match and not doubt for match, doubt in zip(matches, against, strict=True) if doubt is not None]
    doubts = [doubt for doubt in against if doubt is not None]
    return {
        "group": name,
        "probes": len(matches),
        "scored": len(scored),
        "matched": sum(matches) / max(1, len(matches)),
        "against": float(np.mean(doubts)) if doubts else None,
        "verified": float(np.mean(scored)) if scored else None,
    }


def is_match(path: str, own: list[Clip], backend: Backend) -> bool | None:
    """Compare a clip sent over G.711 with three other clips of the speaker; None where it has too little speech."""
    read = read_speech(path)
    if read is None:
        return None
    carried = CHANNELS["g711"](resample(*read, 8000))
    probe = embed_classes(carried, 8000, "narrowband", load_encoder())["narrowband"]
    enrolled = unit(np.mean([clip.embeddings["g711"] for clip in own[:ENROLMENT_CLIPS]], axis=0))
    ratio = backend.weigh(backend.compare(enrolled, probe, "narrowband"), "narrowband")[0, 0]
    return bool(ratio >= backend.accept_llr)


def is_against(row: Row, scores: dict[str, float] | None) -> bool | None:
    """Say whether the spoof check is against a clip sent over G.711; None where there is no scorer or no score."""
    import tempfile

    import soundfile

    from audio_batch.speaker.verification import SPOOF_LIMIT, ask_scorer, doubt_spoof

    if scores is not None:
        return scores[row["clip_id"]] >= SPOOF_LIMIT if row["clip_id"] in scores else None
    signal, rate = decode(row["path"])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "probe.wav"
        soundfile.write(file, resample(np.ascontiguousarray(signal[:, 0]), rate, 8000), 8000, subtype="ULAW")
        verdict = ask_scorer(file, None)
    return bool(doubt_spoof(verdict)) if verdict else None


def print_tables(figures: dict[str, Any]) -> None:
    """Print all tables as Markdown."""
    print("| condition | speakers | EER, cosine | AS-norm (95 %) | same source | false accept | false reject | Cllr |")
    print("|---|---|---|---|---|---|---|---|")
    for row in figures["conditions"]:
        cosine, norm = row["cosine"], row["as_norm"]
        print(
            f"| {row['condition']} | {norm['speakers']} | {cosine['eer']:.1%} "
            f"| {norm['eer']:.1%} ({norm['low']:.1%}-{norm['high']:.1%}) | {row['same_source']['eer']:.1%} "
            f"| {row['false_accept']:.1%} | {row['false_reject']:.1%} "
            f"| {row['cllr']:.2f} |"
        )
    print("\n| probe over G.711 | probes | voice accepted | spoof check against | verified |\n|---|---|---|---|---|")
    for row in figures["copies"]:
        against, verified = ("no score" if row[key] is None else f"{row[key]:.0%}" for key in ("against", "verified"))
        print(f"| {row['group']} | {row['probes']} | {row['matched']:.0%} | {against} | {verified} |")


def main() -> None:
    """Fit if asked to, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with human.csv and synthetic.csv")
    parser.add_argument("--fit", type=Path, help="write cohort and calibration to this .npz file first")
    parser.add_argument("--encoder", type=Path, help="another encoder, as .onnx")
    parser.add_argument("--copies", type=int, default=60, help="most copies a family")
    parser.add_argument("--scores", type=Path, help="CSV of clip_id,score to join instead of asking the shipped scorer")
    parser.add_argument("--cache", type=Path, help="file for embeddings (default: in the corpus folder)")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    asked = parser.parse_args()
    encoder = load_encoder(asked.encoder)
    cache = asked.cache or asked.corpus / f"voiceprints-{encoder.version}.npz"
    clips = embed_clips(choose_rows(read_rows(asked.corpus / "human.csv")), encoder, cache)
    parts = split_speakers(clips)
    counts = {name: len({clip.speaker for clip in part}) for name, part in parts.items()}
    if asked.fit:
        write_backend(fit_backend(parts, encoder), asked.fit, about={"speakers": counts, "source": COHORT_SOURCE})
    backend = load_backend(encoder, asked.fit)
    copied = read_rows(asked.corpus / "synthetic.csv")
    scores = {row["clip_id"]: float(row["score"]) for row in read_rows(asked.scores)} if asked.scores else None
    human = read_rows(asked.corpus / "human.csv")
    copies = measure_copies(parts["test"], human, copied, backend, asked.copies, scores)
    figures = {
        "encoder": encoder.version,
        "speakers": counts,
        "conditions": measure_conditions(parts["test"], backend),
        "copies": copies,
    }
    print_tables(figures)
    if asked.out:
        asked.out.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
