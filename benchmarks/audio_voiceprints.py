"""How well voiceprints tell voices apart: ``python -m benchmarks.audio_voiceprints --corpus FOLDER [--fit OUT.npz]``.

The folder holds ``human.csv`` and ``synthetic.csv`` with the columns of the corpus manifest and the clips that they
name. Speakers are split by source and by the hash of their name: LibriSpeech train-clean speakers give the cohort (two
of three) and the calibration (one of three); the speakers with at least six clips give the test. No speaker is in two
of the three. ``--fit`` makes cohort and calibration anew, for the shipped encoder or for ``--encoder FILE.onnx``.
Prints the tables as Markdown; ``--out`` writes all figures as JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from audio_batch.decoding import decode, resample
from audio_batch.speaker.encoder import load_encoder, unit
from audio_batch.speaker.normalisation import Backend, load_backend, name_comparison, write_backend
from audio_batch.speaker.voice import ChannelClass, embed_classes
from benchmarks.voiceprint_clips import (
    CHANNELS,
    COHORT_SOURCE,
    Clip,
    Row,
    choose_rows,
    embed_clips,
    read_rows,
    read_speech,
    split_speakers,
)
from benchmarks.voiceprint_trials import (
    ENROLMENT_CLIPS,
    cost_of_ratios,
    fit_backend,
    keep_same_source,
    make_trials,
    measure_eer,
    pooled,
    score_cosines,
    score_with,
)

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
        ratio = weigh_voice(row["path"], own, backend) if len(own) >= ENROLMENT_CLIPS else None
        if ratio is not None:
            matches.append(ratio >= backend.accept_llr)
            against.append(is_against(row, scores, ratio))
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


def weigh_voice(path: str, own: list[Clip], backend: Backend) -> float | None:
    """Return the log-likelihood ratio of a clip sent over G.711 by three others of the speaker; None without speech."""
    read = read_speech(path)
    if read is None:
        return None
    carried = CHANNELS["g711"](resample(*read, 8000))
    probe = embed_classes(carried, 8000, "narrowband", load_encoder())["narrowband"]
    enrolled = unit(np.mean([clip.embeddings["g711"] for clip in own[:ENROLMENT_CLIPS]], axis=0))
    return float(backend.weigh(backend.compare(enrolled, probe, "narrowband"), "narrowband")[0, 0])


def is_against(row: Row, scores: dict[str, float] | None, ratio: float) -> bool | None:
    """Say whether the spoof check, weighed with the voice, is against a clip sent over G.711; None without a score."""
    import tempfile

    import soundfile

    from audio_batch.speaker.verification import ACCEPT_TOGETHER, ask_scorer, doubt_recording, weigh_together
    from audio_batch.spoof.metrics import log_odds

    if scores is not None:
        score = scores.get(row["clip_id"])
        return None if score is None else weigh_together(ratio, float(log_odds(score))) < ACCEPT_TOGETHER
    signal, rate = decode(row["path"])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "probe.wav"
        soundfile.write(file, resample(np.ascontiguousarray(signal[:, 0]), rate, 8000), 8000, subtype="ULAW")
        verdict = ask_scorer(file, None)
    return bool(doubt_recording(verdict, ratio)) if verdict else None


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
