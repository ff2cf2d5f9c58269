"""Honest customers, other people and clones against both checks: ``python -m research.scorer.verifying``.

Three clips of a person enrol; probes are other clips of the person, of other people, and synthetic ones of the same
voice, joined until they have ten seconds of speech. The voice is compared as the telephone carries it; the spoof check
is that of a model over the same clips' segments, by classifiers that have not seen their source.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import decode, resample
from audio_batch.speaker.encoder import load_encoder, unit
from audio_batch.speaker.normalisation import load_backend
from audio_batch.speaker.verification import weigh_together
from audio_batch.speaker.voice import embed_classes, keep_speech
from audio_batch.spoof.model import load_model
from audio_batch.spoof.pooling import Pooling
from research.scorer.describing import NARROW_RATE, Entry, read_entries
from research.scorer.foreign import score_rows
from research.scorer.shipping import COLUMNS
from research.scorer.table import Scores, Table, fuse_unseen, read_table

Signal = NDArray[np.float32]

ENROLMENT, PROBE_SECONDS = 3, 10.0
LIMITS = (-3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Trial:
    """One probe against one enrolled person.

    Attributes
    ----------
    kind
        ``honest``, ``impostor`` or ``clone``.
    """

    kind: str
    person: str
    source: str
    voice_ratio: float
    spoof_ratio: float


def name_people(entries: Sequence[Entry]) -> dict[str, str]:
    """Return whose voice each clip has, by its hash: the speaker, or the only one that its corpus has."""
    speakers: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if not entry.synthetic and entry.speaker:
            speakers[entry.corpus].add(entry.speaker)
    people = {}
    for entry in entries:
        only = speakers[entry.corpus] if len(speakers[entry.corpus]) == 1 and entry.corpus else set()
        speaker = entry.speaker or next(iter(only), "")
        if speaker:
            people[entry.sha256] = f"{entry.corpus}: {speaker}"
    return people


class Corpus:
    """Clips with their speech at 8 kHz and their spoof scores."""

    def __init__(self, folder: Path, odds: dict[str, Scores], pooling: Pooling) -> None:
        self._folder, self._odds, self._pooling = folder, odds, pooling
        self._engine = load_encoder()
        self.backend = load_backend(self._engine)

    def read_speech(self, entry: Entry) -> Signal:
        """Return the speech of a clip."""
        signal, rate = decode(self._folder / entry.clip, max_seconds=60.0)
        return keep_speech(
            resample(np.ascontiguousarray(signal.mean(axis=1)), rate, NARROW_RATE), NARROW_RATE
        )  # fmt: skip

    def embed(self, speech: Signal) -> Signal:
        """Return the voice in some speech as the telephone carries it."""
        return embed_classes(speech, NARROW_RATE, "narrowband", self._engine)["narrowband"]

    def make_probes(self, entries: Iterable[Entry]) -> Iterator[tuple[str, Signal, float]]:
        """Yield source, voice and spoof ratio of clips that are joined until they have enough speech."""
        taken: list[Entry] = []
        parts: list[Signal] = []
        for entry in entries:
            parts.append(self.read_speech(entry))
            taken.append(entry)
            if sum(map(len, parts)) >= PROBE_SECONDS * NARROW_RATE:
                odds = np.concatenate([self._odds[clip.sha256] for clip in taken])
                yield taken[0].source, self.embed(np.concatenate(parts)), self._pooling.pool(odds)
                taken, parts = [], []


def run_trials(entries: Sequence[Entry], corpus: Corpus, known: Container[str]) -> Iterator[Trial]:
    """Yield every trial; `known` are the hashes of clips that have spoof scores."""
    people = name_people(entries)
    clips: dict[tuple[str, bool], list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda e: e.sha256):
        if entry.sha256 in people and entry.sha256 in known:
            clips[people[entry.sha256], entry.synthetic].append(entry)
    enrolled: dict[str, Signal] = {}
    probes = []
    for (person, synthetic), own in clips.items():
        rest = own
        if not synthetic and len(own) > ENROLMENT:
            voices = [corpus.embed(corpus.read_speech(entry)) for entry in own[:ENROLMENT]]
            enrolled[person] = unit(np.mean(voices, axis=0))
            rest = own[ENROLMENT:]
        probes += [(person, synthetic, *probe) for probe in corpus.make_probes(rest)]
    for person, voiceprint in enrolled.items():
        for owner, synthetic, source, voice, spoof in probes:
            if owner == person or not synthetic:
                kind = "clone" if synthetic else "honest" if owner == person else "impostor"
                score = corpus.backend.compare(voiceprint, voice, "narrowband")
                yield Trial(kind, person, source, float(corpus.backend.weigh(score, "narrowband")[0, 0]), spoof)


def print_errors(trials: Sequence[Trial], least: float) -> None:
    """Print what is refused and accepted at each limit; people weigh the same. A voice needs `least` as well."""
    together = np.array([weigh_together(trial.voice_ratio, trial.spoof_ratio) for trial in trials])
    print("| limit | honest refused % | clones accepted % | other people accepted % |\n|---:|---:|---:|---:|")
    for limit in LIMITS:
        rates = []
        for kind in ("honest", "clone", "impostor"):
            people: dict[str, list[bool]] = defaultdict(list)
            for trial, ratio in zip(trials, together, strict=True):
                if trial.kind == kind:
                    people[trial.person].append(bool(ratio >= limit and trial.voice_ratio >= least))
            accepted = float(np.mean([np.mean(kept) for kept in people.values()])) if people else float("nan")
            rates.append(1 - accepted if kind == "honest" else accepted)
        print(f"| {limit:.2f} | " + " | ".join(f"{100 * rate:.1f}" for rate in rates) + " |")
    counts = {kind: sum(t.kind == kind for t in trials) for kind in ("honest", "clone", "impostor")}
    print(counts, len({trial.person for trial in trials}), "people")


def collect_odds(table: Table, odds: Scores, entries: Sequence[Entry]) -> dict[str, Scores]:
    """Return the log-odds of the plain segments of each clip by its hash."""
    return {
        entries[number].sha256: odds[table.plain & (table.clips == number)]
        for number in np.unique(table.clips[table.plain])
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the errors at several limits."""
    parser = argparse.ArgumentParser(prog="python -m research.scorer.verifying", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="clips.csv of the corpus")
    parser.add_argument("--descriptions", type=Path, required=True, help="folder that describing wrote")
    parser.add_argument("--model", help="name or folder of a model [default the shipped one]")
    parser.add_argument("--unseen", type=Path, help="unseen.npz of shipping: the side that was trained on")
    options = parser.parse_args(arguments)
    side = "train" if options.unseen else "evaluation"
    entries = [entry for entry in read_entries(options.table) if entry.split == side and not entry.original]
    table, model = read_table(entries, options.descriptions), load_model(options.model)
    if options.unseen:
        odds = fuse_unseen(table, np.load(options.unseen)["outputs"][:, COLUMNS[model.version]])
    else:
        odds = score_rows(model, table)[0]
    known = collect_odds(table, odds, entries)
    corpus = Corpus(options.table.parent, known, model.pooling)
    print_errors(list(run_trials(entries, corpus, known)), corpus.backend.accept_llr)


if __name__ == "__main__":
    main()
